//! A repository in a directory, which any static server can serve.
//!
//! ```text
//! dir/dir_store    the directory: where a file of the repository is
//! dir/store        how it is listed, read and locked
//! dir/write        how changes reach the disk
//! dir/access       who may read a file that replaces another one
//! dir/folder       how folders become durable
//! dir/link         why nothing is written through a link
//! dir/lock         the lock
//! dir/metadata     what the system says of a file
//! dir/real_folder  folders that are opened without following links
//! ```

mod access;
mod dir_store;
mod folder;
mod link;
mod lock;
mod metadata;
mod real_folder;
mod store;
mod write;

pub(crate) use access::keep as keep_access;
pub use dir_store::DirStore;
pub use folder::flush as flush_folder;
pub(crate) use link::is_trusted as is_trusted_owner;
pub(crate) use metadata::{modified, stamp};
pub(crate) use real_folder::{FolderEntry, RealFolder};
