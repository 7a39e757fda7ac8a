//! The tree that clients are served, and how it comes to change.

mod asset;
mod byte_source;
pub(crate) mod git;
mod litter;
mod path;

pub(crate) use asset::OCTET_STREAM;
pub use asset::{Asset, AssetKind};
pub(crate) use byte_source::LocalFile;
pub use byte_source::{ByteSource, Changing, SourceError};
pub(crate) use litter::is_litter;
pub use path::{Folder, RepositoryPath};
