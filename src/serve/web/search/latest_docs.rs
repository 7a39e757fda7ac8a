//! The index of the latest documentation of each package: read in the background, and again only where an archive has
//! changed.
//!
//! ```text
//! the signed index and a listing of docs/   the latest stable version of each package that has documentation here
//!  → docs/NAME-VERSION.tar.gz               its records
//!  → the index, in the cache directory      searches take a snapshot of it, whatever is read meanwhile
//! ```

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::index_files::IndexFiles;
use super::kept_index::KeptIndex;
use crate::browse::index::PackageIndex;
use crate::docs::links::nearest;
use crate::docs::records::docs_records;
use crate::docs::search::{DocsChanges, DocsId, DocsIndex, IndexedDocs};
use crate::name::PackageName;
use crate::repository::{Folder, RepositoryPath, is_elixirs};
use crate::serve::error_chain::chain;
use crate::serve::files::source::FileSource;
use crate::serve::overview::RepositoryState;
use crate::serve::overview_cache::OverviewCache;
use crate::serve::web::indexing::ReadingProgress;
use crate::store::Stamp;
use crate::tarball::{DocsLimits, FileName};
use crate::version::Version;

/// How often the folder of documentation is listed: it changes without the signed index.
const LIST_EVERY: Duration = Duration::from_secs(30);

/// How many documentations are read before searches see them: few at first. Each batch is merged into all that is there, so
/// the next one is larger by this factor.
const FIRST_BATCH: usize = 16;
const BATCH_GROWTH: usize = 5;

/// The latest documentation of each package of a repository.
pub(crate) struct LatestDocs {
    overview: Arc<OverviewCache>,
    source: Arc<dyn FileSource>,
    folder: Option<PathBuf>,
    index: OnceLock<KeptIndex>,
    progress: Mutex<ReadingProgress>,
    last: Mutex<Option<(Arc<RepositoryState>, Instant)>>,
}

impl LatestDocs {
    /// Nothing is read yet. The index is kept in `folder`, or in memory.
    pub fn new(
        overview: Arc<OverviewCache>,
        source: Arc<dyn FileSource>,
        folder: Option<PathBuf>,
    ) -> Self {
        let (index, progress, last) = (OnceLock::new(), Mutex::default(), Mutex::default());
        Self { overview, source, folder, index, progress, last }
    }

    /// What is known now.
    pub fn snapshot(&self) -> Option<Arc<DocsIndex>> {
        self.index.get().map(KeptIndex::snapshot)
    }

    pub fn progress(&self) -> ReadingProgress {
        *lock(&self.progress)
    }

    /// Reads what has changed. `goes_on` says whether to go on: a server may end meanwhile.
    pub fn pass(&self, packages: &PackageIndex, goes_on: &dyn Fn() -> bool) {
        let mut last = lock(&self.last);
        let index = self.index.get_or_init(|| KeptIndex::open(self.files()));
        let current = self.overview.current();
        let is_same = |(read, at): &(Arc<RepositoryState>, Instant)| {
            Arc::ptr_eq(read, &current) && at.elapsed() < LIST_EVERY
        };
        if last.as_ref().is_some_and(is_same) || matches!(*current, RepositoryState::Unsound(_)) {
            return;
        }
        let Some(wanted) = self.wanted(&current) else { return };
        if self.read(index, wanted, packages, goes_on) {
            *last = Some((current, Instant::now()));
        }
    }

    fn files(&self) -> IndexFiles {
        match &self.folder {
            Some(folder) => IndexFiles::in_folder(folder),
            None => IndexFiles::Memory(crate::docs::search::MemoryFiles::default()),
        }
    }

    /// The latest documentation of each package, with what names its archive; `None` if the folder cannot be listed.
    fn wanted(&self, state: &RepositoryState) -> Option<BTreeMap<DocsId, [u8; 32]>> {
        let listed = self.source.store().list(Folder::Docs).ok()?.unwrap_or_default();
        let mut versions: HashMap<PackageName, Vec<(Version, Option<Stamp>)>> = HashMap::new();
        for file in listed {
            let Some(FileName { package, version }) = Folder::Docs.release(&file.name) else {
                continue;
            };
            versions.entry(package).or_default().push((version, file.stamp));
        }
        let is_known = |name: &PackageName| {
            let is_named = match state {
                RepositoryState::Built(overview) => overview.package(name).is_some(),
                RepositoryState::NotBuilt | RepositoryState::Unsound(_) => false,
            };
            is_named || is_elixirs(name)
        };
        let known = versions.iter().filter(|(name, _)| is_known(name));
        let latest = known.filter_map(|(name, versions)| {
            let latest = nearest(None, versions.iter().map(|(version, _)| version))?;
            let (_, stamp) = versions.iter().find(|(version, _)| version == latest)?;
            let mut bytes = Vec::new();
            if let Some(stamp) = stamp {
                stamp.extend(&mut bytes);
            }
            Some((id_of(name, latest), *blake3::hash(&bytes).as_bytes()))
        });
        Some(latest.collect())
    }

