//! The state of a repository, read again only when its files have changed.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::clock::unix_nanoseconds;
use super::overview::{Overview, OverviewError, RepositoryState};
use crate::published::{DocumentError, Published, PublishedKey, Reader};
use crate::registry::Resource;
use crate::repository::RepositoryPath;
use crate::store::{Stamp, Store, StoreError};

/// The state of a repository, cached until `public_key` or `versions` changes.
pub struct OverviewCache {
    store: Arc<dyn Store + Send + Sync>,
    cached: Mutex<Option<CachedState>>,
    /// Held by the one thread that reads.
    reading: Mutex<()>,
    /// How often this server has written to the repository.
    writes: AtomicU64,
}

/// A state that was read before.
#[derive(Clone)]
struct CachedState {
    state: Arc<RepositoryState>,
    /// Of the files that were read; `None` if the store has no stamps, or could not be read.
    stamps: Option<Stamps>,
    /// Whether a later write is sure to change the stamps.
    is_settled: bool,
    read_at: Instant,
    /// How often this server had written before the state was read.
    writes: u64,
}

/// The stamps of `public_key` and `versions`; `None` for a missing file.
type Stamps = [Option<Stamp>; 2];

/// How long a state is cached if a stamp might not tell of a change: the file was written a moment before it was read, or
/// the clock of its file system is ahead of ours.
const UNSETTLED: Duration = Duration::from_millis(500);

/// How long a store that did not answer is not asked again: clients would wait for it one after the other.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);

