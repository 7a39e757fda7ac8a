//! Makes sure that a file is here before it is sent.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::eviction::{Eviction, EvictionJob};
use super::flights::{Flights, Landed, landed};
use super::memory::{KnownFile, Memory};
use super::metrics::{PullMetrics, UpstreamCounters};
use super::options::PullOptions;
use super::unkept_file;
use super::upstream_log::UpstreamLog;
use super::used_files::UsedFiles;
use crate::ops::mirror::pull::{PullError, Pulled, PulledFile, Puller, Target};
use crate::ops::mirror::{Error, Timeouts};
use crate::registry::Resource;
use crate::repository::{Asset, AssetKind, Folder, RepositoryPath};
use crate::serve::clock;
use crate::serve::error_chain::chain;
use crate::serve::files::releases::ReleaseIndex;
use crate::serve::files::source::{self, FileSource, OpenFile};
use crate::store::Store;
use crate::tarball::FileName;

/// Makes sure that the files of one repository are here.
pub(crate) struct PullThrough {
    puller: Puller,
    source: Arc<dyn FileSource>,
    releases: Arc<ReleaseIndex>,
    runtime: Handle,
    memory: Memory,
    flights: Flights,
    requests: Semaphore,
    /// Until when upstream is not asked, as it did not answer.
    paused_until: Mutex<Option<Instant>>,
    /// When the indexes were last asked for, and whether they are to be asked for again.
    indexes_asked: Mutex<Option<Instant>>,
    are_indexes_due: AtomicBool,
    used: Arc<UsedFiles>,
    eviction: Option<Eviction>,
    log: UpstreamLog,
    counters: UpstreamCounters,
    started: Instant,
}

/// What a new [`PullThrough`] needs.
pub(crate) struct PullParts<'a> {
    pub options: &'a PullOptions,
    pub source: &'a Arc<dyn FileSource>,
    pub releases: &'a Arc<ReleaseIndex>,
    pub runtime: &'a Handle,
    pub metrics: &'a PullMetrics,
}

/// Whether a file can be sent.
pub(crate) enum Readiness {
    /// The store has it, if it has a file of this path.
    Here(Freshness),
    /// It was fetched, and the store could not be written.
    Unkept(OpenFile),
    /// Upstream does not have it.
    Missing,
    /// Upstream does not answer, or sent a file that is refused, and the store has none.
    Failed,
}

/// How new a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Upstream lets caches send it.
    Fresh,
    /// Upstream was asked for this request.
    Fetched,
    /// Upstream would have to be asked, and does not answer, or sent a file that is refused. With the time since.
    Stale(Duration),
}

impl Freshness {
    /// `Cache-Status` (RFC 9211), where a file is not as upstream lets caches send it; a negative `ttl` is the time since.
    pub fn cache_status(self) -> Option<String> {
        match self {
            Self::Fresh => None,
            Self::Fetched => Some("hexreg; fwd=stale".to_owned()),
            Self::Stale(since) => Some(format!("hexreg; hit; ttl=-{}", since.as_secs())),
        }
    }
}

/// How long a client waits for upstream before it gets a file as it is here.
const STALE_AFTER: Duration = Duration::from_secs(3);

/// How long upstream is not asked again after an error.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How long it is remembered that upstream does not have a file.
const MISSING_FOR: Duration = Duration::from_secs(60);

/// How long a file is fresh for which upstream does not say it, and at most.
const DEFAULT_AGE: Duration = Duration::from_secs(60);
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the indexes are asked for at most, as packages change.
const INDEXES_EVERY: Duration = Duration::from_secs(60);

/// How many files are fetched at once.
const REQUESTS: usize = 64;

/// Clients wait for 15 seconds or more.
const TIMEOUTS: Timeouts = Timeouts {
    attempts: 2,
    pause: Duration::from_millis(200),
    longest_pause: Duration::from_secs(1),
    stall: Duration::from_secs(10),
};

