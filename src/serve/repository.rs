//! A repository of the server: its place in the URLs, its files, its releases, its overview, and what publishes to it.

use std::sync::Arc;
#[cfg(feature = "buckets")]
use std::sync::OnceLock;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::api::catalog::Catalog;
use super::api::packages::Packages;
use super::api::publisher::Publisher;
use super::error::Error;
#[cfg(feature = "buckets")]
use super::files::bucket::cached_store::{CachedStore, WrittenStore};
#[cfg(feature = "buckets")]
use super::files::bucket::folder::CacheFolder;
#[cfg(feature = "buckets")]
use super::files::bucket::shared_bucket::SharedBucket;
#[cfg(feature = "buckets")]
use super::files::bucket::source::BucketSource;
use super::files::directory::Directory;
use super::files::recent::RecentFiles;
use super::files::releases::ReleaseIndex;
use super::files::source::FileSource;
use super::metrics::Metrics;
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

/// What repositories share.
pub(super) struct ServerParts<'a> {
    pub options: &'a Options,
    pub runtime: &'a Handle,
    #[cfg_attr(not(feature = "buckets"), expect(dead_code, reason = "only buckets count here"))]
    pub metrics: &'a Metrics,
    /// Made once a bucket needs it.
    #[cfg(feature = "buckets")]
    pub cache_folder: OnceLock<Arc<CacheFolder>>,
}

impl<'a> ServerParts<'a> {
    pub fn new(options: &'a Options, runtime: &'a Handle, metrics: &'a Metrics) -> Self {
        Self {
            options,
            runtime,
            metrics,
            #[cfg(feature = "buckets")]
            cache_folder: OnceLock::new(),
        }
    }

    #[cfg(feature = "buckets")]
    fn cache_folder(&self) -> Result<Arc<CacheFolder>, Error> {
        if let Some(folder) = self.cache_folder.get() {
            return Ok(Arc::clone(folder));
        }
        let directory = self.options.cache.directory.clone();
        let made = CacheFolder::create(&directory);
        let made = made.map_err(|source| Error::Cache { directory, source })?;
        Ok(Arc::clone(self.cache_folder.get_or_init(|| Arc::new(made))))
    }
}

impl Repository {
    /// The repository that the options name. A store of another kind is chosen here.
    ///
    /// # Errors
    /// [`Error`] if it cannot be served, or clients cannot publish to it, though it has a key.
    pub fn open(one: &RepositoryOptions, server: &ServerParts<'_>) -> Result<Self, Error> {
        match &one.location {
            RepositoryLocation::Directory(directory) => {
                let store = DirStore::new(directory).with_links(server.options.links());
                let source = Arc::new(Directory::new(store.clone()));
                let repository = Self::of(one, Arc::new(store.clone()), source);
                repository.publishing(one, server, Box::new(store))
            }
            #[cfg(feature = "buckets")]
            RepositoryLocation::Bucket(bucket) => {
                let opened = bucket.open().map_err(|source| Error::Bucket {
                    location: one.location.to_string(),
                    source: Box::new(source),
                })?;
                let size = server.options.cache.size;
                let counters = server.metrics.buckets.clone();
                let folder = server.cache_folder()?;
                let bucket = SharedBucket::new(Arc::new(opened), size, folder, counters);
                let bucket = Arc::new(bucket);
                let store = Arc::new(CachedStore::new(Arc::clone(&bucket)));
                let source = Arc::new(BucketSource::new(Arc::clone(&bucket)));
                let repository = Self::of(one, store, source);
                repository.publishing(one, server, Box::new(WrittenStore::new(bucket)))
            }
        }
    }

    /// The same repository, with who may read it, and what publishes to it, if it has a key.
    fn publishing(
        self,
        one: &RepositoryOptions,
        server: &ServerParts<'_>,
        store: Box<dyn Store + Send + Sync>,
    ) -> Result<Self, Error> {
        let needs_credentials = server.options.needs_credentials(one);
        let publisher = match &one.key {
            Some(key) => Some(publishing::start(server.runtime, &self.overview, one, key, store)?),
            None => None,
        };
        Ok(Self { needs_credentials, publisher: publisher.map(Arc::new), ..self })
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
