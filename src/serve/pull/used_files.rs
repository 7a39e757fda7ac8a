//! When each file was last asked for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::package::UnixSeconds;
use crate::repository::RepositoryPath;

/// When each file was last asked for, since the server started.
#[derive(Default)]
pub(super) struct UsedFiles(Mutex<HashMap<RepositoryPath, UnixSeconds>>);

impl UsedFiles {
    pub fn note(&self, path: &RepositoryPath, now: UnixSeconds) {
        let mut used = self.lock();
        match used.get_mut(path) {
            Some(time) => *time = now,
            None => drop(used.insert(path.clone(), now)),
        }
    }

    pub fn get(&self, path: &RepositoryPath) -> Option<UnixSeconds> {
        self.lock().get(path).copied()
    }

    pub fn forget(&self, path: &RepositoryPath) {
        self.lock().remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RepositoryPath, UnixSeconds>> {
        // Each entry is replaced in one step, so it is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
