//! Which objects of a bucket are known, and how long ago the store was asked for them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cached_object::{CachedObject, ObjectBytes};
use crate::repository::RepositoryPath;
use crate::serve::files::bounded_cache::BoundedCache;
use crate::store::Stamp;

/// How long a file is used before the store is asked whether it has changed, while clients still get it.
const FRESH: Duration = Duration::from_millis(500);

/// How long a file is used until the store has answered: a change by another server is seen after this time at the latest.
const AGING: Duration = Duration::from_secs(2);

/// How long a file is used while the store cannot be asked.
const STALE: Duration = Duration::from_secs(10 * 60);

/// In bytes: what an object weighs beside its bytes.
const OVERHEAD: usize = 256;

/// The largest part of the limit that is used in memory, in bytes.
const MAX_MEMORY: u64 = 64 << 20;

/// What is known of a path.
#[derive(Clone)]
pub(crate) enum Known {
    /// There is no such object.
    Missing,
    /// There is one with this stamp; its bytes were not asked for.
    Stamp(Stamp),
    /// The object.
    Object(Arc<CachedObject>),
}

/// How much what is known can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    /// It can be used, and the store has to be asked.
    Aging,
    /// The store has to be asked first; if it cannot be asked, it can be used.
    Stale,
    /// It can only be compared with what the store says.
    Outdated,
}

/// The cache of one repository.
pub(crate) struct BucketCache {
    began: Instant,
    /// Objects in memory, and what is known of others.
    memory: Mutex<BoundedCache<PathHash, CacheItem>>,
    /// Objects on disk.
    disk: Mutex<BoundedCache<PathHash, CacheItem>>,
    /// When a path was forgotten last, in milliseconds since `began`. What was asked before may be outdated.
    forgotten: AtomicU64,
}

type PathHash = [u8; 16];

#[derive(Clone)]
struct CacheItem {
    known: Known,
    /// When the store was asked last, in milliseconds since the cache began.
    asked: Arc<AtomicU64>,
}

/// The moment at which the store was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedAt(u64);

impl BucketCache {
    /// A cache of at most `size` bytes, of which a quarter, and no more than 64 MiB, are in memory.
    pub fn new(size: u64) -> Self {
        let memory = (size / 4).min(MAX_MEMORY);
        // A bounded cache keeps up to twice its limit.
        let half = |bytes: u64| usize::try_from(bytes / 2).unwrap_or(usize::MAX);
        Self {
            began: Instant::now(),
            memory: Mutex::new(BoundedCache::new(half(memory))),
            disk: Mutex::new(BoundedCache::new(half(size.saturating_sub(memory)))),
            forgotten: AtomicU64::new(0),
        }
    }

    /// What is known of a path.
    pub fn get(&self, path: &RepositoryPath) -> Option<(Known, Freshness)> {
        let hash = hash(path);
        let item = lock(&self.memory).get(&hash).or_else(|| lock(&self.disk).get(&hash))?;
        if let Known::Object(object) = &item.known {
            if object.has_failed() {
                return None;
            }
        }
        let asked = item.asked.load(Ordering::Relaxed);
        let age = Duration::from_millis(self.now().saturating_sub(asked));
        let freshness = match age {
            age if age < FRESH => Freshness::Fresh,
            age if age < AGING => Freshness::Aging,
            age if age < STALE => Freshness::Stale,
            _ => Freshness::Outdated,
        };
        Some((item.known, freshness))
    }

    /// The moment at which the store is asked.
    pub fn ask(&self) -> AskedAt {
        AskedAt(self.now())
    }

    /// Keeps what the store has answered.
    pub fn insert(&self, path: &RepositoryPath, known: &Known, asked: AskedAt) {
        let hash = hash(path);
        let item = CacheItem { known: known.clone(), asked: Arc::new(self.valid_from(asked)) };
        let is_on_disk = matches!(
            known,
            Known::Object(object) if matches!(object.bytes, ObjectBytes::Disk(_))
        );
        let (mut memory, mut disk) = (lock(&self.memory), lock(&self.disk));
        let weight = match known {
            Known::Object(object) => object.size().saturating_add(OVERHEAD),
            Known::Missing | Known::Stamp(_) => OVERHEAD,
        };
        if is_on_disk {
            memory.remove(&hash);
            disk.insert(hash, item, weight);
        } else {
            disk.remove(&hash);
            memory.insert(hash, item, weight);
        }
    }

    /// Notes that the store has answered that the object has not changed.
    pub fn confirm(&self, path: &RepositoryPath, asked: AskedAt) {
        let hash = hash(path);
        let item = lock(&self.memory).get(&hash).or_else(|| lock(&self.disk).get(&hash));
        if let Some(item) = item {
            let valid_from = self.valid_from(asked).into_inner();
            item.asked.store(valid_from, Ordering::Relaxed);
        }
    }

    /// Forgets a path that was written.
    pub fn forget(&self, path: &RepositoryPath) {
        // Later than any request that was sent in this millisecond.
        self.forgotten.store(self.now().saturating_add(1), Ordering::Relaxed);
        let hash = hash(path);
        lock(&self.memory).remove(&hash);
        lock(&self.disk).remove(&hash);
    }

    /// When an answer counts as asked for: one to a request from before the last write may be outdated.
    fn valid_from(&self, AskedAt(asked): AskedAt) -> AtomicU64 {
        let is_outdated = asked <= self.forgotten.load(Ordering::Relaxed) && asked > 0;
        let aging = u64::try_from(AGING.as_millis()).unwrap_or(u64::MAX);
        AtomicU64::new(if is_outdated { asked.saturating_sub(aging) } else { asked })
    }

    fn now(&self) -> u64 {
        let begin = Duration::from_secs(60 * 60);
        // Counted from an hour before the cache began, so that an age can be taken off.
        let since = self.began.elapsed().saturating_add(begin);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

fn hash(path: &RepositoryPath) -> PathHash {
    let hash = blake3::hash(path.as_str().as_bytes());
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Each map is changed in one step, so it is valid after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
