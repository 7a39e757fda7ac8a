//! The tree that clients are served, and how it comes to change.

mod asset;
pub(crate) mod git;
mod litter;
mod path;
mod source;

pub(crate) use asset::OCTET_STREAM;
pub use asset::{Asset, AssetKind};
pub(crate) use litter::is_litter;
pub use path::{Folder, RepositoryPath};
pub(crate) use source::LocalFile;
pub use source::{Changing, Source, SourceError};
