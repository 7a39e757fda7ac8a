//! What the tarballs of releases say for people: read once, and kept while there is room.
//!
//! An entry is known by the signed checksum of its tarball, so it never goes stale. The cache may be lost at any time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, Semaphore};
use tokio::task::spawn_blocking;

use super::byte_cache::ByteCache;
use crate::bounded_cache::BoundedCache;
use crate::checksum::OuterChecksum;
use crate::repository::RepositoryPath;
use crate::serve::error_chain::chain;
use crate::serve::files::source::FileSource;
use crate::store::StoreError;
use crate::tarball::{self, Description, FileName, Limits};

/// In bytes: how much is kept at least, of the releases that were asked for last. Most take 200.
const CACHED: usize = 16 << 20;

/// How many tarballs that cannot be used are kept in mind at least.
const FAILURES: usize = 1 << 12;

/// How many tarballs are read at once: each may have 16 MiB.
const READERS: usize = 2;

/// In bytes: the largest buffer that is kept. Most tarballs fit.
const KEPT_BUFFER: usize = 1 << 20;

/// How long a tarball that cannot be used is not read again, unless it is missing.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The descriptions of the releases of one repository.
pub(crate) struct MetadataCache {
    source: Arc<dyn FileSource>,
    limits: Limits,
    known: Mutex<ByteCache<OuterChecksum>>,
    /// The tarballs that cannot be used.
    failed: Mutex<BoundedCache<OuterChecksum, FailedRead>>,
    /// The tarballs that are being read, or waited for.
    running: Mutex<HashMap<OuterChecksum, Arc<SharedRead>>>,
    readers: Arc<Semaphore>,
    /// Kept for the next read.
    buffer: Mutex<Vec<u8>>,
}

/// The one read that all requests for a release wait for.
type SharedRead = OnceCell<Option<Arc<Description>>>;

/// A tarball that cannot be used.
#[derive(Clone, Copy)]
struct FailedRead {
    /// Until then it is not logged again, nor read again unless it is missing.
    until: Instant,
    /// A reverted release may be published again at any moment, and to look for its tarball costs little.
    is_missing: bool,
}

/// What is known of a tarball.
enum CachedDescription {
    Known(Arc<Description>),
    /// It is damaged, or another one.
    Unusable,
}

/// Why there is no description of a release.
#[derive(Debug, thiserror::Error)]
enum DescriptionError {
    #[error("it is missing")]
    Missing,
    #[error(transparent)]
    Unreadable(#[from] StoreError),
    #[error(
        "its checksum is {}…, and the signed one {}…", .found.excerpt(), .signed.excerpt()
    )]
    AnotherTarball { found: OuterChecksum, signed: OuterChecksum },
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
}

impl MetadataCache {
    pub fn new(source: Arc<dyn FileSource>) -> Self {
        Self {
            source,
            limits: Limits::HEX,
            known: Mutex::new(ByteCache::new(CACHED)),
            failed: Mutex::new(BoundedCache::new(FAILURES)),
            running: Mutex::default(),
            readers: Arc::new(Semaphore::new(READERS)),
            buffer: Mutex::default(),
        }
    }

    /// What the tarball of a release says, if it is the one with the signed checksum; `None` if it is another one, or
    /// cannot be read, which the log says.
    pub async fn get(
        self: &Arc<Self>,
        release: &FileName,
        checksum: OuterChecksum,
    ) -> Option<Arc<Description>> {
        if let Some(cached) = self.cached(&checksum) {
            return cached.description();
        }
        let running = RunningRead::join(self, checksum);
        let read = running.read.get_or_init(async || {
            // A former read may have ended just before this one began.
            if let Some(cached) = self.cached(&checksum) {
                return cached.description();
            }
            let permit = Arc::clone(&self.readers).acquire_owned().await;
            let (this, release) = (Arc::clone(self), release.clone());
            // If the client gives up, the read goes on, and keeps its permit until it ends.
            let reading = spawn_blocking(move || {
                let read = this.read(&release, checksum);
                drop(permit);
                read
            });
            reading.await.ok().flatten()
        });
        read.await.clone()
    }

