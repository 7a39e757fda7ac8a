//! Why a file was not written to a bucket.

use std::io;

use crate::repository::SourceError;
use crate::store::error::{ConditionalWriteError, StoreErrorKind};

/// Why a file was not written.
pub(super) enum WriteError {
    /// The local file that was to be copied is at fault.
    Source(SourceError),
    /// The bucket is at fault.
    Bucket(StoreErrorKind),
}

impl From<SourceError> for WriteError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<StoreErrorKind> for WriteError {
    fn from(error: StoreErrorKind) -> Self {
        Self::Bucket(error)
    }
}

impl From<ConditionalWriteError> for WriteError {
    fn from(error: ConditionalWriteError) -> Self {
        Self::Bucket(error.into())
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Bucket(error.into())
    }
}
