//! What pulls a repository through: its parts, when it begins and ends, and what it says of a file that is to be sent.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::runtime::Handle;

use super::confirmed_files::ConfirmedFiles;
use super::eviction::Eviction;
use super::file_checks::FileChecks;
use super::kept_files::KeptFiles;
use super::metrics::PullMetrics;
use super::options::PullOptions;
use super::readiness::{CacheAge, Freshness, Readiness};
use super::requests::{self, UpstreamRequests};
use super::saver::Saver;
use super::upstream_files::UpstreamFiles;
use super::upstream_log::{UpstreamLog, UpstreamState};
use super::used_files::UsedFiles;
use crate::checksum::OuterChecksum;
use crate::ops::mirror::pull::Target;
use crate::ops::mirror::{Cancellation, Error};
use crate::repository::{Asset, AssetKind, Folder};
use crate::serve::clock;
use crate::serve::files::releases::ReleaseIndex;
use crate::serve::files::source::{FileSource, OpenFile};
use crate::store::{Stamp, Store};

/// Pulls the files of one repository through.
pub(crate) struct PullThrough {
    requests: Arc<UpstreamRequests>,
    checks: Arc<FileChecks>,
    files: UpstreamFiles,
    used: Arc<UsedFiles>,
    /// What is known of the files is saved in it.
    store: Arc<dyn Store + Send + Sync>,
    saver: Saver,
    /// `None` where all is kept: it does not matter then when files were used last.
    eviction: Option<Arc<Eviction>>,
    has_begun: AtomicBool,
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
        let files = UpstreamFiles::new(
            (Arc::clone(&requests), Arc::clone(&checks)),
            (Arc::clone(source), Arc::clone(releases)),
            eviction.is_some().then(|| Arc::clone(&used)),
        );
        let (store, saver) = (Arc::from(store()), Saver::default());
        let has_begun = AtomicBool::new(false);
        Ok(Arc::new(Self { requests, checks, files, used, store, saver, eviction, has_begun }))
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

    /// Ends the work that no request waits for. Requests are still answered. May block.
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

    /// How long caches may keep a file, and how old it is. `None` for files that never change.
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
    pub async fn ensure(&self, asset: &Asset) -> io::Result<Readiness> {
        let readiness = match Target::of(asset) {
            Some(target) => self.files.ensure(&target, &Folder::Root.file(&asset.path)).await?,
            // What is not pulled may have been mirrored.
            None => Readiness::Here(Freshness::Fresh),
        };
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

    /// What is wrong with upstream or with the store, if anything, for those who may read the repository.
    pub fn problem(&self) -> Option<String> {
        self.requests.log.problem()
    }

    /// Whether upstream could be used when it was last asked.
    pub fn upstream_state(&self) -> UpstreamState {
        self.requests.log.upstream_state()
    }
}
