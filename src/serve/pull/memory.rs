//! What is known of the files of an upstream.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::readiness::CacheAge;
use crate::bounded_cache::BoundedCache;
use crate::ops::mirror::pull::Validator;
use crate::repository::RepositoryPath;

/// What is known of the files that were asked for most recently. A file that is forgotten is requested again.
pub(super) struct Memory(Mutex<BoundedCache<String, KnownFile>>);

/// What is known of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownFile {
    /// It makes the next request conditional.
    pub validator: Option<Arc<Validator>>,
    /// When the store last had what upstream has.
    pub confirmed: Option<Instant>,
    /// How long upstream lets caches keep it.
    pub lifetime: Duration,
    /// Until when upstream is not asked again.
    pub fresh_until: Option<Instant>,
    /// How long it had been stale when it came from another cache, or when this server started.
    pub stale_before: Duration,
    /// Whether an earlier server has learned this: the file may have changed since.
    pub is_of_before: bool,
    /// Until when upstream is not asked again for a file that it did not have.
    pub missing_until: Option<Instant>,
    /// Until when upstream is not asked again after an error.
    pub failed_until: Option<Instant>,
}

/// How many files are known at least.
const FILES: usize = 1 << 16;

impl KnownFile {
    pub fn is_fresh(&self, now: Instant) -> bool {
        !self.is_of_before && self.fresh_until.is_some_and(|until| now < until)
    }

    pub fn is_missing(&self, now: Instant) -> bool {
        self.missing_until.is_some_and(|until| now < until)
    }

    pub fn has_failed(&self, now: Instant) -> bool {
        self.failed_until.is_some_and(|until| now < until)
    }

    /// For how long it has not been fresh.
    pub fn stale_for(&self, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(self.fresh_until?);
        Some(since.saturating_add(self.stale_before))
    }

    /// How long caches may keep it, and how old it is.
    pub fn cache_age(&self, now: Instant) -> Option<CacheAge> {
        let (until, lifetime) = (self.fresh_until?, self.lifetime);
        let left = until.saturating_duration_since(now);
        let age = lifetime.saturating_sub(left).saturating_add(self.stale_for(now)?);
        Some(CacheAge { lifetime, age })
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

    /// Notes what an earlier server knew, unless this one knows better.
    pub fn restore(&self, path: &RepositoryPath, known: KnownFile) {
        let mut memory = self.lock();
        if memory.get(path.as_str()).is_none() {
            drop(memory.insert(path.as_str().to_owned(), known, 1));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BoundedCache<String, KnownFile>> {
        // Each entry is replaced in one step, so it is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ages_from_the_first_cache_on() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let known = KnownFile {
            lifetime: 60 * second,
            fresh_until: Some(now + 40 * second),
            ..KnownFile::default()
        };
        let age = |known: &KnownFile, after| known.cache_age(now + after * second).unwrap().age;
        assert_eq!([0, 30, 40, 50].map(|after| age(&known, after).as_secs()), [20, 50, 60, 70]);
        assert!(known.is_fresh(now) && !known.is_fresh(now + 40 * second));
        let of_before = KnownFile {
            fresh_until: Some(now),
            stale_before: 100 * second,
            is_of_before: true,
            ..known
        };
        assert_eq!(age(&of_before, 5).as_secs(), 165);
        assert_eq!(of_before.stale_for(now + 5 * second), Some(105 * second));
        assert!(KnownFile::default().cache_age(now).is_none());
    }
}