    /// As [`get`](Self::get), on a thread that may block.
    pub fn get_blocking(
        &self,
        release: &FileName,
        checksum: OuterChecksum,
    ) -> Option<Arc<Description>> {
        match self.cached(&checksum) {
            Some(cached) => cached.description(),
            None => self.read(release, checksum),
        }
    }

    /// What is known already.
    pub fn known(&self, checksum: &OuterChecksum) -> Option<Arc<Description>> {
        self.cached(checksum)?.description()
    }

    fn cached(&self, checksum: &OuterChecksum) -> Option<CachedDescription> {
        if let Some(bytes) = lock(&self.known).get(checksum) {
            let description = postcard::from_bytes(bytes).ok()?;
            return Some(CachedDescription::Known(Arc::new(description)));
        }
        let failed = self.failed(checksum)?;
        (!failed.is_missing).then_some(CachedDescription::Unusable)
    }

    /// The last read of a tarball, if it failed a short time ago.
    fn failed(&self, checksum: &OuterChecksum) -> Option<FailedRead> {
        lock(&self.failed).get(checksum).filter(|failed| Instant::now() < failed.until)
    }

    /// Keeps what a tarball says that was read elsewhere.
    pub fn keep(&self, checksum: OuterChecksum, description: &Description) {
        if let Ok(bytes) = postcard::to_stdvec(description) {
            lock(&self.known).insert(checksum, &bytes);
        }
    }

    fn read(&self, release: &FileName, checksum: OuterChecksum) -> Option<Arc<Description>> {
        let path = RepositoryPath::tarball(release);
        match self.read_tarball(&path, checksum) {
            Ok(description) => {
                self.keep(checksum, &description);
                Some(Arc::new(description))
            }
            Err(error) => {
                let is_missing = matches!(error, DescriptionError::Missing);
                let known = self.failed(&checksum);
                if known.is_none_or(|known| known.is_missing != is_missing) {
                    let path = self.source.store().locate(&path);
                    tracing::warn!(path, error = chain(&error), "its description is not shown");
                    let now = Instant::now();
                    let until = now.checked_add(RETRY_AFTER).unwrap_or(now);
                    lock(&self.failed).insert(checksum, FailedRead { until, is_missing }, 1);
                }
                None
            }
        }
    }

    fn read_tarball(
        &self,
        path: &RepositoryPath,
        signed: OuterChecksum,
    ) -> Result<Description, DescriptionError> {
        let mut buffer = std::mem::take(&mut *lock(&self.buffer));
        let content = self.source.store().read(path, self.limits.tarball, &mut buffer);
        let described = match content {
            Ok(Some(_)) => self.describe(&buffer, signed),
            Ok(None) => Err(DescriptionError::Missing),
            Err(error) => Err(error.into()),
        };
        buffer.clear();
        buffer.shrink_to(KEPT_BUFFER);
        *lock(&self.buffer) = buffer;
        described
    }

    fn describe(
        &self,
        tarball: &[u8],
        signed: OuterChecksum,
    ) -> Result<Description, DescriptionError> {
        if tarball.len() > self.limits.tarball {
            return Err(tarball::Error::TooLarge { limit: self.limits.tarball }.into());
        }
        let found = OuterChecksum::of(tarball);
        if found != signed {
            return Err(DescriptionError::AnotherTarball { found, signed });
        }
        Ok(tarball::describe(tarball, &self.limits)?)
    }
}

impl CachedDescription {
    fn description(self) -> Option<Arc<Description>> {
        match self {
            Self::Known(description) => Some(description),
            Self::Unusable => None,
        }
    }
}

/// A place among those that wait for one read. The last to leave removes it.
struct RunningRead<'a> {
    cache: &'a MetadataCache,
    checksum: OuterChecksum,
    read: Arc<SharedRead>,
}

impl<'a> RunningRead<'a> {
    fn join(cache: &'a MetadataCache, checksum: OuterChecksum) -> Self {
        let read = Arc::clone(lock(&cache.running).entry(checksum).or_default());
        Self { cache, checksum, read }
    }
}

impl Drop for RunningRead<'_> {
    fn drop(&mut self) {
        let mut running = lock(&self.cache.running);
        // One is in the map, and one is this.
        if Arc::strong_count(&self.read) <= 2 {
            running.remove(&self.checksum);
        }
    }
}

/// Each value is replaced in one step, so it is valid after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