impl PullThrough {
    /// Begins to pull into the store that `store` makes, which is read without a cache in front. May block.
    ///
    /// # Errors
    /// [`Error`]: the store cannot be written, or has the registry of another key.
    pub fn start(
        name: &str,
        parts: &PullParts<'_>,
        store: &dyn Fn() -> Box<dyn Store + Send + Sync>,
    ) -> Result<Arc<Self>, Error> {
        let PullParts { options, source, releases, runtime, metrics } = parts;
        let (upstream, accept) = (options.upstream.clone(), options.accept.clone());
        let puller = Puller::new(upstream, accept, TIMEOUTS, store())?;
        puller.prepare(clock::now())?;
        let used = Arc::new(UsedFiles::default());
        let counters = metrics.of(name);
        let evict = |size| {
            Eviction::start(EvictionJob {
                repository: name.to_owned(),
                store: store(),
                options: (*options).clone(),
                size,
                used: Arc::clone(&used),
                evicted: counters.evicted.clone(),
            })
        };
        let eviction = options.size.map(evict).transpose().map_err(Error::Run)?;
        let this = Arc::new(Self {
            puller,
            source: Arc::clone(source),
            releases: Arc::clone(releases),
            runtime: (*runtime).clone(),
            memory: Memory::new(),
            flights: Flights::default(),
            requests: Semaphore::new(REQUESTS),
            paused_until: Mutex::default(),
            indexes_asked: Mutex::default(),
            are_indexes_due: AtomicBool::new(false),
            used,
            eviction,
            log: UpstreamLog::of(name.to_owned()),
            counters,
            started: Instant::now(),
        });
        // Pages are made of it.
        this.follow_indexes();
        Ok(this)
    }

    /// Whether a file can be sent as it is, if it is here.
    pub fn is_fresh(&self, asset: &Asset) -> bool {
        let path = asset.path.as_str();
        let is_fresh = |path: &str| self.memory.get(path).is_fresh(Instant::now());
        match asset.kind {
            AssetKind::Tarball => true,
            AssetKind::Registry | AssetKind::Policy | AssetKind::Docs => is_fresh(path),
            AssetKind::Installs | AssetKind::GitRefs | AssetKind::GitObjects => false,
        }
    }

    /// A file was sent as it is.
    pub fn was_fresh(&self, asset: &Asset) {
        self.counters.fresh.inc();
        self.note_use(asset);
    }

    fn note_use(&self, asset: &Asset) {
        if self.eviction.is_some() && matches!(asset.kind, AssetKind::Tarball | AssetKind::Docs) {
            self.used.note(&Folder::Root.file(&asset.path), clock::now());
        }
    }

