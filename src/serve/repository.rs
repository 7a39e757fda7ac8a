//! A repository of the server: its place in the URLs, its files, its releases, its overview, and what publishes to it.

use std::collections::BTreeSet;
use std::sync::Arc;

#[cfg(all(feature = "mirror", feature = "web"))]
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::api::catalog::Catalog;
use super::api::packages::Packages;
#[cfg(feature = "buckets")]
use super::cache_folder::SharedCacheFolder;
use super::error::Error;
#[cfg(feature = "buckets")]
use super::files::bucket::cached_store::{CachedStore, WrittenStore};
#[cfg(feature = "buckets")]
use super::files::bucket::shared_bucket::SharedBucket;
#[cfg(feature = "buckets")]
use super::files::bucket::source::BucketSource;
use super::files::directory::Directory;
use super::files::recent::RecentFiles;
use super::files::releases::ReleaseIndex;
use super::files::source::FileSource;
use super::health::HealthyRepository;
use super::known_registry::KnownRegistry;
use super::metrics::Metrics;
#[cfg(feature = "mirror")]
use super::mirror::{Mirror, MirrorParts};
#[cfg(feature = "web")]
use super::mirror_note::MirrorNote;
#[cfg(feature = "mirror")]
use super::mirrors::turns::MirrorTurns;
use super::mount::Mount;
use super::options::{CacheOptions, Options, RepositoryLocation, RepositoryOptions};
use super::overview::RepositoryState;
use super::overview_cache::OverviewCache;
use super::publishing::{self, PublisherSlot};
#[cfg(feature = "mirror")]
use super::pull::{
    self,
    pull_through::{PullParts, PullThrough},
};
use super::registry_identity::RegistryIdentity;
use super::repository_settings::RepositorySettings;
#[cfg(all(feature = "mirror", feature = "web"))]
use super::upstream_note::UpstreamNote;
#[cfg(feature = "web")]
use super::web::cache_file::{self, CacheFile};
#[cfg(feature = "web")]
use super::web::repository_pages::RepositoryPages;
use crate::name::{PackageName, RepositoryName};
#[cfg(feature = "mirror")]
use crate::ops::mirror::Cancellation;
use crate::repository::Folder;
use crate::store::{DirStore, Store};

/// A repository that is served.
pub(super) struct Repository {
    /// What it was opened with.
    settings: RepositorySettings,
    pub mount: Mount,
    pub location: RepositoryLocation,
    /// Whether reading it needs credentials.
    pub needs_credentials: bool,
    pub source: Arc<dyn FileSource>,
    pub releases: Arc<ReleaseIndex>,
    pub recent: RecentFiles,
    pub overview: Arc<OverviewCache>,
    pub registry: Arc<KnownRegistry>,
    /// Its packages, as the API shows them.
    pub packages: Packages,
    pub catalog: Arc<Catalog>,
    /// What its pages are made from.
    #[cfg(feature = "web")]
    pub pages: Arc<RepositoryPages>,
    /// `None` if the server has no private key of it.
    pub publisher: Option<Arc<PublisherSlot>>,
    /// Makes the store that is written to; `None` if nothing can be.
    written_store: Option<Arc<WrittenStoreMaker>>,
    /// `None` if it is no mirror that keeps itself up to date.
    #[cfg(feature = "mirror")]
    pub mirror: Option<Arc<Mirror>>,
    /// `None` if nothing is fetched when clients ask for it.
    #[cfg(feature = "mirror")]
    pub pull: Option<Arc<PullThrough>>,
}

/// Makes a store that is written to.
type WrittenStoreMaker = dyn Fn() -> Box<dyn Store + Send + Sync> + Send + Sync;

