//! A repository of the server: its place in the URLs, its files, its releases, its overview, and what publishes to it.

#[cfg(feature = "mirror")]
use std::path::Path;
use std::sync::Arc;
#[cfg(feature = "buckets")]
use std::sync::OnceLock;

#[cfg(all(feature = "mirror", feature = "web"))]
use jiff::Timestamp;
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
use super::health::HealthyRepository;
use super::metrics::Metrics;
#[cfg(feature = "web")]
use super::mirror_note::MirrorNote;
#[cfg(feature = "mirror")]
use super::mirrors::runner::{MirrorJob, MirrorRunner, MirrorTarget};
#[cfg(feature = "mirror")]
use super::mirrors::status::MirrorStatus;
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
    /// `None` if it is no mirror that keeps itself up to date.
    #[cfg(feature = "mirror")]
    pub mirror: Option<Mirror>,
}

/// A mirror that keeps itself up to date.
#[cfg(feature = "mirror")]
pub(super) struct Mirror {
    pub status: Arc<MirrorStatus>,
    /// Ends with the repository.
    _runner: MirrorRunner,
}

/// What repositories share.
pub(super) struct ServerParts<'a> {
    pub options: &'a Options,
    pub runtime: &'a Handle,
    #[cfg_attr(
        not(any(feature = "buckets", feature = "mirror")),
        expect(dead_code, reason = "only they count here")
    )]
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

    /// Begins to mirror, by way of a directory that is created if it is missing.
    #[cfg(feature = "mirror")]
    fn mirror(
        &self,
        one: &RepositoryOptions,
        directory: &Path,
        target: impl FnOnce() -> MirrorTarget,
    ) -> Result<Option<Mirror>, Error> {
        let Some(schedule) = one.mirror.clone() else { return Ok(None) };
        let failed = |source| Error::Mirror { directory: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(failed)?;
        let status = Arc::new(MirrorStatus::default());
        let job = MirrorJob {
            name: one.mount.name().map_or_else(|| "/".to_owned(), ToString::to_string),
            schedule,
            target: target(),
            status: Arc::clone(&status),
            metrics: self.metrics.mirrors.clone(),
        };
        let runner = MirrorRunner::start(job).map_err(failed)?;
        Ok(Some(Mirror { status, _runner: runner }))
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
                #[cfg(feature = "mirror")]
                let mirror =
                    server.mirror(one, directory, || MirrorTarget::Directory(directory.clone()))?;
                let store = DirStore::new(directory).with_links(server.options.links());
                let source = Arc::new(Directory::new(store.clone()));
                let repository = Self::of(one, Arc::new(store.clone()), source);
                let repository = repository.publishing(one, server, Box::new(store))?;
                Ok(Self {
                    #[cfg(feature = "mirror")]
                    mirror,
                    ..repository
                })
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
                let written = WrittenStore::new(Arc::clone(&bucket));
                let repository = repository.publishing(one, server, Box::new(written))?;
                #[cfg(feature = "mirror")]
                let mirror = {
                    let place = one.mount.name().map_or("root", RepositoryName::as_str);
                    let directory = server.options.cache.directory.join("mirrors").join(place);
                    let store = Box::new(WrittenStore::new(bucket));
                    let target = || MirrorTarget::Bucket { directory: directory.clone(), store };
                    server.mirror(one, &directory, target)?
                };
                Ok(Self {
                    #[cfg(feature = "mirror")]
                    mirror,
                    ..repository
                })
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
            #[cfg(feature = "mirror")]
            mirror: None,
        }
    }

    /// What its page says of it if it is a mirror that keeps itself up to date.
    #[cfg(all(feature = "mirror", feature = "web"))]
    pub fn mirror_note(&self) -> Option<MirrorNote> {
        let state = self.mirror.as_ref()?.status.current();
        let since = state.succeeded.and_then(|time| Timestamp::from_second(time.0).ok());
        Some(MirrorNote { since: since.map(|time| time.to_string()), error: state.error })
    }

    #[cfg(all(not(feature = "mirror"), feature = "web"))]
    pub fn mirror_note(&self) -> Option<MirrorNote> {
        None
    }

    /// What the health check needs of it.
    pub fn to_check(&self) -> HealthyRepository {
        HealthyRepository {
            name: self.mount.name().map_or_else(|| "/".to_owned(), ToString::to_string),
            source: Arc::clone(&self.source),
            #[cfg(feature = "mirror")]
            mirror: self.mirror.as_ref().map(|mirror| Arc::clone(&mirror.status)),
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
