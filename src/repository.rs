//! The files of a repository: their paths, what clients ask for, and the bytes that become one.

mod asset;
mod asset_kind;
mod byte_source;
mod elixir_docs;
pub(crate) mod git;
mod litter;
mod media_type;
mod path;

pub use asset::Asset;
pub use asset_kind::AssetKind;
pub(crate) use asset_kind::OCTET_STREAM;
pub use byte_source::{ByteSource, SourceError, SourceErrorKind};
pub(crate) use byte_source::{CopyError, LocalFile};
pub use elixir_docs::is_elixirs;
pub(crate) use litter::is_litter;
pub(crate) use media_type::media_type;
pub use path::{Folder, RepositoryPath};