/// What repositories share.
pub(super) struct ServerParts<'a> {
    pub options: &'a Options,
    pub runtime: &'a Handle,
    #[cfg_attr(
        not(any(feature = "buckets", feature = "mirror")),
        expect(dead_code, reason = "only they count here")
    )]
    pub metrics: &'a Metrics,
    #[cfg(feature = "buckets")]
    pub cache_folder: &'a SharedCacheFolder,
    #[cfg(feature = "mirror")]
    pub turns: &'a MirrorTurns,
    /// The end of the server.
    #[cfg(feature = "mirror")]
    pub end: &'a Cancellation,
    /// The repositories of the options before.
    pub former: &'a [Arc<Repository>],
}

#[cfg(feature = "mirror")]
impl ServerParts<'_> {
    fn mirror(&self, one: &RepositoryOptions, store: &WrittenStoreMaker) -> Option<Arc<Mirror>> {
        let former = self.former.iter().filter_map(|one| one.mirror.clone()).collect();
        let parts =
            MirrorParts { options: self.options, metrics: self.metrics, turns: self.turns, former };
        Mirror::of(one, &|| store(), &parts)
    }
}

impl Repository {
    /// The repository that the options name: the former one, if nothing has changed for it. If something has, what is
    /// kept of its files is still kept, as long as these are the same.
    ///
    /// # Errors
    /// [`Error`] if it cannot be served, or clients cannot publish to it, though it has a key.
    pub fn open(one: &RepositoryOptions, server: &ServerParts<'_>) -> Result<Arc<Self>, Error> {
        let settings = RepositorySettings::of(one, server.options);
        let mut former = server.former.iter();
        if let Some(same) = former.find(|former| former.settings == settings) {
            return Ok(Arc::clone(same));
        }
        let mut former = server.former.iter();
        let opened = match former.find(|former| former.settings.have_files_of(&settings)) {
            Some(former) => former.reopen(settings, server)?,
            None => Self { settings, ..Self::open_anew(one, server)? },
        };
        Ok(Arc::new(opened))
    }

    /// A store of another kind is chosen here.
    fn open_anew(one: &RepositoryOptions, server: &ServerParts<'_>) -> Result<Self, Error> {
        match &one.location {
            RepositoryLocation::Directory(directory) => {
                let store = DirStore::new(directory).with_links(server.options.links());
                let source = Arc::new(Directory::new(store.clone()));
                let repository =
                    Self::of(one, &server.options.cache, Arc::new(store.clone()), source);
                repository.writing(one, server, Arc::new(move || Box::new(store.clone())))
            }
            #[cfg(feature = "buckets")]
            RepositoryLocation::Bucket(bucket) => {
                let opened = bucket.open().map_err(|source| Error::Bucket {
                    location: one.location.to_string(),
                    source: Box::new(source),
                })?;
                let size = server.options.cache.size;
                let counters = server.metrics.buckets.clone();
                let folder = server.cache_folder.in_directory(&server.options.cache.directory)?;
                let bucket = SharedBucket::new(Arc::new(opened), size, folder, counters);
                let bucket = Arc::new(bucket);
                let store = Arc::new(CachedStore::new(Arc::clone(&bucket)));
                let source = Arc::new(BucketSource::new(Arc::clone(&bucket)));
                let repository = Self::of(one, &server.options.cache, store, source);
                let written = move || -> Box<dyn Store + Send + Sync> {
                    Box::new(WrittenStore::new(Arc::clone(&bucket)))
                };
                repository.writing(one, server, Arc::new(written))
            }
        }
    }

    /// The same repository, with who may read it, and what writes to it.
    fn writing(
        self,
        one: &RepositoryOptions,
        server: &ServerParts<'_>,
        store: Arc<WrittenStoreMaker>,
    ) -> Result<Self, Error> {
        Ok(Self {
            needs_credentials: server.options.needs_credentials(one),
            publisher: self.publisher(one, server, &*store)?,
            #[cfg(feature = "mirror")]
            mirror: server.mirror(one, &*store),
            #[cfg(feature = "mirror")]
            pull: self.pull(one, server, &*store)?,
            written_store: Some(store),
            ..self
        })
    }

