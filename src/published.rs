//! What a repository publishes: the one reader of its signed files and of its public key.
//!
//! ```text
//! bytes → within the limit → one gzip stream → a trusted key's signature → the right message
//!       → the right repository → the right package or policy
//! ```
//!
//! Everything else asks a [`Reader`], which reads from a store, or gives bytes that it has already to an
//! [`UncheckedDocument`]. How much is read of each file is decided here and in [`Resource::max_size`].
//!
//! [`Resource::max_size`]: crate::registry::Resource::max_size

mod document;
mod file;
mod key;
mod reader;

pub use document::DocumentError;
pub(crate) use document::{Document, UncheckedDocument};
pub(crate) use file::{open, open_unknown, payload, without_removal_mark};
pub(crate) use key::{PublishedKey, TrustedKeys};
pub(crate) use reader::{Published, Reader, is_signed_by};
