//! All packages of a repository, as a search looks at them.
//!
//! The signed index has their names, and a search of those is whole at once. What lies inside (dependencies, times, the
//! description in the tarball of the recommended release) is read in the background, by one thread, and again only
//! where a package has changed. A search waits a moment for that and then goes by what is known. All of it may be lost.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::packages::{FoundPackage, Packages};
use super::search::{Candidate, Query};
use crate::name::PackageName;
use crate::package::UnixSeconds;
use crate::published::Reader;
use crate::registry::{Releases, Resource};
use crate::repository::{Folder, RepositoryPath};
use crate::serve::clock::unix_nanoseconds;
use crate::serve::connections::fair_queue::{FairQueue, QueueLimits};
use crate::serve::connections::peer::{Overload, Peer};
use crate::serve::overview::{Overview, RepositoryState};
use crate::serve::overview_cache::OverviewCache;
use crate::store::Stamp;
use crate::tarball::{Description, FileName};
use crate::version::Version;

/// How long a search waits for what is read in the background.
const WAIT: Duration = Duration::from_secs(1);

/// How long a search may take to read tarballs whose descriptions it shows. The rest is shown without.
const READING: Duration = Duration::from_secs(1);

/// How often changes are looked for, if there are searches.
const PASS_EVERY: Duration = Duration::from_secs(2);

/// How often documentation is looked for that was published without a change of the index.
const DOCS_EVERY: Duration = Duration::from_secs(60);

/// How many packages are asked for at once.
const AT_ONCE: usize = 64;

/// How many searches run at once, and how many wait.
const SEARCH_LIMITS: QueueLimits =
    QueueLimits { permits: 2, permits_of_peer: 1, waiting_of_peer: 32, waiting: 512 };

/// The packages of one repository, and what is known of each.
pub(crate) struct Catalog {
    overview: Arc<OverviewCache>,
    packages: Packages,
    known: Mutex<Known>,
    /// Closed when the running pass ends.
    running: Mutex<Option<watch::Receiver<()>>>,
    searches: FairQueue,
}

/// Why a search finds nothing out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchError {
    /// Too many searches wait.
    Overloaded(Overload),
    /// The thread that searched has panicked.
    Panicked,
}

/// What was read so far.
#[derive(Default)]
struct Known {
    /// The stamps of `names` and `versions` when the last pass began, if a change since then shows in them.
    indexes: Option<[Option<Stamp>; 2]>,
    pass_ended: Option<Instant>,
    docs_listed: Option<Instant>,
    has_names: bool,
    /// As `names` says.
    updated_at: HashMap<PackageName, UnixSeconds>,
    /// The releases that have documentation.
    docs: HashSet<FileName>,
    insides: HashMap<PackageName, Inside>,
}

/// What one package says, and the tarball of its recommended release.
#[derive(Default)]
struct Inside {
    /// Of the package's file; `None` if a change might not show in it.
    stamp: Option<Stamp>,
    inserted_at: Option<UnixSeconds>,
    /// One a line.
    dependencies: Box<str>,
    /// Empty if there is none.
    description: Box<str>,
}

/// The texts of an [`Inside`], of one package after another.
#[derive(Default)]
struct Texts {
    dependencies: String,
    description: String,
}

impl Catalog {
    pub fn new(overview: Arc<OverviewCache>, packages: Packages) -> Self {
        Self {
            overview,
            packages,
            known: Mutex::default(),
            running: Mutex::default(),
            searches: FairQueue::new(SEARCH_LIMITS),
        }
    }

    /// The packages on the page that was asked for; none in a repository that was not built. A package that is hidden is
    /// left out, and so is one that cannot be read: the log says so.
    ///
    /// # Errors
    /// Too many searches of the client wait, or too many of all.
    pub async fn search(
        self: &Arc<Self>,
        query: Query,
        client: Peer,
        is_hidden: impl Fn(&PackageName) -> bool + Send + 'static,
    ) -> Result<Vec<FoundPackage>, SearchError> {
        let running = self.start_pass();
        if let Some(mut running) = running.filter(|_| query.looks_inside()) {
            // It fails when the pass ends.
            drop(timeout(WAIT, running.changed()).await);
        }
        let permit = self.searches.acquire(client).await.map_err(SearchError::Overloaded)?;
        let this = Arc::clone(self);
        // If the client gives up, the search goes on, and keeps its permit until it ends.
        let searching = spawn_blocking(move || {
            let found = this.find(&query, is_hidden);
            drop(permit);
            found
        });
        searching.await.map_err(|_| SearchError::Panicked)
    }

