//! What keeps other writers away from a store.

use std::fs::File;
use std::io;

/// The result of asking for a lock.
#[derive(Debug)]
pub enum LockOutcome {
    /// The caller holds the lock.
    Held(Lock),
    /// Another process holds the lock.
    Busy,
    /// There are no locks here, as on some network file systems; with the system's reason.
    Unsupported(io::Error),
}

/// A lock, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    /// The open file that the system ties the lock to.
    _file: Option<File>,
}

impl Lock {
    /// A lock that ends when this file is closed.
    pub(super) fn of_file(file: File) -> Self {
        Self { _file: Some(file) }
    }

    /// The lock of a store that has none: conditions or a single writer take its place.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self { _file: None }
    }
}
