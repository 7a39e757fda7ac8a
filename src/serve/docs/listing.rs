//! Which releases of a repository have documentation here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OwnedMutexGuard;
use tokio::task::spawn_blocking;

use crate::name::PackageName;
use crate::repository::{Folder, is_elixirs};
use crate::serve::error_chain::chain;
use crate::serve::files::releases::ReleaseIndex;
use crate::serve::files::source::FileSource;
use crate::serve::overview::RepositoryState;
use crate::serve::overview_cache::OverviewCache;
use crate::version::Version;

/// For how long a listing holds: of a directory, and of a bucket, where it is a request for each thousand files.
const HOLDS: Duration = Duration::from_secs(2);
const REMOTE_HOLDS: Duration = Duration::from_secs(30);

/// How many times as old a listing may be that is used while the folder is listed again.
const USABLE: u32 = 4;

/// Finds out which documentation is in `docs/`.
pub(crate) struct DocsListings {
    overview: Arc<OverviewCache>,
    source: Arc<dyn FileSource>,
    releases: Arc<ReleaseIndex>,
    holds: Duration,
    last: Mutex<Option<(Instant, Arc<DocsListing>)>>,
    /// Held while the folder is listed. The others wait for what is found.
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// The archives of a repository at one time, and its packages.
pub(crate) struct DocsListing {
    releases: Arc<ReleaseIndex>,
    state: Arc<RepositoryState>,
    versions: HashMap<PackageName, Vec<Version>>,
    digest: blake3::Hash,
    /// Another number for other archives, and for other packages.
    pub generation: u64,
}

impl DocsListings {
    pub fn new(
        overview: Arc<OverviewCache>,
        source: Arc<dyn FileSource>,
        releases: Arc<ReleaseIndex>,
        is_remote: bool,
    ) -> Self {
        let holds = if is_remote { REMOTE_HOLDS } else { HOLDS };
        let (last, reading) = (Mutex::default(), Arc::default());
        Self { overview, source, releases, holds, last, reading }
    }

    /// The archives that are here, or were a moment ago. While the folder is listed again, requests get what was listed
    /// before, unless that is old.
    pub async fn current(self: &Arc<Self>) -> Arc<DocsListing> {
        if let Some(listing) = self.not_older_than(self.holds) {
            return listing;
        }
        let usable = self.not_older_than(self.holds.saturating_mul(USABLE));
        let reading = match usable {
            Some(usable) => {
                if let Ok(reading) = Arc::clone(&self.reading).try_lock_owned() {
                    let this = Arc::clone(self);
                    spawn_blocking(move || this.read(reading));
                }
                return usable;
            }
            None => Arc::clone(&self.reading).lock_owned().await,
        };
        // Another request may have listed it meanwhile.
        if let Some(listing) = self.not_older_than(self.holds) {
            return listing;
        }
        let this = Arc::clone(self);
        let read = spawn_blocking(move || this.read(reading)).await;
        read.unwrap_or_else(|_| Arc::new(self.listing(Arc::new(RepositoryState::NotBuilt), &[])))
    }

    fn not_older_than(&self, age: Duration) -> Option<Arc<DocsListing>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, listing) = last.as_ref()?;
        (at.elapsed() < age).then(|| Arc::clone(listing))
    }

    /// Lists the folder. If that fails, what was listed before holds.
    fn read(&self, _reading: OwnedMutexGuard<()>) -> Arc<DocsListing> {
        let state = self.overview.current();
        let listed = match self.source.store().list(Folder::Docs) {
            Ok(listed) => {
                let mut names: Vec<String> =
                    listed.unwrap_or_default().into_iter().map(|file| file.name).collect();
                names.sort_unstable();
                Some(self.listing(Arc::clone(&state), &names))
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "which documentation is here is not known");
                None
            }
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let former = last.take().map(|(_, listing)| listing);
        let generation = former.as_ref().map_or(0, |former| former.generation);
        let next = |listed: DocsListing| {
            Arc::new(DocsListing { generation: generation.saturating_add(1), ..listed })
        };
        let listing = match (listed, former) {
            (Some(listed), Some(former)) if listed.is_as(&former) => former,
            (Some(listed), _) => next(listed),
            (None, Some(former)) => former,
            (None, None) => next(self.listing(state, &[])),
        };
        *last = Some((Instant::now(), Arc::clone(&listing)));
        listing
    }

    fn listing(&self, state: Arc<RepositoryState>, names: &[String]) -> DocsListing {
        let mut versions: HashMap<PackageName, Vec<Version>> = HashMap::new();
        let mut hasher = blake3::Hasher::new();
        for name in names {
            if let Some(release) = Folder::Docs.release(name) {
                hasher.update(name.as_bytes()).update(&[0]);
                versions.entry(release.package).or_default().push(release.version);
            }
        }
        for of_package in versions.values_mut() {
            of_package.sort_unstable();
        }
        let releases = Arc::clone(&self.releases);
        DocsListing { releases, state, versions, digest: hasher.finalize(), generation: 0 }
    }
}

impl DocsListing {
    /// The versions of a package that have documentation here which clients may have, in order. May block.
    pub fn versions(&self, package: &PackageName) -> Vec<Version> {
        let Some(versions) = self.versions.get(package) else { return Vec::new() };
        // The log says why a package cannot be read.
        self.releases.released(package, versions).unwrap_or_default()
    }

    /// The names of packages with archives that clients may have, in no order.
    pub fn names(&self) -> impl Iterator<Item = &PackageName> {
        self.versions.keys().filter(|name| self.has(name) || is_elixirs(name))
    }

    /// Whether the repository has a package of this name.
    pub fn has(&self, package: &PackageName) -> bool {
        match &*self.state {
            RepositoryState::Built(overview) => overview.package(package).is_some(),
            RepositoryState::NotBuilt | RepositoryState::Unsound(_) => false,
        }
    }

    fn is_as(&self, other: &Self) -> bool {
        self.digest == other.digest && Arc::ptr_eq(&self.state, &other.state)
    }
}