    /// Looks for changes in the background, if that is due. Returns the end of the pass that runs.
    fn start_pass(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        let mut running = lock(&self.running);
        // Of a pass that has ended, the sender is gone.
        if let Some(pass) = running.as_ref().filter(|pass| pass.has_changed().is_ok()) {
            return Some(pass.clone());
        }
        let ended = lock(&self.known).pass_ended;
        if ended.is_some_and(|ended| ended.elapsed() < PASS_EVERY) {
            return None;
        }
        let (ends, pass) = watch::channel(());
        *running = Some(pass.clone());
        let this = Arc::clone(self);
        spawn_blocking(move || {
            this.pass();
            lock(&this.known).pass_ended = Some(Instant::now());
            drop(ends);
        });
        Some(pass)
    }

    /// Reads what has changed.
    fn pass(&self) {
        let state = self.overview.current();
        let RepositoryState::Built(overview) = &*state else {
            *lock(&self.known) = Known::default();
            return;
        };
        self.list_docs();
        let seen = unix_nanoseconds();
        let indexes = self.index_stamps();
        if indexes.is_some() && lock(&self.known).indexes == indexes {
            return;
        }
        self.read_names(overview);
        let names: Vec<_> = overview.packages.iter().map(|package| &package.name).collect();
        let mut texts = Texts::default();
        let mut are_current = true;
        for some in self.changed(&names).chunks(AT_ONCE) {
            let paths = some.iter().map(|(name, _)| RepositoryPath::package(name));
            self.packages.source().prefetch(paths.collect());
            for (name, listed) in some {
                let read = self.read_inside(name, &mut texts);
                are_current &= listed.is_none() || read == *listed;
            }
        }
        let is_settled = |stamp: &Option<Stamp>| stamp.is_none_or(|stamp| stamp.is_settled(seen));
        let is_whole = |stamps: &[Option<Stamp>; 2]| are_current && stamps.iter().all(is_settled);
        lock(&self.known).indexes = indexes.filter(is_whole);
    }

    /// The stamps of `names` and `versions`; `None` if they cannot be looked up.
    fn index_stamps(&self) -> Option<[Option<Stamp>; 2]> {
        let stamp = |resource| {
            let path = RepositoryPath::resource(&resource);
            self.packages.source().stamp(&path).ok()
        };
        Some([stamp(Resource::Names)?, stamp(Resource::Versions)?])
    }

    fn list_docs(&self) {
        let listed = lock(&self.known).docs_listed;
        if listed.is_some_and(|listed| listed.elapsed() < DOCS_EVERY) {
            return;
        }
        // Without the list, releases are shown as having none.
        let files = self.packages.source().store().list(Folder::Docs).ok().flatten();
        let files = files.unwrap_or_default();
        let docs = files.iter().filter_map(|file| Folder::Docs.release(&file.name)).collect();
        let mut known = lock(&self.known);
        known.docs = docs;
        known.docs_listed = Some(Instant::now());
    }

    /// Reads the times of the packages, and forgets packages that are gone.
    fn read_names(&self, overview: &Overview) {
        let reader = Reader::new(self.packages.source().store(), overview.key.clone());
        let names = reader.of_repository(&overview.repository).names(&mut Vec::new());
        let names = names.ok().and_then(|names| names.document().map(|names| names.packages));
        let times = names.unwrap_or_default().into_iter();
        let times = times.filter_map(|(name, time)| Some((name, time?))).collect();
        let present: HashSet<&PackageName> =
            overview.packages.iter().map(|package| &package.name).collect();
        let mut known = lock(&self.known);
        known.has_names = true;
        known.updated_at = times;
        known.insides.retain(|name, _| present.contains(name));
        for name in present {
            if !known.insides.contains_key(name) {
                known.insides.insert(name.clone(), Inside::default());
            }
        }
    }

