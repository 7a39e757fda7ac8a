//! Why a store could not be asked, for all who wait for its answer.

use std::io;
use std::time::Duration;

use super::download::DownloadError;
use crate::serve::error_chain::chain;
use crate::store::StoreError;

/// Why the store could not be asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct RequestFailure {
    kind: io::ErrorKind,
    text: String,
}

impl RequestFailure {
    /// A failure that is none of the store.
    pub fn new(text: impl Into<String>) -> Self {
        Self { kind: io::ErrorKind::Other, text: text.into() }
    }

    /// More requests wait than the store answers.
    pub fn overloaded() -> Self {
        let text = "too many requests to the storage wait".to_owned();
        Self { kind: io::ErrorKind::NotConnected, text }
    }

    /// What the store has of an object did not come.
    pub fn of_download(location: &str, error: DownloadError) -> Self {
        let text = format!("could not read {location}: {}", chain(&error));
        let kind = match error {
            DownloadError::Store(kind) => io::Error::from(kind).kind(),
            DownloadError::NoRoom(_) => io::ErrorKind::StorageFull,
        };
        Self { kind, text }
    }

    /// The store did not answer in time.
    pub fn timed_out(after: Duration) -> Self {
        let text = format!("the storage has not answered within {} s", after.as_secs_f64());
        Self { kind: io::ErrorKind::TimedOut, text }
    }
}

impl From<StoreError> for RequestFailure {
    fn from(error: StoreError) -> Self {
        let text = chain(&error);
        let kind = match io::Error::from(error.kind).kind() {
            // A file of credentials is missing, for example. The object may well be there.
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory => io::ErrorKind::Other,
            kind => kind,
        };
        Self { kind, text }
    }
}

impl From<RequestFailure> for io::Error {
    fn from(failure: RequestFailure) -> Self {
        Self::new(failure.kind, failure)
    }
}
