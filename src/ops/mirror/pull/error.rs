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
    /// Whether upstream answered `403 Forbidden`.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Upstream(error) if error.is_forbidden())
    }

    /// Whether upstream as a whole does not answer: it is down, busy, or not to be reached. An error of one file says
    /// nothing of others.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        let Self::Upstream(FileError::Request(error)) = self else { return false };
        match error {
            RequestError::Broken { .. } | RequestError::Later { .. } => true,
            RequestError::Status { status, .. } => matches!(status.as_u16(), 429 | 503),
            RequestError::TooLarge { .. }
            | RequestError::TooSlow { .. }
            | RequestError::NoMemory { .. }
            | RequestError::Redirect { .. }
            | RequestError::Page { .. } => false,
        }
    }
}
