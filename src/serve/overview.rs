//! What a repository says of itself, read again only where its files have changed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::key::{KeyError, PublicKey};
use crate::name::{PackageName, RepositoryName};
use crate::published::{DocumentError, Published, PublishedKey, Reader};
use crate::registry::{ListedVersion, Resource, Versions};
use crate::repository::{Folder, RepositoryPath};
use crate::serve::files::tags::now;
use crate::store::{Stamp, Store, StoreError};
use crate::version::Version;

/// A repository that can be asked what it says, over and over: what it said is kept until
/// `public_key` or `versions` changes.
pub struct Facts {
    store: Arc<dyn Store + Send + Sync>,
    known: Mutex<Option<Known>>,
    /// Held by the one thread that reads.
    reading: Mutex<()>,
}

/// What a repository says.
#[derive(Debug)]
pub enum State {
    /// What its key signed.
    Built(Overview),
    /// There is no `versions`.
    NotBuilt,
    /// There is one that nobody should believe.
    Unsound(Unsound),
}

/// What `versions` says, in short.
#[derive(Debug)]
pub struct Overview {
    /// The name under which clients know it.
    pub repository: RepositoryName,
    /// The key that signed it.
    pub key: PublicKey,
    /// By name.
    pub packages: Vec<Summary>,
    /// How many releases all of them have.
    pub releases: usize,
}

/// A package, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub name: PackageName,
    /// The latest stable release, or where there is none the latest of all; a retired one only where
    /// there is no other.
    pub latest: Option<Version>,
    /// How many releases it has.
    pub releases: usize,
}

