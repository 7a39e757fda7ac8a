//! Makes sure that a file is here before it is sent.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::confirmed_files::ConfirmedFiles;
use super::eviction::Eviction;
use super::file_checks::FileChecks;
use super::flights::Landed;
use super::kept_files::KeptFiles;
use super::metrics::PullMetrics;
use super::options::PullOptions;
use super::readiness::{CacheAge, Freshness, Readiness};
use super::requests::{self, UpstreamRequests};
use super::saver::Saver;
use super::unkept_file;
use super::upstream_log::{UpstreamLog, UpstreamState};
use super::used_files::UsedFiles;
use crate::checksum::OuterChecksum;
use crate::ops::mirror::pull::Target;
use crate::ops::mirror::{Cancellation, Error};
use crate::registry::Resource;
use crate::repository::{Asset, AssetKind, Folder, RepositoryPath};
use crate::serve::clock;
use crate::serve::files::releases::ReleaseIndex;
use crate::serve::files::source::{self, FileSource, OpenFile};
use crate::store::{Stamp, Store};
use crate::tarball::FileName;

/// Makes sure that the files of one repository are here.
pub(crate) struct PullThrough {
    requests: Arc<UpstreamRequests>,
    checks: Arc<FileChecks>,
    source: Arc<dyn FileSource>,
    releases: Arc<ReleaseIndex>,
    used: Arc<UsedFiles>,
    /// What is known of files is saved in it.
    store: Arc<dyn Store + Send + Sync>,
    saver: Saver,
    /// `None` where all is kept: it does not matter then when files were used last.
    eviction: Option<Arc<Eviction>>,
    has_begun: AtomicBool,
    started: Instant,
}

/// What a new [`PullThrough`] needs.
pub(crate) struct PullParts<'a> {
    pub options: &'a PullOptions,
    pub source: &'a Arc<dyn FileSource>,
    pub releases: &'a Arc<ReleaseIndex>,
    pub runtime: &'a Handle,
    /// The end of the server.
    pub end: &'a Cancellation,
    pub metrics: &'a PullMetrics,
}

/// How long a package is not asked for again as a release is missing in it, though it is fresh.
const RELEASES_FOR: Duration = Duration::from_secs(60);

/// How long a client waits for upstream before it gets a file as it is here.
const STALE_AFTER: Duration = Duration::from_secs(3);

impl PullThrough {
    /// Pulls into the store that `store` makes, which is read without a cache in front. Nothing is written or removed, and
    /// upstream is not asked, before it [is prepared](Self::prepare) and [begins](Self::begin).
    ///
    /// # Errors
    /// [`Error`]: there is no client for this upstream.
    pub fn new(
        name: &str,
        parts: &PullParts<'_>,
        store: &dyn Fn() -> Box<dyn Store + Send + Sync>,
    ) -> Result<Arc<Self>, Error> {
        let PullParts { options, source, releases, runtime, end, metrics } = parts;
        let used = Arc::new(UsedFiles::default());
        let puller = requests::puller(options, store())?;
        let checks = FileChecks::new(name, puller.clone(), Arc::clone(releases));
        let counters = metrics.of(name);
        let evict = |size| {
            let (pinned, evicted) = (Arc::clone(&options.pinned), counters.evicted.clone());
            let files = KeptFiles::new(name, store(), pinned, size, Arc::clone(&used), evicted);
            Arc::new(Eviction::new(files))
        };
        let eviction = options.size.map(evict);
        let log = UpstreamLog::of(name.to_owned(), (*runtime).clone());
        let tasks = ((*runtime).clone(), (*end).clone());
        let confirmed = ConfirmedFiles::of(options.upstream.url.as_str());
        let evicted = eviction.clone();
        let requests = UpstreamRequests::new(puller, tasks, confirmed, log, counters, evicted);
        let (source, releases) = (Arc::clone(source), Arc::clone(releases));
        let (started, has_begun) = (Instant::now(), AtomicBool::new(false));
        let (store, saver) = (Arc::from(store()), Saver::default());
        Ok(Arc::new(Self {
            requests,
            checks,
            source,
            releases,
            used,
            store,
            saver,
            eviction,
            has_begun,
            started,
        }))
    }

    /// Makes the store ready. Once it has begun, this does nothing. May block.
    ///
    /// # Errors
    /// [`Error`]: the store cannot be written, or has the registry of another key.
    pub fn prepare(&self) -> Result<(), Error> {
        if self.has_begun.load(Ordering::Acquire) {
            return Ok(());
        }
        self.requests.prepare()?;
        self.requests.restore(&*self.store);
        Ok(())
    }

