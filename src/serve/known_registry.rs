//! What is known of the registry of a repository: without a request to its store for each question, and also once the store
//! is gone.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::files::source::FileSource;
use super::overview::{Overview, OverviewError, RepositoryState};
use super::overview_cache::OverviewCache;
use super::registry_identity::RegistryIdentity;
use crate::name::PackageName;

/// What is known of the registry of a repository.
pub(super) struct KnownRegistry {
    overview: Arc<OverviewCache>,
    source: Arc<dyn FileSource>,
    known: Mutex<Remembered>,
    /// Held while the registry is read. The others wait for what is read.
    reading: tokio::sync::Mutex<()>,
}

/// Whether a repository has a registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Presence {
    /// It was not built since the server has started, and its store is there.
    #[default]
    NotBuilt,
    Present,
    /// The store cannot be read, or the registry that it had is not there any more.
    Gone,
}

#[derive(Default)]
struct Remembered {
    read_at: Option<Instant>,
    /// What was read last.
    read: Weak<RepositoryState>,
    presence: Presence,
    was_built: bool,
    /// Of the last registry that could be read.
    identity: Option<RegistryIdentity>,
    /// Of all packages that it has had since the server has started.
    names: HashSet<PackageName>,
    /// The names of which the log has a line.
    logged: HashSet<PackageName>,
    /// Whether the log has a line that it is gone.
    is_absence_logged: bool,
}

/// For how long what was read holds. A name in a newer file is found by the file.
const HOLDS: Duration = Duration::from_secs(1);

/// How many names are remembered. Further ones are found by their files.
const MAX_NAMES: usize = 100_000;

impl KnownRegistry {
    pub fn new(overview: Arc<OverviewCache>, source: Arc<dyn FileSource>) -> Self {
        Self { overview, source, known: Mutex::default(), reading: tokio::sync::Mutex::default() }
    }

    /// Reads the registry again, if it was not read a moment ago.
    pub async fn refresh(self: &Arc<Self>) {
        if self.is_recent() {
            return;
        }
        let _reading = self.reading.lock().await;
        // Another request may have read it meanwhile.
        if !self.is_recent() {
            let this = Arc::clone(self);
            // After a panic, what was read before holds, and the next request reads it.
            let _ = spawn_blocking(move || this.read()).await;
        }
    }

    fn is_recent(&self) -> bool {
        self.lock().read_at.is_some_and(|at| at.elapsed() < HOLDS)
    }

    /// Reads the registry. May block.
    pub fn read(&self) {
        let state = self.overview.current();
        let is_available = match &*state {
            RepositoryState::NotBuilt => self.source.is_available(),
            RepositoryState::Unsound(OverviewError::Unreadable(_)) => false,
            RepositoryState::Built(_) | RepositoryState::Unsound(_) => true,
        };
        self.lock().take_over(&state, is_available);
    }

    pub fn presence(&self) -> Presence {
        self.lock().presence
    }

    pub fn identity(&self) -> Option<RegistryIdentity> {
        self.lock().identity.clone()
    }

    /// Whether it has a package of this name, or has had one since the server has started.
    pub fn has_had(&self, name: &PackageName) -> bool {
        self.lock().names.contains(name)
    }

    /// Remembers the name of a package that it has.
    pub fn remember(&self, name: &PackageName) {
        self.lock().remember(name);
    }

    /// Whether a line on a name is to be logged: once.
    pub fn is_to_be_logged(&self, name: &PackageName) -> bool {
        let logged = &mut self.lock().logged;
        logged.len() < MAX_NAMES && logged.insert(name.clone())
    }

    /// Whether a line is to be logged that it is gone: once, until it is there again.
    pub fn is_absence_to_be_logged(&self) -> bool {
        !std::mem::replace(&mut self.lock().is_absence_logged, true)
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        // Names that were added before a panic are still right.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn take_over(&mut self, state: &Arc<RepositoryState>, is_available: bool) {
        self.read_at = Some(Instant::now());
        if let RepositoryState::Built(overview) = &**state {
            if !std::ptr::eq(self.read.as_ptr(), Arc::as_ptr(state)) {
                self.read_overview(overview);
            }
        }
        self.read = Arc::downgrade(state);
        self.presence = match **state {
            RepositoryState::NotBuilt if is_available && !self.was_built => Presence::NotBuilt,
            RepositoryState::Built(_) | RepositoryState::Unsound(_) if is_available => {
                self.was_built = true;
                self.is_absence_logged = false;
                Presence::Present
            }
            _ => Presence::Gone,
        };
    }

    fn read_overview(&mut self, overview: &Overview) {
        let (name, key) = (overview.repository.clone(), overview.key.clone());
        self.identity = Some(RegistryIdentity { name, key });
        for package in &overview.packages {
            self.remember(&package.name);
        }
    }

    fn remember(&mut self, name: &PackageName) {
        if self.names.len() < MAX_NAMES && !self.names.contains(name) {
            self.names.insert(name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::serve::files::directory::Directory;
    use crate::store::DirStore;

    fn known(directory: &Path) -> KnownRegistry {
        let store = DirStore::new(directory);
        let overview = Arc::new(OverviewCache::new(Arc::new(store.clone())));
        KnownRegistry::new(overview, Arc::new(Directory::new(store)))
    }

    fn presence(known: &KnownRegistry) -> Presence {
        known.read();
        known.presence()
    }

    #[test]
    fn a_registry_that_was_there_is_gone_and_its_names_are_remembered() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/acme/expected");
        let directory = TempDir::new().unwrap();
        let root = directory.path().join("acme");
        fs::create_dir(&root).unwrap();
        let known = known(&root);
        assert_eq!(presence(&known), Presence::NotBuilt);
        fs::remove_dir(&root).unwrap();
        assert_eq!(presence(&known), Presence::Gone, "the disk is not mounted");
        fs::create_dir(&root).unwrap();
        assert_eq!(presence(&known), Presence::NotBuilt);
        for file in ["public_key", "versions"] {
            fs::copy(golden.join(file), root.join(file)).unwrap();
        }
        // A build may have been read half-way.
        std::thread::sleep(Duration::from_millis(600));
        assert_eq!(presence(&known), Presence::Present);
        let apple = "apple".parse().unwrap();
        assert!(known.has_had(&apple) && !known.has_had(&"pear".parse().unwrap()));
        assert_eq!(known.identity().unwrap().name.as_str(), "acme");
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(presence(&known), Presence::Gone);
        fs::create_dir(&root).unwrap();
        assert_eq!(presence(&known), Presence::Gone, "an empty mount point");
        assert!(known.has_had(&apple) && known.identity().is_some());
        assert!(known.is_absence_to_be_logged() && !known.is_absence_to_be_logged());
    }
}