    fn publisher(
        &self,
        one: &RepositoryOptions,
        server: &ServerParts<'_>,
        store: &WrittenStoreMaker,
    ) -> Result<Option<Arc<PublisherSlot>>, Error> {
        let Some(key) = &one.key else { return Ok(None) };
        publishing::start(server.runtime, &self.overview, one, key, store()).map(Some)
    }

    #[cfg(feature = "mirror")]
    fn pull(
        &self,
        one: &RepositoryOptions,
        server: &ServerParts<'_>,
        store: &WrittenStoreMaker,
    ) -> Result<Option<Arc<PullThrough>>, Error> {
        let Some(options) = &one.pull else { return Ok(None) };
        let parts = PullParts {
            options,
            source: &self.source,
            releases: &self.releases,
            runtime: server.runtime,
            end: server.end,
            metrics: &server.metrics.pulls,
        };
        pull::open(one, &parts, &|| store()).map(Some)
    }

    /// The repository with other settings, of the same files.
    fn reopen(
        &self,
        settings: RepositorySettings,
        server: &ServerParts<'_>,
    ) -> Result<Self, Error> {
        let (options, store) = (&settings.options, &self.written_store);
        let publisher = match store {
            _ if settings.are_published_as(&self.settings) => self.publisher.clone(),
            Some(store) => self.publisher(options, server, &**store)?,
            None => None,
        };
        #[cfg(feature = "mirror")]
        let mirror = match store {
            _ if settings.are_mirrored_as(&self.settings) => self.mirror.clone(),
            Some(store) => server.mirror(options, &**store),
            None => None,
        };
        #[cfg(feature = "mirror")]
        let pull = match store {
            _ if settings.are_pulled_as(&self.settings) => self.pull.clone(),
            Some(store) => self.pull(options, server, &**store)?,
            None => None,
        };
        Ok(Self {
            mount: options.mount.clone(),
            location: options.location.clone(),
            needs_credentials: settings.needs_credentials,
            source: Arc::clone(&self.source),
            releases: Arc::clone(&self.releases),
            // They are kept with the headers of their responses, which may be others now.
            recent: RecentFiles::new(),
            overview: Arc::clone(&self.overview),
            registry: Arc::clone(&self.registry),
            packages: self.packages.clone(),
            catalog: Arc::clone(&self.catalog),
            #[cfg(feature = "web")]
            pages: Arc::clone(&self.pages),
            publisher,
            written_store: store.clone(),
            #[cfg(feature = "mirror")]
            mirror,
            #[cfg(feature = "mirror")]
            pull,
            settings,
        })
    }

    /// The repository in a store, whose files `source` reads. Everyone may read it, and nothing publishes to it.
    pub fn of(
        options: &RepositoryOptions,
        #[cfg_attr(not(feature = "web"), expect(unused_variables, reason = "for pages"))]
        cache: &CacheOptions,
        store: Arc<dyn Store + Send + Sync>,
        source: Arc<dyn FileSource>,
    ) -> Self {
        let overview = Arc::new(OverviewCache::new(store));
        let releases = Arc::new(ReleaseIndex::new(Arc::clone(&source), options.signer()));
        let registry = KnownRegistry::new(Arc::clone(&overview), Arc::clone(&source));
        let packages = Packages::new(Arc::clone(&source), Arc::clone(&releases));
        let catalog = Arc::new(Catalog::new(Arc::clone(&overview), packages.clone()));
        let (mount, location) = (options.mount.clone(), options.location.clone());
        #[cfg(feature = "web")]
        let pages = RepositoryPages::new(
            Arc::clone(&overview),
            Arc::clone(&source),
            Arc::clone(&releases),
            options.signer(),
            Some(
                ["index", "changes"]
                    .map(|kind| CacheFile::of(&cache.directory, &location, kind))
                    .into(),
            ),
            Some(cache_file::path_of(&cache.directory, &location, "docs")),
            location.as_directory().is_none(),
        );
        Self {
            settings: RepositorySettings::open_to_all(options),
            mount,
            location,
            needs_credentials: false,
            source,
            releases,
            recent: RecentFiles::new(),
            overview,
            registry: Arc::new(registry),
            packages,
            catalog,
            #[cfg(feature = "web")]
            pages: Arc::new(pages),
            publisher: None,
            written_store: None,
            #[cfg(feature = "mirror")]
            mirror: None,
            #[cfg(feature = "mirror")]
            pull: None,
        }
    }