    /// Begins to keep files within the size and to save what is known, and asks for the indexes. Once it has begun, this
    /// does nothing.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn begin(&self) -> io::Result<()> {
        if self.has_begun.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.requests.counters.reachable.set(1);
        self.eviction.as_ref().map_or(Ok(()), |eviction| eviction.start())?;
        let (requests, store) = (Arc::clone(&self.requests), Arc::clone(&self.store));
        self.saver.start(move || requests.save(&*store))?;
        // Pages are made of them.
        self.requests.follow_indexes();
        Ok(())
    }

    /// Ends what goes on without clients. Their requests are still answered. May block.
    pub fn end(&self) {
        self.saver.end();
        if let Some(eviction) = &self.eviction {
            eviction.end();
        }
    }

    /// Whether a file can be sent as it is, if it is here.
    pub fn is_fresh(&self, asset: &Asset) -> bool {
        let path = asset.path.as_str();
        let is_fresh = |path: &str| self.requests.memory.get(path).is_fresh(Instant::now());
        match asset.kind {
            AssetKind::Tarball => true,
            AssetKind::Registry | AssetKind::Policy | AssetKind::Docs => is_fresh(path),
            AssetKind::Installs | AssetKind::GitRefs | AssetKind::GitObjects => false,
        }
    }

    /// How long caches may keep a file, and how old it is. Those that never change are as old as they are.
    pub fn cache_age(&self, asset: &Asset) -> Option<CacheAge> {
        let target = Target::of(asset).filter(|target| !target.is_immutable())?;
        self.requests.memory.get(target.path().as_str()).cache_age(Instant::now())
    }

    /// A file was sent as it is.
    pub fn was_fresh(&self, asset: &Asset) {
        self.requests.counters.fresh.inc();
        self.note_use(asset);
    }

    /// A file that is here is sent.
    fn note_use(&self, asset: &Asset) {
        if self.has_uses(asset) {
            self.used.note(&Folder::Root.file(&asset.path), clock::now());
        }
    }

    fn has_uses(&self, asset: &Asset) -> bool {
        self.eviction.is_some() && matches!(asset.kind, AssetKind::Tarball | AssetKind::Docs)
    }

    /// Whether an open file is upstream's. `signed` is the checksum of a tarball.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn is_sound(
        &self,
        asset: &Asset,
        opened: &OpenFile,
        signed: Option<OuterChecksum>,
    ) -> io::Result<bool> {
        let path = Folder::Root.file(&asset.path);
        match (signed, Target::of(asset)) {
            (Some(signed), _) => self.checks.is_tarball(&path, opened, signed).await,
            (None, Some(target)) => self.checks.is_sound(&target, &path, opened).await,
            // What is not pulled may have been mirrored.
            (None, None) => Ok(true),
        }
    }

    /// Whether a file that was sent before is upstream's still. `signed` is the checksum of a tarball.
    pub fn is_known(&self, asset: &Asset, stamp: &Stamp, signed: Option<OuterChecksum>) -> bool {
        let is_known = |signed| self.checks.is_known_tarball(&asset.path, stamp, signed);
        signed.is_none_or(is_known)
    }

    /// Makes sure that a file is here, and not older than upstream says that it may be.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn ensure(self: &Arc<Self>, asset: &Asset) -> io::Result<Readiness> {
        let readiness = self.ensure_asset(asset).await?;
        let counter = match &readiness {
            Readiness::Here(Freshness::Fresh) => &self.requests.counters.fresh,
            Readiness::Here(Freshness::Fetched | Freshness::Revalidated) | Readiness::Unkept(_) => {
                &self.requests.counters.fetched
            }
            Readiness::Here(Freshness::Stale(_)) => &self.requests.counters.stale,
            Readiness::Missing => &self.requests.counters.missing,
            Readiness::Failed | Readiness::Pending => &self.requests.counters.failed,
        };
        counter.inc();
        if matches!(readiness, Readiness::Here(_)) {
            self.note_use(asset);
        }
        Ok(readiness)
    }

    async fn ensure_asset(self: &Arc<Self>, asset: &Asset) -> io::Result<Readiness> {
        // What is not pulled may have been mirrored.
        let Some(target) = Target::of(asset) else { return Ok(Readiness::Here(Freshness::Fresh)) };
        let (path, began) = (Folder::Root.file(&asset.path), Instant::now());
        let readiness = self.ensure_target(asset, &target, &path, began).await?;
        let is_refused = matches!(readiness, Readiness::Failed | Readiness::Pending);
        if let Some(bytes) = self.requests.unkept.any(&path).filter(|_| is_refused) {
            return Ok(Readiness::Unkept(unkept_file::open(bytes)));
        }
        Ok(readiness)
    }

    async fn ensure_target(
        self: &Arc<Self>,
        asset: &Asset,
        target: &Target,
        path: &RepositoryPath,
        began: Instant,
    ) -> io::Result<Readiness> {
        if let Some(bytes) = self.requests.unkept.fresh(path) {
            return Ok(Readiness::Unkept(unkept_file::open(bytes)));
        }
        let mut is_in_store = true;
        if let Target::Tarball(file) | Target::Docs(file) = target {
            let is_docs = matches!(target, Target::Docs(_));
            match self.ensure_release(file, is_docs, began).await? {
                Readiness::Here(_) => {}
                // The release is in a file that could not be kept: that of the tarball can be neither.
                Readiness::Unkept(_) => is_in_store = false,
                refused => return Ok(refused),
            }
            if self.has_uses(asset) {
                // It must not go while upstream is asked for it.
                self.used.renew(path, clock::now());
            }
        }
        for list in target.lists() {
            self.ensure_file(&list, &list.path(), began).await?;
        }
        if is_in_store {
            return self.ensure_file(target, path, began).await;
        }
        let flight = self.requests.ask(target, Instant::now());
        let landed = self.requests.wait(target, flight, began).await;
        Ok(Self::without_store(landed, path, Freshness::Fetched))
    }

    /// Makes sure that the package of a release is here, and names it.
    async fn ensure_release(
        self: &Arc<Self>,
        release: &FileName,
        is_docs: bool,
        began: Instant,
    ) -> io::Result<Readiness> {
        let fresh = Readiness::Here(Freshness::Fresh);
        if self.releases.has(release, is_docs).await? {
            return Ok(fresh);
        }
        let package = Target::Signed(Resource::Package(release.package.clone()));
        match self.ensure_file(&package, &package.path(), began).await? {
            Readiness::Here(_) if self.releases.has(release, is_docs).await? => return Ok(fresh),
            Readiness::Here(_) => {}
            other => return Ok(other),
        }
        // A lock file may pin a release that is newer than the file that is fresh.
        let known = self.requests.memory.get(package.path().as_str());
        let now = Instant::now();
        let is_old = known.confirmed.is_some_and(|at| now.duration_since(at) >= RELEASES_FOR);
        if !is_old || known.has_failed(now) || self.requests.is_paused(now) {
            return Ok(Readiness::Missing);
        }
        let asked = self.requests.wait(&package, self.requests.ask(&package, now), began).await;
        let asked = Self::without_store(asked, &package.path(), Freshness::Revalidated);
        match asked {
            Readiness::Here(_) if self.releases.has(release, is_docs).await? => Ok(fresh),
            Readiness::Here(_) | Readiness::Failed => Ok(Readiness::Missing),
            other => Ok(other),
        }
    }

    /// Makes sure that a file is here. The path is that of its signature where it is a list of installs. The client has
    /// waited since it `began`.
    async fn ensure_file(
        self: &Arc<Self>,
        target: &Target,
        path: &RepositoryPath,
        began: Instant,
    ) -> io::Result<Readiness> {
        if let Some(bytes) = self.requests.unkept.fresh(path) {
            return Ok(Readiness::Unkept(unkept_file::open(bytes)));
        }
        let now = Instant::now();
        let is_here = self.is_here(target, path).await?;
        let known = self.requests.known(target, is_here).await;
        if is_here && (target.is_immutable() || known.is_fresh(now)) {
            return Ok(Readiness::Here(Freshness::Fresh));
        }
        if !is_here && known.is_missing(now) {
            return Ok(Readiness::Missing);
        }
        let stale = || {
            let age = known.stale_for(Instant::now()).unwrap_or_else(|| self.started.elapsed());
            Freshness::Stale(age)
        };
        let is_paused = self.requests.is_paused(now) || (is_here && self.requests.is_slow(now));
        if known.has_failed(now) || is_paused {
            let stale = || Readiness::Here(stale());
            return Ok(if is_here { stale() } else { Readiness::Failed });
        }
        let flight = self.requests.ask(target, now);
        let landed = self.requests.wait(target, flight, began);
        if !is_here {
            return Ok(Self::without_store(landed.await, path, Freshness::Fetched));
        }
        Ok(match timeout(STALE_AFTER, landed).await {
            Ok(Some(Landed::Failed) | None) => Readiness::Here(stale()),
            Ok(landed) => Self::without_store(landed, path, Freshness::Revalidated),
            Err(_) => {
                self.requests.was_slow();
                Readiness::Here(stale())
            }
        })
    }

    /// Whether the store has upstream's file. One that is damaged, or of another key, is fetched as if it were missing.
    async fn is_here(&self, target: &Target, path: &RepositoryPath) -> io::Result<bool> {
        use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
        match source::open(&self.source, path.as_str()).await {
            Ok(opened) => self.checks.is_sound(target, path, &opened).await,
            Err(error) if matches!(error.kind(), NotFound | NotADirectory | IsADirectory) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// What came of a request, if the store has no file but one that this request has written.
    fn without_store(
        landed: Option<Landed>,
        path: &RepositoryPath,
        freshness: Freshness,
    ) -> Readiness {
        let Some(landed) = landed else { return Readiness::Pending };
        match landed {
            Landed::Kept => Readiness::Here(freshness),
            Landed::NotKept(files) => {
                let file = files.iter().find(|(written, _)| written == path);
                file.map_or(Readiness::Missing, |(_, bytes)| {
                    Readiness::Unkept(unkept_file::open(bytes.clone()))
                })
            }
            Landed::Missing => Readiness::Missing,
            Landed::Failed => Readiness::Failed,
        }
    }

    /// What is wrong with upstream or with the store, if anything, for those who may read the repository.
    pub fn problem(&self) -> Option<String> {
        self.requests.log.problem()
    }

    /// Whether upstream could be used when it was last asked.
    pub fn upstream_state(&self) -> UpstreamState {
        self.requests.log.upstream_state()
    }
}
