//! Why a file of a store could not be read or changed.

use std::fmt;
use std::io;

use crate::beneath::LeadsOut;
use crate::repository::{CopyError, SourceError, SourceErrorKind};

/// A file could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[error("could not {operation} {location}")]
pub struct StoreError {
    /// What was to be done.
    pub operation: Operation,
    /// The location of the file, as messages name it.
    pub location: String,
    /// Why it was not done.
    #[source]
    pub kind: StoreErrorKind,
}

/// What was to be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// List a folder.
    List,
    /// Read a file.
    Read,
    /// Ask for the kind and the size of a file.
    Inspect,
    /// Open a folder.
    Open,
    /// Take the lock.
    Lock,
    /// Create a folder.
    Create,
    /// Write a file.
    Write,
    /// Write to a path below a link.
    WriteThrough,
    /// Remove a file.
    Remove,
    /// Flush a folder or a file system to the disk.
    Flush,
    /// Check that a file is still as it was written.
    Confirm,
}

/// The verb.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Inspect => "inspect",
            Self::Open => "open",
            Self::Lock => "lock",
            Self::Create => "create",
            Self::Write => "write",
            Self::WriteThrough => "write through",
            Self::Remove => "remove",
            Self::Flush => "flush",
            Self::Confirm => "confirm",
        })
    }
}

/// Why a file could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreErrorKind {
    /// The file is not as it was when it was read, or another writer changes it at this moment. Reading it anew and
    /// trying again may succeed.
    #[error("another writer changed it in the meantime")]
    Conflict,
    /// The file is a tombstone that is too young to be replaced.
    #[error("a removal of it is in progress, or was interrupted")]
    BeingRemoved,
    /// The store does not keep two writers apart.
    #[error(transparent)]
    ConditionsIgnored(#[from] ConditionalWriteError),
    /// The local file that was to be copied is another one than the one that was checked.
    #[error("the tarball is not, or no longer, the one that is signed")]
    SourceChanged,
    /// A link leads out of the repository, in a store that does not follow such links.
    #[error(transparent)]
    LeadsOut(#[from] LeadsOut),
    /// The file or the repository is missing.
    #[error(transparent)]
    NotFound(io::Error),
    /// A folder is expected, and there is something else.
    #[error(transparent)]
    NotADirectory(io::Error),
    /// The permissions or the credentials do not allow it.
    #[error(transparent)]
    Denied(io::Error),
    /// The disk is full, or a quota is used up.
    #[error(transparent)]
    NoSpace(io::Error),
    /// The server did not answer.
    #[error(transparent)]
    TimedOut(io::Error),
    /// The server cannot be reached, the connection broke, or the server cannot answer at this moment.
    #[error(transparent)]
    Unavailable(io::Error),
    /// Another reason.
    #[error(transparent)]
    Io(io::Error),
}

/// A bucket's store does not make writes conditional, so that of two writers at once one would lose its changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionalWriteError {
    /// A write that should create an object replaces one that is there.
    #[error(
        "the store ignores `If-None-Match`: of two writers at once, one would lose its changes"
    )]
    IfNoneMatchIgnored,
    /// A write that should replace a certain object replaces any other one.
    #[error("the store ignores `If-Match`: of two writers at once, one would lose its changes")]
    IfMatchIgnored,
    /// The store refuses every request with the header, whether or not the condition is met.
    #[error(
        "the store refuses every write with `{0}`, which it does not support: without it, of two writers at once, \
         one would lose its changes"
    )]
    Unsupported(
        /// The header of the condition.
        &'static str,
    ),
    /// The store refuses a write over an object whose tag is the very tag that the store gave.
    #[error("the store refuses `If-Match` with the tag that it gave")]
    NeverMet,
    /// The store gives objects no tags, so that no condition can name the one that was read.
    #[error("the store gives it no entity tag: of two writers at once, one would lose its changes")]
    NoTag,
}

