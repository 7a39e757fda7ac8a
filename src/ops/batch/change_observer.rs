//! Which files a transaction has changed, also one that failed.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::publish::observer::{Observer, Warning, Work};
use crate::repository::RepositoryPath;
use crate::store::Changed;

/// Notes the changed files, and passes everything on to the observer of the caller.
pub(super) struct ChangeObserver<'a> {
    observer: &'a dyn Observer,
    changed: Mutex<HashSet<RepositoryPath>>,
}

impl<'a> ChangeObserver<'a> {
    pub fn new(observer: &'a dyn Observer) -> Self {
        Self { observer, changed: Mutex::default() }
    }

    /// The files that were changed since the last call.
    pub fn take(&self) -> HashSet<RepositoryPath> {
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for ChangeObserver<'_> {
    fn warn(&self, warning: Warning) {
        self.observer.warn(warning);
    }

    fn began(&self, work: Work, parts: usize) {
        self.observer.began(work, parts);
    }

    fn progressed(&self, parts: usize, bytes: u64) {
        self.observer.progressed(parts, bytes);
    }

    fn changed(&self, path: &RepositoryPath, changed: Changed) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone());
        self.observer.changed(path, changed);
    }
}
