//! What is known of the files of an upstream.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ops::mirror::pull::Validator;
use crate::repository::RepositoryPath;
use crate::serve::files::bounded_cache::BoundedCache;

/// What is known of each file, of those that were asked for last. What is forgotten is asked for again.
pub(super) struct Memory(Mutex<BoundedCache<String, KnownFile>>);

/// What is known of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownFile {
    /// With which the next request is conditional.
    pub validator: Option<Arc<Validator>>,
    /// When the store last had what upstream has.
    pub confirmed: Option<Instant>,
    /// Until when upstream is not asked again.
    pub fresh_until: Option<Instant>,
    /// Until when upstream is not asked again for a file that it did not have.
    pub missing_until: Option<Instant>,
    /// Until when upstream is not asked again after an error.
    pub failed_until: Option<Instant>,
}

/// How many files are known at least.
const FILES: usize = 1 << 16;

impl KnownFile {
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.fresh_until.is_some_and(|until| now < until)
    }

    pub fn is_missing(&self, now: Instant) -> bool {
        self.missing_until.is_some_and(|until| now < until)
    }

    pub fn has_failed(&self, now: Instant) -> bool {
        self.failed_until.is_some_and(|until| now < until)
    }

    /// For how long it has not been fresh.
    pub fn stale_for(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.fresh_until?))
    }
}

impl Memory {
    pub fn new() -> Self {
        Self(Mutex::new(BoundedCache::new(FILES)))
    }

    pub fn get(&self, path: &str) -> KnownFile {
        self.lock().get(path).unwrap_or_default()
    }

    pub fn set(&self, path: &RepositoryPath, known: KnownFile) {
        let evicted = self.lock().insert(path.as_str().to_owned(), known, 1);
        drop(evicted);
    }

    fn lock(&self) -> MutexGuard<'_, BoundedCache<String, KnownFile>> {
        // Each entry is replaced in one step, so it is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
