//! Why a file was not pulled.

use std::io;

use crate::ops::mirror::file_error::FileError;
use crate::ops::mirror::request_error::RequestError;
use crate::store::StoreError;

/// Why a file was not pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// Upstream did not send it, or what it sent is refused.
    #[error(transparent)]
    Upstream(#[from] FileError),
    /// The file that the store has cannot be read, so that nothing tells whether upstream's is older.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system refuses threads, or a task was lost.
    #[error("could not run")]
    Run(#[source] io::Error),
}

impl PullError {
    /// Whether upstream could not be asked, so that it says nothing of what it has: it is down, busy, or not to be
    /// reached.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        let Self::Upstream(FileError::Request(error)) = self else { return false };
        match error {
            RequestError::Broken { .. }
            | RequestError::TooSlow { .. }
            | RequestError::Later { .. } => true,
            RequestError::Status { status, .. } => {
                status.is_server_error() || matches!(status.as_u16(), 408 | 429)
            }
            RequestError::TooLarge { .. } | RequestError::Page { .. } => false,
        }
    }
}