    /// Whether its files come from an upstream, and not from those who use this server.
    #[cfg(feature = "mirror")]
    pub fn has_upstream(&self) -> bool {
        self.mirror.is_some() || self.pull.is_some()
    }

    #[cfg(not(feature = "mirror"))]
    #[expect(clippy::unused_self, reason = "a repository of a server with mirrors may have one")]
    pub fn has_upstream(&self) -> bool {
        false
    }

    /// Whether what is not here is fetched from an upstream when a client asks for it.
    #[cfg(all(feature = "mirror", feature = "web"))]
    pub fn is_pulled(&self) -> bool {
        self.pull.is_some()
    }

    #[cfg(all(not(feature = "mirror"), feature = "web"))]
    #[expect(clippy::unused_self, reason = "a repository of a server with mirrors may be")]
    pub fn is_pulled(&self) -> bool {
        false
    }

    /// Of the registry that it has, or is going to fetch; `None` if it has not been read.
    pub fn registry_identity(&self) -> Option<RegistryIdentity> {
        self.settings.options.signer().or_else(|| self.registry.identity())
    }

    /// Packages of its names that may be fetched from upstreams all the same.
    pub fn allow_public(&self) -> &BTreeSet<PackageName> {
        &self.settings.options.allow_public
    }

    /// Lock files that the search in documentation offers.
    #[cfg(feature = "web")]
    pub fn search_locks(&self) -> &[std::path::PathBuf] {
        &self.settings.options.search_locks
    }

    /// What its page says of it if it is a mirror that keeps itself up to date.
    #[cfg(all(feature = "mirror", feature = "web"))]
    pub fn mirror_note(&self) -> Option<MirrorNote> {
        let state = self.mirror.as_ref()?.status.current();
        let since = state.succeeded.and_then(|time| Timestamp::from_second(time.0).ok());
        Some(MirrorNote { since: since.map(|time| time.to_string()), error: state.error })
    }

    #[cfg(all(not(feature = "mirror"), feature = "web"))]
    #[expect(clippy::unused_self, reason = "a repository of a server with mirrors may be one")]
    pub fn mirror_note(&self) -> Option<MirrorNote> {
        None
    }

    /// What its page says of its upstream if files are fetched from it.
    #[cfg(all(feature = "mirror", feature = "web"))]
    pub fn upstream_note(&self) -> Option<UpstreamNote> {
        let RegistryIdentity { name: repository, key } = self.settings.options.signer()?;
        Some(UpstreamNote { repository, key, problem: self.pull.as_ref()?.problem() })
    }

    /// What the health check needs of it.
    pub fn to_check(&self) -> HealthyRepository {
        HealthyRepository {
            name: self.mount.label(),
            source: Arc::clone(&self.source),
            is_remote: self.location.as_directory().is_none(),
            #[cfg(feature = "mirror")]
            mirror: self.mirror.as_ref().map(|mirror| Arc::clone(&mirror.status)),
            #[cfg(feature = "mirror")]
            pull: self.pull.clone(),
        }
    }

    /// A file as a person would find it.
    pub fn locate(&self, path: &str) -> String {
        self.source.store().locate(&Folder::Root.file(path))
    }

    /// The name in its signed files, if it is built.
    pub async fn signed_name(&self) -> Option<RepositoryName> {
        if let Some(publisher) = self.publisher.as_ref().and_then(|slot| slot.get()) {
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
