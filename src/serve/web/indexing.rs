//! What is known of the packages of a repository, for its pages: read in the background, and again only where a file
//! has changed.
//!
//! ```text
//! the signed index and a listing of packages/   which packages have changed
//!  → packages/NAME                              version, dependencies, marks
//!  → the tarball of the recommended release     description, words, modules and functions
//!  → a new snapshot of the index                pages take it, whatever is read meanwhile
//!  → a file in the cache directory              the next start reads only what has changed
//! ```
//!
//! All of it may be lost. Pages work while it is read, and say how far it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::cache_file::CacheFile;
use super::package_reader::{Changed, PackageReader, Stamps, UNKNOWN, without_file};
use super::recent_log::RecentLog;
use super::tarballs::Tarballs;
use crate::browse::index::{IndexedPackage, PackageIndex};
use crate::name::PackageName;
use crate::package::UnixSeconds;
use crate::published::{Published, Reader};
use crate::repository::{Folder, RepositoryPath};
use crate::serve::files::releases::ReleaseIndex;
use crate::serve::files::source::FileSource;
use crate::serve::overview::{Overview, RepositoryState};
use crate::serve::overview_cache::OverviewCache;

/// How many packages are read before pages see them.
const BATCH: usize = 256;

/// How often what was read is written while much is read.
const SAVE_EVERY: Duration = Duration::from_secs(30);

/// How often tarballs that were missing are looked for.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(60);

/// What is known of the packages of a repository.
pub(crate) struct Indexing {
    overview: Arc<OverviewCache>,
    source: Arc<dyn FileSource>,
    releases: Arc<ReleaseIndex>,
    tarballs: Arc<Tarballs>,
    /// Where what was read is kept; `None` if it is not.
    cache_file: Option<CacheFile>,
    /// What changed lately.
    pub changes: RecentLog,
    snapshot: RwLock<Arc<PackageIndex>>,
    progress: Mutex<ReadingProgress>,
    state: Mutex<PassState>,
}

/// How much has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadingProgress {
    /// Packages whose files were read, of those that have changed.
    pub read: usize,
    /// Packages that have changed.
    pub of: usize,
    /// Whether all was read once.
    pub is_whole: bool,
}

/// What the last pass has found.
#[derive(Default)]
struct PassState {
    /// Whether the file of the cache was read.
    was_loaded: bool,
    /// The state of the registry that was read to its end.
    read: Option<Arc<RepositoryState>>,
    /// Whether a change may have been missed, as a file was changed while it was read.
    is_unsettled: bool,
    /// Whether a tarball was missing, and when it was looked for.
    missing_tarballs: Option<Instant>,
}

