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
    /// With the location, for those who do not know it.
    text: String,
    /// Without the location.
    reason: String,
}

impl RequestFailure {
    /// A failure that names no location.
    fn of(kind: io::ErrorKind, text: String) -> Self {
        Self { kind, reason: text.clone(), text }
    }

    /// A failure that is none of the store.
    pub fn new(text: impl Into<String>) -> Self {
        Self::of(io::ErrorKind::Other, text.into())
    }

    /// More requests wait than the store answers.
    pub fn overloaded() -> Self {
        let text = "too many requests to the storage wait".to_owned();
        Self::of(io::ErrorKind::NotConnected, text)
    }

    /// What the store has of an object did not come.
    pub fn of_download(location: &str, error: DownloadError) -> Self {
        let reason = chain(&error);
        let text = format!("could not read {location}: {reason}");
        let kind = match error {
            DownloadError::Store(kind) => io::Error::from(kind).kind(),
            DownloadError::NoRoom(_) => io::ErrorKind::StorageFull,
        };
        Self { kind, text, reason }
    }

    /// The store did not answer in time.
    pub fn timed_out(after: Duration) -> Self {
        let text = format!("the storage has not answered within {} s", after.as_secs_f64());
        Self::of(io::ErrorKind::TimedOut, text)
    }

    /// What is wrong, for a message that names the location itself.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The error for a caller that names the location itself.
    pub fn without_location(error: io::Error) -> io::Error {
        let failure = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>());
        match failure {
            Some(failure) => io::Error::new(failure.kind, failure.reason.clone()),
            None => error,
        }
    }
}

impl From<StoreError> for RequestFailure {
    fn from(error: StoreError) -> Self {
        let (text, reason) = (chain(&error), chain(&error.kind));
        let kind = match io::Error::from(error.kind).kind() {
            // A file of credentials is missing, for example. The object may well be there.
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory => io::ErrorKind::Other,
            kind => kind,
        };
        Self { kind, text, reason }
    }
}

impl From<RequestFailure> for io::Error {
    fn from(failure: RequestFailure) -> Self {
        Self::new(failure.kind, failure)
    }
}