    /// Makes sure that a file is here, and not older than upstream says that it may be.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn ensure(self: &Arc<Self>, asset: &Asset) -> io::Result<Readiness> {
        let readiness = self.ensure_asset(asset).await?;
        let counter = match &readiness {
            Readiness::Here(Freshness::Fresh) => &self.counters.fresh,
            Readiness::Here(Freshness::Fetched) | Readiness::Unkept(_) => &self.counters.fetched,
            Readiness::Here(Freshness::Stale(_)) => &self.counters.stale,
            Readiness::Missing => &self.counters.missing,
            Readiness::Failed => &self.counters.failed,
        };
        counter.inc();
        Ok(readiness)
    }

    async fn ensure_asset(self: &Arc<Self>, asset: &Asset) -> io::Result<Readiness> {
        // What is not pulled may have been mirrored.
        let Some(target) = Target::of(asset) else { return Ok(Readiness::Here(Freshness::Fresh)) };
        let path = Folder::Root.file(&asset.path);
        let mut is_in_store = true;
        if let Target::Tarball(file) | Target::Docs(file) = &target {
            let is_docs = matches!(target, Target::Docs(_));
            match self.ensure_release(file, is_docs).await? {
                Readiness::Here(_) => {}
                // The release is in a file that could not be kept: that of the tarball can be neither.
                Readiness::Unkept(_) => is_in_store = false,
                refused => return Ok(refused),
            }
            self.note_use(asset);
        }
        if is_in_store {
            return self.ensure_file(&target, &path).await;
        }
        let flight = self.ask(&target, Instant::now());
        Ok(Self::without_store(landed(flight).await, &path, Freshness::Fetched))
    }

    /// Makes sure that the package of a release is here, and names it.
    async fn ensure_release(
        self: &Arc<Self>,
        release: &FileName,
        is_docs: bool,
    ) -> io::Result<Readiness> {
        let fresh = Readiness::Here(Freshness::Fresh);
        if self.releases.has(release, is_docs).await? {
            return Ok(fresh);
        }
        let package = Target::Signed(Resource::Package(release.package.clone()));
        match self.ensure_file(&package, &package.path()).await? {
            Readiness::Here(_) if self.releases.has(release, is_docs).await? => Ok(fresh),
            Readiness::Here(_) => Ok(Readiness::Missing),
            other => Ok(other),
        }
    }

    /// Makes sure that a file is here. The path is that of its signature where it is a list of installs.
    async fn ensure_file(
        self: &Arc<Self>,
        target: &Target,
        path: &RepositoryPath,
    ) -> io::Result<Readiness> {
        let began = Instant::now();
        let is_here = source::stamp(&self.source, path.clone()).await?.is_some();
        let known = self.memory.get(target.path().as_str());
        if is_here && (target.is_immutable() || known.is_fresh(began)) {
            return Ok(Readiness::Here(Freshness::Fresh));
        }
        if !is_here && known.is_missing(began) {
            return Ok(Readiness::Missing);
        }
        let stale = || {
            let age = known.stale_for(Instant::now()).unwrap_or_else(|| self.started.elapsed());
            Freshness::Stale(age)
        };
        if known.has_failed(began) || self.is_paused(began) {
            let stale = || Readiness::Here(stale());
            return Ok(if is_here { stale() } else { Readiness::Failed });
        }
        let flight = self.ask(target, began);
        if !is_here {
            return Ok(Self::without_store(landed(flight).await, path, Freshness::Fetched));
        }
        Ok(match timeout(STALE_AFTER, landed(flight)).await {
            Ok(Landed::Failed) => Readiness::Here(stale()),
            Ok(landed) => Self::without_store(landed, path, Freshness::Fetched),
            Err(_) => {
                // Other requests need not wait for the same.
                self.pause();
                Readiness::Here(stale())
            }
        })
    }

    /// What came of a request, if the store has no file but one that this request has written.
    fn without_store(landed: Landed, path: &RepositoryPath, freshness: Freshness) -> Readiness {
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

    /// Asks upstream, unless it is being asked, or was asked since `began`.
    fn ask(self: &Arc<Self>, target: &Target, began: Instant) -> watch::Receiver<Option<Landed>> {
        let path = target.path();
        let landed = || {
            let known = self.memory.get(path.as_str());
            known.confirmed.is_some_and(|confirmed| confirmed >= began).then_some(Landed::Kept)
        };
        self.flights.join(&path, landed, |sender| {
            let (this, target) = (Arc::clone(self), target.clone());
            // It goes on if the client that asked first closes its connection.
            self.runtime.spawn(async move { this.pull(&target, sender).await });
        })
    }

    async fn pull(self: &Arc<Self>, target: &Target, sender: watch::Sender<Option<Landed>>) {
        let path = target.path();
        let flight = self.flights.flight(path.clone(), sender);
        let known = self.memory.get(path.as_str());
        let _place = self.requests.acquire().await;
        let asked = Instant::now();
        let pulled = self.puller.pull(target, known.validator.as_deref(), clock::now()).await;
        let landed = match pulled {
            Ok(pulled) => self.take(target, &path, pulled, asked),
            Err(error) => self.fail(&path, known, &error),
        };
        flight.land(landed);
    }

    fn take(
        self: &Arc<Self>,
        target: &Target,
        path: &RepositoryPath,
        pulled: Pulled,
        asked: Instant,
    ) -> Landed {
        self.counters.reachable.set(1);
        self.log.answered();
        self.log.taken(path);
        *lock(&self.paused_until) = None;
        let Pulled { file, validator, max_age, changed, withdrawn } = pulled;
        for withdrawn in withdrawn {
            tracing::warn!(path = path.as_str(), "{withdrawn}");
        }
        let now = Instant::now();
        let (landed, known) = match file {
            PulledFile::Kept => {
                let age = max_age.unwrap_or(DEFAULT_AGE).min(MAX_AGE);
                let known = KnownFile {
                    validator: validator.map(Arc::new),
                    confirmed: Some(now),
                    fresh_until: asked.checked_add(age),
                    ..KnownFile::default()
                };
                let counters = &self.counters;
                let counter =
                    if changed.is_empty() { &counters.unchanged } else { &counters.written };
                counter.inc();
                if !changed.is_empty() {
                    self.log.kept(None);
                }
                (Landed::Kept, known)
            }
            PulledFile::NotKept(files, error) => {
                self.counters.not_kept.inc();
                self.log.kept(Some(chain(&error)));
                (Landed::NotKept(Arc::new(files)), KnownFile::default())
            }
            PulledFile::Missing => {
                self.counters.absent.inc();
                let missing_until = now.checked_add(MISSING_FOR);
                (Landed::Missing, KnownFile { missing_until, ..KnownFile::default() })
            }
        };
        self.memory.set(path, known);
        if !changed.is_empty() {
            if let Target::Signed(Resource::Package(_)) = target {
                self.follow_indexes();
            }
            if let Some(eviction) = &self.eviction {
                eviction.file_was_written();
            }
        }
        landed
    }

    fn fail(&self, path: &RepositoryPath, known: KnownFile, error: &PullError) -> Landed {
        if error.is_outage() {
            self.counters.unreachable.inc();
            self.counters.reachable.set(0);
            self.log.outage(&chain(error));
            self.pause();
        } else {
            self.counters.refused.inc();
            self.log.refused(path, &chain(error));
        }
        let failed_until = Instant::now().checked_add(RETRY_AFTER);
        self.memory.set(path, KnownFile { failed_until, ..known });
        Landed::Failed
    }

    /// Brings the indexes up to date with packages that have changed: at once, and once again for those that change in the
    /// minute after it.
    fn follow_indexes(self: &Arc<Self>) {
        if self.are_indexes_due.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = Arc::clone(self);
        self.runtime.spawn(async move {
            let asked = *lock(&this.indexes_asked);
            if let Some(since) = asked.map(|asked| asked.elapsed()) {
                sleep(INDEXES_EVERY.saturating_sub(since)).await;
            }
            this.are_indexes_due.store(false, Ordering::Release);
            *lock(&this.indexes_asked) = Some(Instant::now());
            for index in [Resource::Names, Resource::Versions] {
                landed(this.ask(&Target::Signed(index), Instant::now())).await;
            }
        });
    }

    fn pause(&self) {
        *lock(&self.paused_until) = Instant::now().checked_add(RETRY_AFTER);
    }

    fn is_paused(&self, now: Instant) -> bool {
        lock(&self.paused_until).is_some_and(|until| now < until)
    }

    /// What is wrong with upstream or with the store, if anything.
    pub fn problem(&self) -> Option<String> {
        self.log.problem()
    }

    /// Whether upstream answered when it was last asked.
    pub fn is_answering(&self) -> bool {
        self.log.is_answering()
    }
}

/// What it guards is replaced in one step, so it is valid after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
