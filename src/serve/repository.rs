//! A repository of the server: its place in the URLs, its files, its releases, its overview, and what publishes to it.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::api::catalog::Catalog;
use super::api::packages::Packages;
use super::api::publisher::Publisher;
use super::files::directory::Directory;
use super::files::recent::RecentFiles;
use super::files::releases::ReleaseIndex;
use super::files::source::FileSource;
use super::options::Mount;
use super::overview::RepositoryState;
use super::overview_cache::OverviewCache;
use crate::name::RepositoryName;
use crate::repository::Folder;
use crate::store::{DirStore, Links, Store};

/// A repository that is served.
pub(super) struct Repository {
    pub mount: Mount,
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
    /// The repository in the directory of a mount. A store of another kind is chosen here.
    pub fn open(mount: &Mount, links: Links) -> Self {
        let store = DirStore::new(&mount.directory).with_links(links);
        Self::of(mount, Arc::new(store.clone()), Arc::new(Directory::new(store)))
    }

    /// The repository in a store, whose files `source` reads.
    pub fn of(
        mount: &Mount,
        store: Arc<dyn Store + Send + Sync>,
        source: Arc<dyn FileSource>,
    ) -> Self {
        let overview = Arc::new(OverviewCache::new(store));
        let releases = Arc::new(ReleaseIndex::new(Arc::clone(&source)));
        let packages = Packages::new(Arc::clone(&source), Arc::clone(&releases));
        let catalog = Arc::new(Catalog::new(Arc::clone(&overview), packages.clone()));
        let (mount, recent) = (mount.clone(), RecentFiles::new());
        Self { mount, source, releases, recent, overview, packages, catalog, publisher: None }
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
