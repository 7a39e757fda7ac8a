//! Why a tarball is rejected.

use std::io;

use crate::package::DuplicateRelease;
use crate::publish::dependencies::DependencyFaults;
use crate::tarball::{self, InvalidFileName, MetadataFaults};

/// A tarball that no registry may list.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub struct Rejection {
    pub location: String,
    pub cause: RejectionCause,
}

/// Why a tarball is rejected.
#[derive(Debug, thiserror::Error)]
pub enum RejectionCause {
    /// It is a directory.
    #[error("it is a directory: expected a tar archive")]
    Directory,
    /// It is a special file, and reading it could wait for ever.
    #[error("it is a device, a pipe or a socket: expected a tar archive")]
    NotAFile,
    /// The store reports why.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Reading it failed.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// It was listed and is gone.
    #[error("it vanished while the registry was built")]
    Vanished,
    /// Another process wrote to it or replaced it.
    #[error("it changed while the registry was built")]
    Changed,
    /// It has another name than the one that clients ask for.
    #[error(transparent)]
    FileName(#[from] InvalidFileName),
    /// Another tarball holds the same release.
    #[error(transparent)]
    DuplicateRelease(#[from] DuplicateRelease),
    /// It is not a sound tarball.
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
    /// Its metadata is not what that of a new release has to be.
    #[error(transparent)]
    Metadata(#[from] MetadataFaults),
    /// Its dependencies would harm clients.
    #[error(transparent)]
    Dependencies(#[from] DependencyFaults),
}
