//! Which objects of a bucket are known, and how long ago the store was asked for them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::cached_object::{CachedObject, ObjectBytes};
use crate::bounded_cache::{BoundedCache, Evicted};
use crate::repository::{Folder, RepositoryPath};
use crate::store::Stamp;

/// How long a file is used before the store is asked whether it has changed, while clients still get it.
const FRESH: Duration = Duration::from_millis(500);

/// How long a file is used until the store has answered: a change by another server is seen after this time at the latest.
const AGING: Duration = Duration::from_secs(2);

/// The same of a tarball whose package is unchanged. Another one would have another checksum in its package, which is
/// asked for more often. Only one that was damaged is repaired without a change of its package.
const FRESH_TARBALL: Duration = Duration::from_secs(30);
const AGING_TARBALL: Duration = Duration::from_secs(60);

/// How long a file is used while the store cannot be asked.
const STALE: Duration = Duration::from_secs(10 * 60);

/// In bytes: what an object weighs beside its bytes, with its path.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    memory: Mutex<BoundedCache<RepositoryPath, CacheItem>>,
    /// Objects on disk.
    disk: Mutex<BoundedCache<RepositoryPath, CacheItem>>,
}

#[derive(Clone)]
struct CacheItem {
    known: Known,
    /// When the store was asked last.
    asked: Moment,
    /// When the answer came in which the file was first as it is now: it was written before.
    found: Moment,
}

/// Microseconds since the cache began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Known {
    /// The stamp; `None` if there is no such object.
    pub fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::Missing => None,
            Self::Stamp(stamp) => Some(*stamp),
            Self::Object(object) => Some(object.stamp),
        }
    }

    fn has_failed(&self) -> bool {
        matches!(self, Self::Object(object) if object.has_failed())
    }

    fn is_on_disk(&self) -> bool {
        matches!(self, Self::Object(object) if matches!(object.bytes, ObjectBytes::Disk(_)))
    }

    fn weight(&self) -> usize {
        match self {
            Self::Object(object) => object.size().saturating_add(OVERHEAD),
            Self::Missing | Self::Stamp(_) => OVERHEAD,
        }
    }
}

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
        }
    }

    /// What is known of a path.
    pub fn get(&self, path: &RepositoryPath) -> Option<(Known, Freshness)> {
        let item = self.item(path)?;
        let asked = item.asked;
        let age = Duration::from_micros(self.now().0.saturating_sub(asked.0));
        let package = package_of(path).and_then(|package| self.item(&package));
        // A tarball is written before the package that names it. One that was replaced must not be sent to a client that
        // has read the checksum of the new one.
        let is_older = package.as_ref().is_some_and(|package| package.found >= asked);
        let is_object = |item: &CacheItem| matches!(item.known, Known::Object(_));
        let is_tarball = package.as_ref().is_some_and(is_object)
            && is_object(&item)
            && path.folder() == Folder::Tarballs;
        let (fresh, aging) =
            if is_tarball { (FRESH_TARBALL, AGING_TARBALL) } else { (FRESH, AGING) };
        let freshness = match age {
            age if age >= STALE => Freshness::Outdated,
            age if age >= aging || is_older => Freshness::Stale,
            age if age >= fresh => Freshness::Aging,
            _ => Freshness::Fresh,
        };
        Some((item.known, freshness))
    }

    fn item(&self, path: &RepositoryPath) -> Option<CacheItem> {
        let in_memory = lock(&self.memory).get(path);
        let item = in_memory.or_else(|| lock(&self.disk).get(path))?;
        (!item.known.has_failed()).then_some(item)
    }

    /// The moment at which the store is asked.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Keeps what the store has answered, unless a later request was answered before. Returns what is known now.
    pub fn insert(&self, path: &RepositoryPath, known: Known, asked: Moment) -> Known {
        let (mut memory, mut disk) = (lock(&self.memory), lock(&self.disk));
        let former = memory.get(path).or_else(|| disk.get(path));
        let mut found = self.now();
        if let Some(former) = former.filter(|former| !former.known.has_failed()) {
            if former.asked > asked {
                return known;
            }
            if former.known.stamp() == known.stamp() {
                found = former.found;
                // Its bytes are known already.
                if let (Known::Object(object), Known::Stamp(_)) = (&former.known, &known) {
                    drop((memory, disk));
                    self.confirm(path, object, asked);
                    return former.known;
                }
            }
        }
        let item = CacheItem { known: known.clone(), asked, found };
        let evicted = if known.is_on_disk() {
            memory.remove(path);
            disk.insert(path.clone(), item, known.weight())
        } else {
            disk.remove(path);
            memory.insert(path.clone(), item, known.weight())
        };
        drop((memory, disk));
        remove_files(evicted);
        known
    }

    /// Notes that the store has answered that the object has not changed.
    pub fn confirm(&self, path: &RepositoryPath, object: &Arc<CachedObject>, asked: Moment) {
        let in_memory = matches!(object.bytes, ObjectBytes::Memory(_));
        let items = if in_memory { &self.memory } else { &self.disk };
        if let Some(item) = lock(items).get_mut(path).filter(|item| item.is(object)) {
            item.asked = item.asked.max(asked);
        }
    }

    /// Forgets a path that was written.
    pub fn forget(&self, path: &RepositoryPath) {
        lock(&self.memory).remove(path);
        lock(&self.disk).remove(path);
    }

    /// Forgets an object whose file another program has removed.
    pub fn forget_object(&self, path: &RepositoryPath, object: &Arc<CachedObject>) {
        if self.item(path).is_some_and(|item| item.is(object)) {
            self.forget(path);
        }
    }
}

impl CacheItem {
    fn is(&self, other: &Arc<CachedObject>) -> bool {
        matches!(&self.known, Known::Object(object) if Arc::ptr_eq(object, other))
    }
}

/// The package that names a tarball, or a documentation.
fn package_of(path: &RepositoryPath) -> Option<RepositoryPath> {
    let folder = path.folder();
    let release = match folder {
        Folder::Tarballs | Folder::Docs => folder.release(path.file_name())?,
        _ => return None,
    };
    Some(RepositoryPath::package(&release.package))
}

/// Drops entries, whose files on disk are removed then. Those may be thousands.
fn remove_files(evicted: Evicted<RepositoryPath, CacheItem>) {
    if evicted.values().any(|(item, _)| item.known.is_on_disk()) {
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn_blocking(move || drop(evicted)));
        }
    }
}

/// Each map is changed in one step, so it is valid after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