impl OverviewCache {
    /// Of the repository in a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store + Send + Sync>) -> Self {
        Self { store, cached: Mutex::new(None), reading: Mutex::new(()), writes: AtomicU64::new(0) }
    }

    /// The store of the repository.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store + Send + Sync> {
        Arc::clone(&self.store)
    }

    /// This server has written to the repository: who asks from now on gets no state that was read before. A client that
    /// has published a package finds it.
    pub fn note_written(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
    }

    /// The state now. While one thread reads, the others get the former state, if there is one.
    #[must_use]
    pub fn current(&self) -> Arc<RepositoryState> {
        if let Some(state) = self.failed_just_now().or_else(|| self.unchanged()) {
            return state;
        }
        let _reading = match self.reading.try_lock() {
            Ok(reading) => reading,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                if let Some(former) = self.cached() {
                    return former.state;
                }
                self.reading.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        // Another thread may have read it while this one waited, or found that the store does not answer.
        if let Some(state) = self.failed_just_now() {
            return state;
        }
        self.unchanged().unwrap_or_else(|| self.read())
    }

    /// The cached state, if it is that the store did not answer a moment ago.
    fn failed_just_now(&self) -> Option<Arc<RepositoryState>> {
        let cached = self.lock();
        let cached = cached.as_ref().filter(|cached| cached.read_at.elapsed() < FAILURE_HOLDS)?;
        let is_away = match &*cached.state {
            RepositoryState::Unsound(OverviewError::Unreadable(error)) => error.is_unavailable(),
            _ => false,
        };
        is_away.then(|| Arc::clone(&cached.state))
    }

    /// The cached state, if the files have not changed. The store is not asked if there is none.
    fn unchanged(&self) -> Option<Arc<RepositoryState>> {
        let cached = self.cached()?;
        let stamps = cached.stamps?;
        let is_current = cached.is_settled || cached.read_at.elapsed() < UNSETTLED;
        (is_current && stamps_of(&*self.store) == Some(stamps)).then_some(cached.state)
    }

    /// The cached state, unless this server has written since it was read.
    fn cached(&self) -> Option<CachedState> {
        let cached = self.lock().clone()?;
        (cached.writes == self.writes.load(Ordering::SeqCst)).then_some(cached)
    }

    fn read(&self) -> Arc<RepositoryState> {
        let (time, read_at) = (unix_nanoseconds(), Instant::now());
        let writes = self.writes.load(Ordering::SeqCst);
        let (state, stamps) = match read(&*self.store) {
            Ok((state, stamps)) => (state, stamps),
            Err(error) => (RepositoryState::Unsound(OverviewError::Unreadable(error)), None),
        };
        // An answer that did not come may have been waited for.
        let read_at = if stamps.is_none() { Instant::now() } else { read_at };
        let state = Arc::new(state);
        let settled = |stamps: &Stamps| stamps.iter().flatten().all(|one| one.is_settled(time));
        let is_settled = stamps.as_ref().is_some_and(settled);
        let cached = CachedState { state: Arc::clone(&state), stamps, is_settled, read_at, writes };
        *self.lock() = Some(cached);
        state
    }

    fn lock(&self) -> MutexGuard<'_, Option<CachedState>> {
        // It is replaced in one step, so it is valid after a panic too.
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stamps now; `None` if the store has none, or cannot be asked.
fn stamps_of(store: &dyn Store) -> Option<Stamps> {
    let stamp = |path: RepositoryPath| match store.inspect(&path).ok()? {
        None => Some(None),
        Some(content) => content.stamp.map(Some),
    };
    Some([stamp(RepositoryPath::public_key())?, stamp(versions())?])
}

/// Reads the state, and the stamps if the store has them.
fn read(store: &dyn Store) -> Result<(RepositoryState, Option<Stamps>), StoreError> {
    // The key first: a build that replaces it does so last, so a `versions` that is read after the new key is signed with it.
    let published = PublishedKey::read(store)?;
    let key_stamp = published.as_ref().map(|published| published.stamp);
    let (state, versions_stamp) = match published.map(|published| published.key) {
        Some(Ok(key)) => {
            let versions = Reader::new(store, key.clone()).versions(&mut Vec::new())?;
            let stamp = versions.stamp();
            match versions {
                Published::Missing | Published::BeingRemoved { .. } => {
                    (RepositoryState::NotBuilt, None)
                }
                Published::Unsound { error, .. } => {
                    let error = match &error {
                        DocumentError::Signed(_) => OverviewError::Versions(error),
                        _ => OverviewError::Contents(error),
                    };
                    (RepositoryState::Unsound(error), Some(stamp))
                }
                Published::Present { document, .. } => {
                    (RepositoryState::Built(Overview::new(key, document)), Some(stamp))
                }
            }
        }
        without_key => {
            let error = match without_key {
                Some(Err(error)) => OverviewError::Key(error),
                _ => OverviewError::NoKey,
            };
            match store.read(&versions(), 0, &mut Vec::new())? {
                None => (RepositoryState::NotBuilt, None),
                Some(content) => (RepositoryState::Unsound(error), Some(content.stamp)),
            }
        }
    };
    // A missing file has no stamp; the store may have none for one that is there.
    let stamps =
        [key_stamp, versions_stamp].map(|stamp| stamp.map_or(Some(None), |it| it.map(Some)));
    let [key, versions] = stamps;
    Ok((state, key.zip(versions).map(|(key, versions)| [key, versions])))
}

fn versions() -> RepositoryPath {
    RepositoryPath::resource(&Resource::Versions)
}

impl fmt::Debug for OverviewCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverviewCache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc::{self, Receiver};
    use std::time::SystemTime;

    use super::*;
    use crate::key::KeyError;
    use crate::registry::SignedError;
    use crate::serve::watched_store::WatchedStore;
    use crate::store::DirStore;

    fn golden(file: &str) -> Vec<u8> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/acme/expected");
        fs::read(root.join(file)).unwrap()
    }

    /// A directory, and the cache of its overview.
    fn repository() -> (tempfile::TempDir, OverviewCache) {
        let directory = tempfile::TempDir::new().unwrap();
        let cache = OverviewCache::new(Arc::new(DirStore::new(directory.path())));
        (directory, cache)
    }

    #[test]
    fn every_state_is_recognized() {
        let (directory, cache) = repository();
        let write = |file: &str, bytes: &[u8]| fs::write(directory.path().join(file), bytes);
        let missing = OverviewCache::new(Arc::new(DirStore::new(directory.path().join("missing"))));
        assert!(matches!(*missing.current(), RepositoryState::NotBuilt));
        assert!(matches!(*cache.current(), RepositoryState::NotBuilt));

        write("versions", &golden("versions")).unwrap();
        assert!(matches!(*cache.current(), RepositoryState::Unsound(OverviewError::NoKey)));

        write("public_key", b"no key").unwrap();
        assert!(matches!(
            *cache.current(),
            RepositoryState::Unsound(OverviewError::Key(KeyError::NotPem))
        ));

        write("public_key", &golden("public_key")).unwrap();
        let state = cache.current();
        let RepositoryState::Built(overview) = &*state else { panic!("{state:?}") };
        assert_eq!(overview.repository.as_str(), "acme");
        assert!(!overview.packages.is_empty());
        assert!(overview.packages.is_sorted_by(|a, b| a.name < b.name));

        write("versions", b"junk").unwrap();
        let state = cache.current();
        assert!(matches!(
            &*state,
            RepositoryState::Unsound(OverviewError::Versions(DocumentError::Signed(
                SignedError::Gzip(_)
            )))
        ));

        fs::remove_file(directory.path().join("versions")).unwrap();
        assert!(matches!(*cache.current(), RepositoryState::NotBuilt));
        fs::create_dir(directory.path().join("versions")).unwrap();
        assert!(matches!(*cache.current(), RepositoryState::Unsound(OverviewError::Unreadable(_))));
    }

    #[test]
    fn a_file_of_another_key_is_unsound() {
        let (directory, cache) = repository();
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/keys");
        fs::copy(keys.join("hexpm-public.pem"), directory.path().join("public_key")).unwrap();
        fs::write(directory.path().join("versions"), golden("versions")).unwrap();
        let state = cache.current();
        assert!(matches!(
            &*state,
            RepositoryState::Unsound(OverviewError::Versions(DocumentError::Signed(
                SignedError::Signature(_)
            )))
        ));
    }

    /// A cache that knows the golden state of its directory; `versions` is junk since.
    struct HeldRepository {
        directory: tempfile::TempDir,
        cache: OverviewCache,
        before: Arc<RepositoryState>,
        /// A read of the directory waits while it is locked.
        latch: Arc<Mutex<()>>,
        /// Has a message for each read that has begun since.
        reads: Receiver<()>,
    }

    impl HeldRepository {
        fn new() -> Self {
            let directory = tempfile::TempDir::new().unwrap();
            for file in ["public_key", "versions"] {
                fs::write(directory.path().join(file), golden(file)).unwrap();
            }
            let latch = Arc::new(Mutex::new(()));
            let (begun, reads) = mpsc::channel();
            let open = Arc::clone(&latch);
            let store = WatchedStore::new(directory.path(), move || {
                begun.send(()).unwrap();
                drop(open.lock().unwrap());
            });
            let cache = OverviewCache::new(Arc::new(store));
            let before = cache.current();
            while reads.try_recv().is_ok() {}
            fs::write(directory.path().join("versions"), b"junk").unwrap();
            Self { directory, cache, before, latch, reads }
        }

        /// Returns once a thread has begun a read that the latch holds up.
        fn wait_for_a_read(&self) {
            self.reads.recv_timeout(Duration::from_secs(60)).unwrap();
        }
    }

    #[test]
    fn while_one_thread_reads_the_others_get_the_former_state() {
        let held = HeldRepository::new();
        let (cache, before) = (&held.cache, &held.before);
        let closed = held.latch.lock().unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| cache.current());
            held.wait_for_a_read();
            for _ in 0..3 {
                assert!(Arc::ptr_eq(&cache.current(), before));
            }
            assert!(!reader.is_finished());
            drop(closed);
            assert!(matches!(
                *reader.join().unwrap(),
                RepositoryState::Unsound(OverviewError::Versions(_))
            ));
        });
        assert!(matches!(*cache.current(), RepositoryState::Unsound(OverviewError::Versions(_))));
    }

    /// A search that begins right after a publication must not go by what another thread began to read before it.
    #[test]
    fn no_state_from_before_a_write_of_this_server_is_used() {
        let held = HeldRepository::new();
        let (cache, before) = (&held.cache, &held.before);
        let closed = held.latch.lock().unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| cache.current());
            held.wait_for_a_read();
            assert!(Arc::ptr_eq(&cache.current(), before));
            fs::write(held.directory.path().join("versions"), golden("versions")).unwrap();
            cache.note_written();
            let after_the_write = scope.spawn(|| cache.current());
            std::thread::sleep(Duration::from_millis(50));
            assert!(!after_the_write.is_finished());
            drop(closed);
            reader.join().unwrap();
            let after = after_the_write.join().unwrap();
            assert!(matches!(*after, RepositoryState::Built(_)), "{after:?}");
            assert!(!Arc::ptr_eq(&after, before));
        });
    }

    #[test]
    fn unchanged_files_are_not_read_again() {
        let (directory, cache) = repository();
        // The stamps of files that were just written might not tell of a change. On a machine that is too busy to read
        // them at once, they are written again.
        let first = loop {
            let written = Instant::now();
            for file in ["public_key", "versions"] {
                fs::write(directory.path().join(file), golden(file)).unwrap();
            }
            let first = cache.current();
            let is_same = Arc::ptr_eq(&first, &cache.current());
            if written.elapsed() < UNSETTLED {
                assert!(is_same);
                break first;
            }
        };
        std::thread::sleep(UNSETTLED);
        assert!(!Arc::ptr_eq(&first, &cache.current()));
        let since = SystemTime::now();
        let first = loop {
            let first = cache.current();
            std::thread::sleep(UNSETTLED);
            if Arc::ptr_eq(&first, &cache.current()) {
                break first;
            }
            assert!(since.elapsed().unwrap().as_secs() < 60, "the stamps never settle");
        };
        fs::write(directory.path().join("versions"), golden("versions")).unwrap();
        assert!(!Arc::ptr_eq(&first, &cache.current()));
    }
}