    /// The packages that are not known as they are now, with their stamps: those of a listing, as in a bucket each stamp
    /// would be a request of its own.
    fn changed<'a>(&self, names: &[&'a PackageName]) -> Vec<(&'a PackageName, Option<Stamp>)> {
        let files = self.packages.source().store().list(Folder::Packages).ok().flatten();
        let files = files.unwrap_or_default().into_iter();
        let stamps: HashMap<String, Option<Stamp>> =
            files.map(|file| (file.name, file.stamp)).collect();
        let known = lock(&self.known);
        let with_stamps = names.iter().map(|name| {
            let stamp = stamps.get(name.as_str()).copied().flatten();
            let known = known.insides.get(*name).and_then(|inside| inside.stamp);
            (*name, stamp, stamp.is_some() && known == stamp)
        });
        with_stamps
            .filter(|(.., is_known)| !is_known)
            .map(|(name, stamp, _)| (name, stamp))
            .collect()
    }

    /// Reads one package and its tarball. Returns the stamp of the package that was read: a cache may be older than the
    /// listing.
    fn read_inside(&self, name: &PackageName, texts: &mut Texts) -> Option<Stamp> {
        let seen = unix_nanoseconds();
        let stamp = self.packages.source().stamp(&RepositoryPath::package(name)).ok().flatten();
        // The log says why a package cannot be read. A search finds it by its name.
        let Ok(Some(releases)) = self.packages.read(name) else { return stamp };
        texts.read(&releases, self.packages.describe(&releases).as_deref());
        let inserted_at = inserted_at(&releases);
        // What is kept is allocated once all that was read is freed. Otherwise it would break up the memory of that, and
        // glibc would not use it again: 20,000 packages came to 450 MB.
        drop(releases);
        if let Some(inside) = lock(&self.known).insides.get_mut(name) {
            *inside = Inside {
                stamp: stamp.filter(|stamp| stamp.is_settled(seen)),
                inserted_at,
                dependencies: texts.dependencies.as_str().into(),
                description: texts.description.as_str().into(),
            };
        }
        stamp
    }

    fn find(&self, query: &Query, is_hidden: impl Fn(&PackageName) -> bool) -> Vec<FoundPackage> {
        let state = self.overview.current();
        let RepositoryState::Built(overview) = &*state else { return Vec::new() };
        if !lock(&self.known).has_names {
            self.read_names(overview);
        }
        let names: Vec<PackageName> = {
            let known = lock(&self.known);
            let names = overview.packages.iter().map(|package| &package.name);
            let names = names.filter(|name| !is_hidden(name));
            query.select(names.map(|name| known.candidate(name))).into_iter().cloned().collect()
        };
        self.packages.source().prefetch(names.iter().map(RepositoryPath::package).collect());
        let started = Instant::now();
        let found = names.iter().map(|name| {
            // A package may have been removed meanwhile.
            let releases = self.packages.read(name).ok().flatten()?;
            let description = if started.elapsed() < READING {
                self.packages.describe(&releases)
            } else {
                self.packages.known_description(&releases)
            };
            let known = lock(&self.known);
            let updated_at = known.updated_at.get(name).copied();
            let versions = releases.releases.iter().map(|release| &release.version);
            let has_docs = |version: &&Version| {
                let (package, version) = (name.clone(), (*version).clone());
                known.docs.contains(&FileName { package, version })
            };
            let docs = versions.filter(has_docs).cloned().collect();
            drop(known);
            Some(FoundPackage { releases, description, updated_at, docs })
        });
        found.flatten().collect()
    }
}

impl Known {
    fn candidate<'a>(&'a self, name: &'a PackageName) -> Candidate<'a> {
        let inside = self.insides.get(name);
        Candidate {
            name,
            description: inside.map(|inside| &*inside.description),
            dependencies: inside.map_or("", |inside| &*inside.dependencies),
            inserted_at: inside.and_then(|inside| inside.inserted_at),
            updated_at: self.updated_at.get(name).copied(),
        }
    }
}

/// The time of the first publication that is known.
fn inserted_at(releases: &Releases) -> Option<UnixSeconds> {
    let times = releases.releases.iter().filter_map(|one| one.remarks.published_at.as_ref());
    times.map(|time| time.seconds).min()
}

impl Texts {
    /// Takes over the dependencies of the recommended release, and what its tarball says.
    fn read(&mut self, releases: &Releases, description: Option<&Description>) {
        self.dependencies.clear();
        let release = releases.recommended();
        for dependency in release.map_or(&[][..], |release| &release.dependencies) {
            self.dependencies.push_str(&dependency.package);
            self.dependencies.push('\n');
        }
        self.description.clear();
        let description = description.and_then(|known| known.description.as_deref());
        self.description.push_str(description.unwrap_or_default());
    }
}

/// Each value is replaced in one step, so it is valid after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
