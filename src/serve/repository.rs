//! A repository of the server: its place in the URLs, its files, its releases, its overview, and what publishes to it.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::api::catalog::Catalog;
use super::api::packages::Packages;
use super::api::publisher::Publisher;
use super::error::Error;
use super::files::directory::Directory;
use super::files::recent::RecentFiles;
use super::files::releases::ReleaseIndex;
use super::files::source::FileSource;
use super::mount::Mount;
use super::options::{Options, RepositoryLocation, RepositoryOptions};
use super::overview::RepositoryState;
use super::overview_cache::OverviewCache;
use super::publishing;
use crate::name::RepositoryName;
use crate::repository::Folder;
use crate::store::{DirStore, Store};

/// A repository that is served.
pub(super) struct Repository {
    pub mount: Mount,
    pub location: RepositoryLocation,
    /// Whether reading it needs credentials.
    pub needs_credentials: bool,
    pub source: Arc<dyn FileSource>,
    pub releases: Arc<ReleaseIndex>,
    pub recent: RecentFiles,
    pub overview: Arc<OverviewCache>,
    /// Its packages, as the API shows them.
    pub packages: Packages,
    pub catalog: Arc<Catalog>,
    /// `None` if the server has no private key of it.
    pub publisher: Option<Arc<Publisher>>,
}

impl Repository {
    /// The repository that the options name. A store of another kind is chosen here.
    ///
    /// # Errors
    /// [`Error`] if clients cannot publish to it, though it has a key.
    pub fn open(
        one: &RepositoryOptions,
        options: &Options,
        runtime: &Handle,
    ) -> Result<Self, Error> {
        let RepositoryLocation::Directory(directory) = &one.location;
        let store = DirStore::new(directory).with_links(options.links());
        let source = Arc::new(Directory::new(store.clone()));
        let repository = Self {
            needs_credentials: options.needs_credentials(one),
            ..Self::of(one, Arc::new(store.clone()), source)
        };
        let Some(key) = &one.key else { return Ok(repository) };
        let publisher = publishing::start(runtime, &repository.overview, one, key, store)?;
        Ok(Self { publisher: Some(Arc::new(publisher)), ..repository })
    }

    /// The repository in a store, whose files `source` reads. Everyone may read it, and nothing publishes to it.
    pub fn of(
        options: &RepositoryOptions,
        store: Arc<dyn Store + Send + Sync>,
        source: Arc<dyn FileSource>,
    ) -> Self {
        let overview = Arc::new(OverviewCache::new(store));
        let releases = Arc::new(ReleaseIndex::new(Arc::clone(&source)));
        let packages = Packages::new(Arc::clone(&source), Arc::clone(&releases));
        let catalog = Arc::new(Catalog::new(Arc::clone(&overview), packages.clone()));
        let (mount, location) = (options.mount.clone(), options.location.clone());
        Self {
            mount,
            location,
            needs_credentials: false,
            source,
            releases,
            recent: RecentFiles::new(),
            overview,
            packages,
            catalog,
            publisher: None,
        }
    }

    /// A file as a person would find it.
    pub fn locate(&self, path: &str) -> String {
        self.source.store().locate(&Folder::Root.file(path))
    }

    /// The name in its signed files, if it is built.
    pub async fn signed_name(&self) -> Option<RepositoryName> {
        if let Some(publisher) = &self.publisher {
            return Some(publisher.repository().clone());
        }
        let overview = Arc::clone(&self.overview);
        let state = spawn_blocking(move || overview.current()).await.ok()?;
        match &*state {
            RepositoryState::Built(overview) => Some(overview.repository.clone()),
            RepositoryState::NotBuilt | RepositoryState::Unsound(_) => None,
        }
    }
}