/// Why nobody should believe what stands there.
#[derive(Debug, thiserror::Error)]
pub enum Unsound {
    /// Without it nothing can be checked.
    #[error("public_key is missing")]
    NoKey,
    /// Nothing can be checked with it.
    #[error("public_key cannot be used")]
    Key(#[source] KeyError),
    /// Damaged, or another key's.
    #[error("versions cannot be trusted")]
    Versions(#[source] DocumentError),
    /// Signed, and something else.
    #[error("versions cannot be understood")]
    Contents(#[source] DocumentError),
    /// It cannot be told.
    #[error("a file cannot be read")]
    Unreadable(#[source] StoreError),
}

/// What was read, when, and of which files.
#[derive(Clone)]
struct Known {
    state: Arc<State>,
    /// `None` where the store has none, or could not be read.
    stamps: Option<Stamps>,
    /// Whether a later write is sure to change the stamps.
    is_settled: bool,
    read_at: Instant,
}

/// Of `public_key` and `versions`; `None` where a file is missing.
type Stamps = [Option<Stamp>; 2];

/// How long files are taken for unchanged whose stamps cannot tell: they were written in the moment in which they
/// were read, or by a clock that is ahead of ours.
const UNSETTLED: Duration = Duration::from_millis(500);

impl Facts {
    /// Of the repository that lives in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store + Send + Sync>) -> Self {
        Self { store, known: Mutex::new(None), reading: Mutex::new(()) }
    }

    /// What it says now. While one thread reads, the others get what was read before, if anything was.
    #[must_use]
    pub fn current(&self) -> Arc<State> {
        if let Some(state) = self.unchanged() {
            return state;
        }
        let _reading = match self.reading.try_lock() {
            Ok(reading) => reading,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                if let Some(known) = self.known().clone() {
                    return known.state;
                }
                self.reading.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        // Another thread may have read it while this one waited.
        self.unchanged().unwrap_or_else(|| self.read())
    }

    /// What was read last, if the files are still the same.
    fn unchanged(&self) -> Option<Arc<State>> {
        let stamps = stamps(&*self.store)?;
        let known = self.known();
        let known = known.as_ref().filter(|known| known.stamps == Some(stamps))?;
        let is_sure = known.is_settled || known.read_at.elapsed() < UNSETTLED;
        is_sure.then(|| Arc::clone(&known.state))
    }

    fn read(&self) -> Arc<State> {
        let (seen, read_at) = (now(), Instant::now());
        let (state, stamps) = match read(&*self.store) {
            Ok((state, stamps)) => (state, stamps),
            Err(error) => (State::Unsound(Unsound::Unreadable(error)), None),
        };
        let state = Arc::new(state);
        let settled = |stamps: &Stamps| stamps.iter().flatten().all(|one| one.is_settled(seen));
        let is_settled = stamps.as_ref().is_some_and(settled);
        *self.known() = Some(Known { state: Arc::clone(&state), stamps, is_settled, read_at });
        state
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        // It is replaced in one go, so what a thread that panicked left is whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of the files as they stand; `None` where the store has no stamps, or cannot be asked.
fn stamps(store: &dyn Store) -> Option<Stamps> {
    let listed = store.list(Folder::Root).ok()?.unwrap_or_default();
    let stamp = |path: RepositoryPath| match listed.iter().find(|one| one.name == path.file_name())
    {
        None => Some(None),
        Some(one) => one.stamp.map(Some),
    };
    Some([stamp(RepositoryPath::public_key())?, stamp(versions())?])
}

/// What the files say, and their stamps where the store has some.
fn read(store: &dyn Store) -> Result<(State, Option<Stamps>), StoreError> {
    // The key first: a build writes it first too.
    let published = PublishedKey::read(store)?;
    let key_stamp = published.as_ref().map(|published| published.stamp);
    let (state, versions_stamp) = match published.map(|published| published.key) {
        Some(Ok(key)) => {
            let versions = Reader::new(store, key.clone()).versions(&mut Vec::new())?;
            let stamp = versions.stamp();
            match versions {
                Published::Missing | Published::BeingRemoved { .. } => (State::NotBuilt, None),
                Published::Unsound { error, .. } => {
                    let unsound = match &error {
                        DocumentError::Signed(_) => Unsound::Versions(error),
                        _ => Unsound::Contents(error),
                    };
                    (State::Unsound(unsound), Some(stamp))
                }
                Published::Present { document, .. } => {
                    (State::Built(Overview::new(key, document)), Some(stamp))
                }
            }
        }
        without_key => {
            let unsound = match without_key {
                Some(Err(error)) => Unsound::Key(error),
                _ => Unsound::NoKey,
            };
            match store.read(&versions(), 0, &mut Vec::new())? {
                None => (State::NotBuilt, None),
                Some(content) => (State::Unsound(unsound), Some(content.stamp)),
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

impl Overview {
    /// Of what `key` signed.
    #[must_use]
    pub fn new(key: PublicKey, versions: Versions) -> Self {
        let packages = versions.packages.into_iter().map(|(name, versions)| Summary {
            name,
            releases: versions.len(),
            latest: recommended(versions),
        });
        let mut packages: Vec<Summary> = packages.collect();
        // As mix writes it, the file has them in any order.
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        let releases = packages.iter().map(|package| package.releases).sum();
        Self { repository: versions.repository, key, packages, releases }
    }
}

/// The latest that its author does not advise against, if there is one.
fn recommended(versions: Vec<ListedVersion>) -> Option<Version> {
    let (retired, good): (Vec<_>, Vec<_>) =
        versions.into_iter().partition(|listed| listed.marks.retired);
    let of =
        |versions: Vec<ListedVersion>| versions.into_iter().map(|listed| listed.version).collect();
    latest(of(good)).or_else(|| latest(of(retired)))
}

fn latest(versions: Vec<Version>) -> Option<Version> {
    versions.into_iter().max_by(|a, b| {
        let rank = |version: &Version| !version.is_pre_release();
        rank(a).cmp(&rank(b)).then_with(|| a.cmp(b))
    })
}

/// Of the store nothing but what it says.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;
    use crate::registry::SignedError;
    use crate::store::Change;
    use crate::store::{AppliedChange, Content, DirStore, EntryKind, ListedFile, LockOutcome};

    fn of(versions: &[&str]) -> Option<String> {
        let versions = versions.iter().map(|version| version.parse().unwrap());
        latest(versions.collect()).map(|version| version.to_string())
    }

    #[test]
    fn the_latest_is_stable_where_one_is() {
        assert_eq!(of(&["1.9.0", "1.10.0", "2.0.0-rc.1"]).unwrap(), "1.10.0");
        assert_eq!(of(&["0.1.0", "0.10.0", "0.9.0"]).unwrap(), "0.10.0");
        assert_eq!(of(&["1.0.0-rc.2", "1.0.0-rc.10", "1.0.0-beta"]).unwrap(), "1.0.0-rc.10");
        assert_eq!(of(&[]), None);
    }

    fn golden(file: &str) -> Vec<u8> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/acme/expected");
        fs::read(root.join(file)).unwrap()
    }

    /// A directory, and the facts of it.
    fn repository() -> (tempfile::TempDir, Facts) {
        let directory = tempfile::TempDir::new().unwrap();
        let facts = Facts::new(Arc::new(DirStore::new(directory.path())));
        (directory, facts)
    }

    #[test]
    fn every_state_is_told() {
        let (directory, facts) = repository();
        let write = |file: &str, bytes: &[u8]| fs::write(directory.path().join(file), bytes);
        let missing = Facts::new(Arc::new(DirStore::new(directory.path().join("missing"))));
        assert!(matches!(*missing.current(), State::NotBuilt));
        assert!(matches!(*facts.current(), State::NotBuilt));

        write("versions", &golden("versions")).unwrap();
        assert!(matches!(*facts.current(), State::Unsound(Unsound::NoKey)));

        write("public_key", b"no key").unwrap();
        assert!(matches!(*facts.current(), State::Unsound(Unsound::Key(KeyError::NotPem))));

        write("public_key", &golden("public_key")).unwrap();
        let state = facts.current();
        let State::Built(overview) = &*state else { panic!("{state:?}") };
        assert_eq!(overview.repository.as_str(), "acme");
        assert!(!overview.packages.is_empty());
        assert!(overview.packages.is_sorted_by(|a, b| a.name < b.name));

        write("versions", b"junk").unwrap();
        let state = facts.current();
        assert!(matches!(
            &*state,
            State::Unsound(Unsound::Versions(DocumentError::Signed(SignedError::Gzip(_))))
        ));

        fs::remove_file(directory.path().join("versions")).unwrap();
        assert!(matches!(*facts.current(), State::NotBuilt));
        fs::create_dir(directory.path().join("versions")).unwrap();
        assert!(matches!(*facts.current(), State::Unsound(Unsound::Unreadable(_))));
    }

    #[test]
    fn another_key_is_told() {
        let (directory, facts) = repository();
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/keys");
        fs::copy(keys.join("hexpm-public.pem"), directory.path().join("public_key")).unwrap();
        fs::write(directory.path().join("versions"), golden("versions")).unwrap();
        let state = facts.current();
        assert!(matches!(
            &*state,
            State::Unsound(Unsound::Versions(DocumentError::Signed(SignedError::Signature(_))))
        ));
    }

    /// A directory whose files are read only while `gate` is not held.
    struct Gated {
        files: DirStore,
        gate: Arc<Mutex<()>>,
    }

    impl Store for Gated {
        fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
            self.files.list(folder)
        }

        fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
            self.files.walk()
        }

        fn read(
            &self,
            path: &RepositoryPath,
            limit: usize,
            buffer: &mut Vec<u8>,
        ) -> Result<Option<Content>, StoreError> {
            let _open = self.gate.lock().unwrap();
            self.files.read(path, limit, buffer)
        }

        fn apply(
            &self,
            stages: &[&[Change]],
            made: &dyn Fn(AppliedChange<'_>),
        ) -> Result<(), StoreError> {
            self.files.apply(stages, made)
        }

        fn lock(&self) -> Result<LockOutcome, StoreError> {
            self.files.lock()
        }

        fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
            self.files.lock_shared()
        }

        fn locate(&self, path: &RepositoryPath) -> String {
            self.files.locate(path)
        }
    }

    #[test]
    fn while_one_thread_reads_the_others_get_what_was_read_before() {
        let directory = tempfile::TempDir::new().unwrap();
        let write = |file: &str| fs::write(directory.path().join(file), golden(file)).unwrap();
        write("public_key");
        write("versions");
        let gate = Arc::new(Mutex::new(()));
        let files = DirStore::new(directory.path());
        let facts = Facts::new(Arc::new(Gated { files, gate: Arc::clone(&gate) }));
        let before = facts.current();
        fs::write(directory.path().join("versions"), b"junk").unwrap();
        let closed = gate.lock().unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| facts.current());
            while facts.reading.try_lock().is_ok() {
                std::thread::yield_now();
            }
            for _ in 0..3 {
                assert!(Arc::ptr_eq(&facts.current(), &before));
            }
            assert!(!reader.is_finished());
            drop(closed);
            assert!(matches!(*reader.join().unwrap(), State::Unsound(Unsound::Versions(_))));
        });
        assert!(matches!(*facts.current(), State::Unsound(Unsound::Versions(_))));
    }

    #[test]
    fn what_has_not_changed_is_not_read_again() {
        let (directory, facts) = repository();
        for file in ["public_key", "versions"] {
            fs::write(directory.path().join(file), golden(file)).unwrap();
        }
        // Just written, they are taken for unchanged for a moment only.
        let first = facts.current();
        assert!(Arc::ptr_eq(&first, &facts.current()));
        std::thread::sleep(UNSETTLED);
        assert!(!Arc::ptr_eq(&first, &facts.current()));
        let since = SystemTime::now();
        let first = loop {
            let first = facts.current();
            std::thread::sleep(UNSETTLED);
            if Arc::ptr_eq(&first, &facts.current()) {
                break first;
            }
            assert!(since.elapsed().unwrap().as_secs() < 60, "it never settles");
        };
        fs::write(directory.path().join("versions"), golden("versions")).unwrap();
        assert!(!Arc::ptr_eq(&first, &facts.current()));
    }
}