impl Indexing {
    pub fn new(
        overview: Arc<OverviewCache>,
        source: Arc<dyn FileSource>,
        releases: Arc<ReleaseIndex>,
        tarballs: Arc<Tarballs>,
        cache: Option<(CacheFile, CacheFile)>,
    ) -> Self {
        let (cache_file, changes_file) = cache.unzip();
        Self {
            changes: RecentLog::new(changes_file),
            overview,
            source,
            releases,
            tarballs,
            cache_file,
            snapshot: RwLock::default(),
            progress: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// What is known now.
    pub fn snapshot(&self) -> Arc<PackageIndex> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn progress(&self) -> ReadingProgress {
        *lock(&self.progress)
    }

    /// Reads what has changed. `goes_on` says whether to go on: a server may end meanwhile.
    pub fn pass(&self, goes_on: &dyn Fn() -> bool) {
        let mut state = lock(&self.state);
        if !std::mem::replace(&mut state.was_loaded, true) {
            self.load();
            self.changes.load();
        }
        let current = self.overview.current();
        let is_read = state.read.as_ref().is_some_and(|read| Arc::ptr_eq(read, &current));
        let look_again = state.missing_tarballs.is_some_and(|at| at.elapsed() >= LOOK_AGAIN_EVERY);
        if is_read && !state.is_unsettled && !look_again {
            return;
        }
        match &*current {
            RepositoryState::Built(overview) => {
                if self.read(overview, &mut state, goes_on) {
                    state.read = Some(Arc::clone(&current));
                }
            }
            RepositoryState::NotBuilt => {
                self.publish(PackageIndex::default());
                state.read = Some(Arc::clone(&current));
            }
            // What was known stays until the registry can be read again.
            RepositoryState::Unsound(_) => {}
        }
    }
}

/// How many changed packages make it worth to list all tarballs, rather than to ask for each.
const MANY: usize = 64;

impl Indexing {
    /// Reads what has changed since the snapshot was made. Returns whether it came to the end.
    fn read(&self, overview: &Overview, state: &mut PassState, goes_on: &dyn Fn() -> bool) -> bool {
        let mut index = PackageIndex::clone(&self.snapshot());
        let Some(stamps) = self.list(Folder::Packages) else { return false };
        let gone: Vec<PackageName> = index
            .names_in_order()
            .filter(|name| overview.package(name).is_none())
            .cloned()
            .collect();
        index.remove(&gone);
        // Tarballs that were missing may have come without a change of their packages.
        let come = state.missing_tarballs.and_then(|_| self.list(Folder::Tarballs));
        let changed = changed(overview, &index, &stamps, come.as_ref());
        let is_much = changed.len() >= MANY;
        let listed = |folder| is_much.then(|| self.list(folder)).flatten();
        let reader = PackageReader {
            source: &*self.source,
            releases: &self.releases,
            tarballs: &self.tarballs,
            tarball_files: come.or_else(|| listed(Folder::Tarballs)),
            docs_files: listed(Folder::Docs),
            updated_at: self.updated_at(overview),
            recent: &self.changes,
        };
        *lock(&self.progress) = ReadingProgress { read: 0, of: changed.len(), ..self.progress() };
        // A search of names is whole at once.
        let new = changed.iter().filter(|one| one.known.is_none());
        index.update(new.map(|one| without_file(one.summary, None)));
        self.publish(index.clone());
        let (mut is_unsettled, mut saved) = (false, Instant::now());
        for batch in changed.chunks(BATCH) {
            if !goes_on() {
                return false;
            }
            let here = batch.iter().filter(|one| one.stamp.is_some());
            let here = here.map(|one| RepositoryPath::package(&one.summary.name));
            self.source.prefetch(here.collect());
            let packages: Vec<IndexedPackage> = batch.iter().map(|one| reader.read(one)).collect();
            is_unsettled |= batch
                .iter()
                .zip(&packages)
                .any(|(one, package)| one.stamp.is_some() && package.source == UNKNOWN);
            index.update(packages);
            self.publish(index.clone());
            let mut progress = lock(&self.progress);
            progress.read = progress.read.saturating_add(batch.len());
            drop(progress);
            if saved.elapsed() >= SAVE_EVERY {
                self.save(&index);
                saved = Instant::now();
            }
        }
        if !changed.is_empty() || !gone.is_empty() {
            self.publish(index.clone());
            self.save(&index);
        }
        self.observe(overview);
        lock(&self.progress).is_whole = true;
        if !changed.is_empty() || state.read.is_none() {
            let repository = overview.repository.as_str();
            tracing::info!(repository, changed = changed.len(), "packages were read for pages");
        }
        state.is_unsettled = is_unsettled;
        state.missing_tarballs = (index.unread() > 0).then(Instant::now);
        true
    }

    /// The files of a folder; `None` if they cannot be listed, or there is no such folder.
    fn list(&self, folder: Folder) -> Option<Stamps> {
        let files = self.source.store().list(folder).ok()?;
        let files = files.unwrap_or_default().into_iter();
        Some(files.map(|file| (file.name, file.stamp)).collect())
    }

    /// When each package was changed, as `names` says.
    fn updated_at(&self, overview: &Overview) -> HashMap<PackageName, UnixSeconds> {
        let reader = Reader::new(self.source.store(), overview.key.clone());
        let names = reader.of_repository(&overview.repository).names(&mut Vec::new());
        let names = names.ok().and_then(|names| names.document().map(|names| names.packages));
        let times = names.unwrap_or_default().into_iter();
        times.filter_map(|(name, time)| Some((name, time?))).collect()
    }

    /// Notes what has changed in the registry since the last pass.
    fn observe(&self, overview: &Overview) {
        let reader = Reader::new(self.source.store(), overview.key.clone());
        let read = reader.of_repository(&overview.repository).versions(&mut Vec::new());
        let Some(versions) = read.ok().and_then(Published::document) else { return };
        self.changes.observe(&versions, &|name| {
            self.releases.read_package(name).ok().flatten().map(Arc::new)
        });
    }

    fn publish(&self, index: PackageIndex) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(index);
    }

    fn load(&self) {
        let bytes = self.cache_file.as_ref().and_then(CacheFile::read);
        if let Some(index) = bytes.and_then(|bytes| PackageIndex::decode(&bytes)) {
            self.publish(index);
        }
    }

    fn save(&self, index: &PackageIndex) {
        if let Some(file) = &self.cache_file {
            file.write(&index.encode());
        }
    }
}

/// The packages that are not known as they are now.
fn changed<'a>(
    overview: &'a Overview,
    index: &PackageIndex,
    stamps: &Stamps,
    tarballs: Option<&Stamps>,
) -> Vec<Changed<'a>> {
    let packages = overview.packages.iter().map(|summary| {
        let stamp = stamps.get(summary.name.as_str()).copied().flatten();
        Changed { summary, stamp, known: index.get(&summary.name) }
    });
    packages.filter(|one| one.is_changed(tarballs)).collect()
}

/// Each value is replaced in one step, so it is valid after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
