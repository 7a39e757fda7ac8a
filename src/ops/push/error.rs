//! Why a registry was not pushed.

use crate::ops::verify::Defect;
use crate::publish::breakage::Breakage;
use crate::publish::lock::LockTimeout;
use crate::publish::retry::Contended;
use crate::store::StoreError;

/// Why a registry was not pushed. Nothing was written, unless it is [`Error::Write`], or an earlier attempt met a
/// conflict with another writer: then the observer was told of what that attempt wrote.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum Error {
    /// What was to be pushed is not a sound registry.
    #[error("{location} cannot be pushed")]
    Unsound { location: String, source: Box<Defect> },
    /// A file is larger than the store takes in one upload.
    #[error("{location} has {size} bytes, and no more than {limit} are written there at once")]
    TooLarge { location: String, size: u64, limit: u64 },
    /// The destination is signed with another key. `pushed` is the fingerprint of the one here.
    #[error("{location} is another key than the one that signed what is pushed, {pushed}")]
    OtherKey { location: String, pushed: String },
    /// Clients were told what they would no longer be told.
    #[error("published data would be overwritten or removed in {} places", .0.len())]
    Loses(Vec<Breakage>),
    /// A file that no release names is at the path of a tarball. Another writer may be about to name it.
    #[error("{location} is there, is another tarball, and no release names it")]
    InTheWay { location: String },
    /// Another process held a lock for too long.
    #[error(transparent)]
    LockTimeout(#[from] LockTimeout),
    /// Either side cannot be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// A change failed. Those that the observer was told of were made, and every file is whole.
    #[error(transparent)]
    Write(StoreError),
}

impl Contended for Error {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Read(error) | Self::Write(error) => Some(error),
            _ => None,
        }
    }

    fn after_writing(self) -> Self {
        match self {
            Self::Read(error) => Self::Write(error),
            other => other,
        }
    }

    /// A writer uploads a tarball before the file that names it.
    fn may_be_unfinished(&self) -> bool {
        matches!(self, Self::InTheWay { .. })
    }
}
