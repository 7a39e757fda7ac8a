//! How the runs of a mirror went.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::package::UnixSeconds;

/// How the runs of a mirror went so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorState {
    /// Whether one runs at this moment, here or on another server.
    pub is_running: bool,
    /// When the last one ended.
    pub ended: Option<UnixSeconds>,
    /// When the last one ended that brought the mirror up to date.
    pub succeeded: Option<UnixSeconds>,
    /// Why the last one did not bring all of it up to date.
    pub error: Option<String>,
}

/// The state of a mirror, which its runner changes.
#[derive(Debug, Default)]
pub struct MirrorStatus(Mutex<MirrorState>);

impl MirrorStatus {
    /// The state now.
    #[must_use]
    pub fn current(&self) -> MirrorState {
        self.lock().clone()
    }

    pub(crate) fn set(&self, state: MirrorState) {
        *self.lock() = state;
    }

    fn lock(&self) -> MutexGuard<'_, MirrorState> {
        // It is replaced in one step, so it is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
