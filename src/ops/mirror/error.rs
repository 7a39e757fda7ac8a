//! Why a whole run failed.

use std::io;

use super::file_error::FileError;
use super::selection::LeftOut;
use crate::name::RepositoryName;
use crate::proxy::InvalidProxy;
use crate::publish::lock::LockTimeout;
use crate::registry::Resource;
use crate::repository::RepositoryPath;
use crate::store::StoreError;

/// Why nothing was mirrored, or the run stopped.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum Error {
    /// The directory cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another hexreg holds the lock.
    #[error(transparent)]
    LockTimeout(#[from] LockTimeout),
    /// The directory has a registry with another key or another name, which the mirror would overwrite.
    #[error("{location} belongs to another repository")]
    OtherRegistry { location: String },
    /// Upstream has nothing of the selection. `left_out` is what the lock files pin elsewhere.
    #[error("nothing that was asked for is in the repository `{repository}`")]
    NothingWanted { repository: RepositoryName, left_out: Vec<LeftOut> },
    /// Without both indexes, nothing tells what has changed.
    #[error("{path}")]
    Index { path: RepositoryPath, source: Box<FileError> },
    #[error("could not set up the HTTP client")]
    Client(#[source] reqwest::Error),
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// The run was asked to end. What was mirrored is kept, and the next run resumes.
    #[error("the run was cancelled")]
    Cancelled,
    /// The system refuses threads, or a task was lost.
    #[error("could not run")]
    Run(#[source] io::Error),
}

impl Error {
    pub(super) fn index(resource: &Resource, error: FileError) -> Self {
        Self::Index { path: RepositoryPath::resource(resource), source: Box::new(error) }
    }
}
