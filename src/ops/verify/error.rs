//! Errors of a check.

use crate::publish::lock::LockTimeout;
use crate::store::StoreError;

/// Why a repository could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The repository cannot be listed or locked.
    #[error(transparent)]
    List(#[from] StoreError),
    /// The directory does not exist.
    #[error("there is no such directory")]
    Missing,
    /// A build was still running at the end of the timeout.
    #[error(transparent)]
    LockTimeout(#[from] LockTimeout),
}
