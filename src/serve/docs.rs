//! Documentation of packages, read in place: `docs/NAME-VERSION.tar.gz` as pages at `docs/NAME/VERSION/`.
//!
//! ```text
//! service    which origin it is in, and who may read it: origin, pass, path
//!  → shown   which release: listing; the archive, unpacked: packs
//!    → links what links may lead to; rewritten: files that were changed
//!  → response, missing
//! ```

mod links;
pub(super) mod listing;
mod missing;
pub(super) mod origin;
mod packs;
pub(super) mod pass;
mod path;
mod response;
mod rewritten;
pub(super) mod service;
mod shown;
mod visit;