    /// Reads what has changed. Returns whether it came to the end.
    fn read(
        &self,
        index: &KeptIndex,
        wanted: BTreeMap<DocsId, [u8; 32]>,
        packages: &PackageIndex,
        goes_on: &dyn Fn() -> bool,
    ) -> bool {
        let (mut removed, changed) = difference(&index.snapshot(), wanted);
        *lock(&self.progress) = ReadingProgress { read: 0, of: changed.len(), ..self.progress() };
        let rank = |package: &str| rank(packages, package);
        let (mut rest, mut size) = (changed.as_slice(), FIRST_BATCH);
        loop {
            let (batch, others) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            rest = others;
            size = size.saturating_mul(BATCH_GROWTH);
            let paths =
                batch.iter().filter_map(|(id, _)| Some(RepositoryPath::docs(&file_of(id)?)));
            self.source.prefetch(paths.collect());
            let mut added = batch.iter().take_while(|_| goes_on()).map(|(id, source)| {
                let docs = self.docs(id, *source);
                let mut progress = lock(&self.progress);
                progress.read = progress.read.saturating_add(1);
                docs
            });
            let update = DocsChanges { removed: &removed, added: &mut added, rank: &rank };
            if let Err(error) = index.update(update) {
                tracing::warn!(
                    error = chain(&error),
                    "the search in documentation is not up to date"
                );
                return false;
            }
            if !goes_on() {
                return false;
            }
            removed.clear();
            if rest.is_empty() {
                break;
            }
        }
        lock(&self.progress).is_whole = true;
        if !changed.is_empty() {
            let (changed, records) = (changed.len(), index.snapshot().records());
            tracing::info!(changed, records, "documentation was read for the search");
        }
        true
    }

    /// A documentation with its records. One that cannot be read has none, and is read again once its archive changes.
    fn docs(&self, id: &DocsId, source: [u8; 32]) -> IndexedDocs {
        let records = file_of(id).and_then(|file| records_of(&*self.source, &file));
        IndexedDocs { id: id.clone(), source, records: records.unwrap_or_default() }
    }
}

/// The documentations of an index that go, and those that come, with what names their archives.
fn difference(
    index: &DocsIndex,
    wanted: BTreeMap<DocsId, [u8; 32]>,
) -> (Vec<DocsId>, Vec<(DocsId, [u8; 32])>) {
    let gone = index.docs().map(|(id, _)| id).filter(|id| !wanted.contains_key(id));
    let gone = gone.cloned().collect();
    let known: HashMap<&DocsId, &[u8; 32]> =
        index.docs().filter_map(|(id, source)| Some((id, source?))).collect();
    let is_new = |(id, source): &(DocsId, [u8; 32])| known.get(id) != Some(&source);
    let come = wanted.into_iter().filter(is_new).collect();
    (gone, come)
}

/// The records of the documentation of a release; `None` if it is not here, or cannot be read.
pub(super) fn records_of(
    source: &dyn FileSource,
    file: &FileName,
) -> Option<Vec<crate::docs::records::DocsRecord>> {
    let (path, limits) = (RepositoryPath::docs(file), DocsLimits::HEX);
    let size = usize::try_from(limits.compressed).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    let read = source.store().read(&path, size, &mut bytes);
    let problem = match read {
        Ok(None) => return None,
        Ok(Some(_)) => match docs_records(&bytes, &limits) {
            Ok(records) => return Some(records),
            Err(error) => chain(&error),
        },
        Err(error) => chain(&error),
    };
    let path = source.store().locate(&path);
    tracing::warn!(path, error = problem, "the search does not find what is in it");
    None
}

pub(super) fn id_of(package: &PackageName, version: &Version) -> DocsId {
    DocsId { package: package.to_string(), version: version.to_string() }
}

pub(super) fn file_of(id: &DocsId) -> Option<FileName> {
    Some(FileName { package: id.package.parse().ok()?, version: id.version.parse().ok()? })
}

/// How early a package is found among equals: by the order of magnitude of how many depend on it, so that most updates
/// change none. Elixir comes first.
fn rank(packages: &PackageIndex, package: &str) -> u32 {
    let Ok(name) = package.parse::<PackageName>() else { return 0 };
    if is_elixirs(&name) {
        return u32::BITS;
    }
    let row = packages.get(&name);
    let dependents = row.map_or(0, |row| row.dependents);
    usize::BITS.saturating_sub(dependents.leading_zeros())
}

/// Each value is replaced in one step, so it is valid after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