impl StoreError {
    /// An operation that failed at a location.
    pub fn new(operation: Operation, location: String, kind: impl Into<StoreErrorKind>) -> Self {
        Self { operation, location, kind: kind.into() }
    }

    /// Another writer was faster.
    #[must_use]
    pub fn conflict(operation: Operation, location: String) -> Self {
        Self { operation, location, kind: StoreErrorKind::Conflict }
    }

    /// A file was not written from its source: the file at `location` or the local one is at fault.
    pub(crate) fn copying(location: String, error: CopyError) -> Self {
        match error {
            CopyError::Source(error) => error.into(),
            CopyError::Destination(error) => Self::new(Operation::Write, location, error),
        }
    }

    /// Whether the local tarball that was to be copied is no longer the one that was checked.
    #[must_use]
    pub fn is_source_changed(&self) -> bool {
        matches!(self.kind, StoreErrorKind::SourceChanged)
    }

    /// Whether another writer was faster and nothing else is wrong, so that another attempt may succeed.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Conflict | StoreErrorKind::BeingRemoved)
    }

    /// Whether another writer removes the file, or was interrupted when it did. The file does not tell which.
    #[must_use]
    pub fn is_being_removed(&self) -> bool {
        matches!(self.kind, StoreErrorKind::BeingRemoved)
    }

    /// Whether the store did not answer, so that a later attempt may succeed.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable(_) | StoreErrorKind::TimedOut(_))
    }

    /// What is wrong with the store's conditions, if that is why it failed: the store is fit for a single writer only.
    #[must_use]
    pub fn conditions(&self) -> Option<ConditionalWriteError> {
        match self.kind {
            StoreErrorKind::ConditionsIgnored(error) => Some(error),
            _ => None,
        }
    }
}

/// The local file is at fault, and not the one that was to be written.
impl From<SourceError> for StoreError {
    fn from(error: SourceError) -> Self {
        Self::new(Operation::Read, error.path.display().to_string(), error.kind)
    }
}

impl From<SourceErrorKind> for StoreErrorKind {
    fn from(kind: SourceErrorKind) -> Self {
        match kind {
            SourceErrorKind::Changed => Self::SourceChanged,
            SourceErrorKind::Io(error) => error.into(),
        }
    }
}

/// By the kind that the system, or the client of a bucket, gave the error.
impl From<io::Error> for StoreErrorKind {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            _ if LeadsOut::is_in(&error) => Self::LeadsOut(LeadsOut),
            io::ErrorKind::NotFound => Self::NotFound(error),
            io::ErrorKind::NotADirectory => Self::NotADirectory(error),
            io::ErrorKind::PermissionDenied => Self::Denied(error),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace(error),
            io::ErrorKind::TimedOut => Self::TimedOut(error),
            io::ErrorKind::NotConnected => Self::Unavailable(error),
            _ => Self::Io(error),
        }
    }
}

impl From<io::ErrorKind> for StoreErrorKind {
    fn from(kind: io::ErrorKind) -> Self {
        io::Error::from(kind).into()
    }
}

/// For callers that only pass the reason on.
impl From<StoreErrorKind> for io::Error {
    fn from(kind: StoreErrorKind) -> Self {
        match kind {
            StoreErrorKind::NotFound(error)
            | StoreErrorKind::NotADirectory(error)
            | StoreErrorKind::Denied(error)
            | StoreErrorKind::NoSpace(error)
            | StoreErrorKind::TimedOut(error)
            | StoreErrorKind::Unavailable(error)
            | StoreErrorKind::Io(error) => error,
            StoreErrorKind::LeadsOut(error) => error.into(),
            StoreErrorKind::Conflict
            | StoreErrorKind::BeingRemoved
            | StoreErrorKind::ConditionsIgnored(_)
            | StoreErrorKind::SourceChanged => Self::other(kind),
        }
    }
}
