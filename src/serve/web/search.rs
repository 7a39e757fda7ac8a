//! The search in documentation.
//!
//! ```text
//! LatestDocs     the latest documentation of each package: read in the background, kept in the cache directory
//! PinnedDocs     other versions, which a lock file pins: read when they are asked for, in memory
//!  → DocsSearch  both, of one repository
//!  → found       what is found in all repositories that a reader may read
//!  → page, typesense
//! ```

pub(super) mod docs_search;
mod found;
mod index_files;
mod kept_index;
mod latest_docs;
mod lock_form;
mod named_locks;
mod page;
mod pinned_docs;
mod request;
mod typesense;

pub(super) use page::{form, from_home, show};
pub(super) use typesense::{answer, is_asked};
