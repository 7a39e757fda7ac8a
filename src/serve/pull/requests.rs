//! The requests to an upstream, and what is learned from them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout_at};

use super::confirmed_files::{ConfirmedFile, ConfirmedFiles};
use super::eviction::Eviction;
use super::flights::{Flight, FlightReceiver, Flights, Landed, landed};
use super::memory::{KnownFile, Memory};
use super::metrics::UpstreamCounters;
use super::options::PullOptions;
use super::unkept_files::UnkeptFiles;
use super::upstream_log::{UpstreamLog, UpstreamState};
use crate::ops::mirror::pull::{PullError, Pulled, PulledFile, Puller, Target};
use crate::ops::mirror::{Cancellation, Error, Timeouts};
use crate::registry::Resource;
use crate::repository::RepositoryPath;
use crate::serve::clock;
use crate::serve::error_chain::chain;
use crate::store::Store;

/// Sends requests to one upstream.
pub(super) struct UpstreamRequests {
    puller: Puller,
    runtime: Handle,
    /// The end of the server: nothing is fetched after it.
    end: Cancellation,
    pub memory: Memory,
    confirmed: ConfirmedFiles,
    pub unkept: UnkeptFiles,
    flights: Flights,
    /// Limits how many files are fetched at once.
    places: Semaphore,
    /// Until when upstream is not asked, as it did not answer.
    paused_until: Mutex<Option<Instant>>,
    /// Until when files that are here are sent as they are, as upstream is slow.
    slow_until: Mutex<Option<Instant>>,
    indexes_asked: Mutex<Option<Instant>>,
    /// Whether the indexes are about to be asked for.
    are_indexes_due: AtomicBool,
    pub log: Arc<UpstreamLog>,
    pub counters: UpstreamCounters,
    /// `None` where all is kept.
    eviction: Option<Arc<Eviction>>,
}

/// How long upstream is not asked again after an error.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How long it is remembered that upstream does not have a file.
const MISSING_FOR: Duration = Duration::from_secs(60);

/// How long a file is fresh if upstream does not say it, and how long at most.
const DEFAULT_AGE: Duration = Duration::from_secs(60);
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest time between two requests for the indexes, which follow changes of packages.
const INDEXES_EVERY: Duration = Duration::from_secs(60);

/// How many files are fetched at once.
const REQUESTS: usize = 64;

const TIMEOUTS: Timeouts = Timeouts {
    attempts: 2,
    pause: Duration::from_millis(200),
    longest_pause: Duration::from_secs(1),
    stall: Duration::from_secs(10),
    patience: Duration::from_secs(60),
    memory: Duration::from_secs(30),
};

/// How long a client waits for a file of which little comes: mix gives up after 15 seconds.
const PATIENCE: Duration = Duration::from_secs(12);

/// In bytes: if less comes of a file in [`PATIENCE`], it is little.
const LITTLE: u64 = 48 << 10;

/// How long a file that could not be kept is given to clients that ask for it. They may have looked into the store
/// before it came.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// Pulls into a store, once this [is prepared](UpstreamRequests::prepare).
///
/// # Errors
/// [`Error`]: there is no client for this upstream.
pub(super) fn puller(
    options: &PullOptions,
    store: Box<dyn Store + Send + Sync>,
) -> Result<Puller, Error> {
    let (upstream, accept) = (options.upstream.clone(), options.accept.clone());
    Puller::new(upstream, accept, TIMEOUTS, store)
}

impl UpstreamRequests {
    pub fn new(
        puller: Puller,
        (runtime, end): (Handle, Cancellation),
        confirmed: ConfirmedFiles,
        log: Arc<UpstreamLog>,
        counters: UpstreamCounters,
        eviction: Option<Arc<Eviction>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            puller,
            runtime,
            end,
            memory: Memory::new(),
            confirmed,
            unkept: UnkeptFiles::new(),
            flights: Flights::default(),
            places: Semaphore::new(REQUESTS),
            paused_until: Mutex::default(),
            slow_until: Mutex::default(),
            indexes_asked: Mutex::default(),
            are_indexes_due: AtomicBool::new(false),
            log,
            counters,
            eviction,
        })
    }

    /// Makes the store ready. May block.
    ///
    /// # Errors
    /// [`Error`]: the store cannot be written, or has the registry of another key.
    pub fn prepare(&self) -> Result<(), Error> {
        self.puller.prepare(clock::now())
    }

    /// Notes what an earlier server knew. May block.
    pub fn restore(&self, store: &dyn Store) {
        let (at, now) = (Instant::now(), clock::now());
        for (path, file) in self.confirmed.load(store) {
            self.memory.restore(&path, file.known(at, now));
        }
    }

    /// Saves what is known for a server that starts again. May block.
    pub fn save(&self, store: &dyn Store) {
        match self.confirmed.save(store) {
            Ok(()) => self.log.saved(None),
            // Another server saves too.
            Err(error) if error.is_conflict() => {}
            Err(error) => self.log.saved(Some(chain(&error))),
        }
    }

    /// What is known of a file. What an earlier server knew of a file that is here counts only if the file is still the
    /// same.
    pub async fn known(&self, target: &Target, is_here: bool) -> KnownFile {
        let path = target.path();
        let known = self.memory.get(path.as_str());
        if !known.is_of_before || !is_here {
            return known;
        }
        let is_same = match &known.validator {
            Some(validator) => self.puller.holds(target, validator).await.unwrap_or(false),
            None => false,
        };
        let same = || KnownFile { is_of_before: false, ..known.clone() };
        let known = if is_same { same() } else { KnownFile::default() };
        self.memory.set(&path, known.clone());
        known
    }

    /// Asks upstream, unless it is being asked, or was asked since `began`.
    pub fn ask(self: &Arc<Self>, target: &Target, began: Instant) -> FlightReceiver {
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

    /// Waits for a request, on behalf of a client that began to wait at a time; `None` if too little comes of the file. Then
    /// the request goes on without the client.
    pub async fn wait(
        &self,
        target: &Target,
        flight: FlightReceiver,
        began: Instant,
    ) -> Option<Landed> {
        let mut until = began.checked_add(PATIENCE)?;
        let mut received = self.puller.received(target);
        loop {
            if let Ok(landed) = timeout_at(until.into(), landed(flight.clone())).await {
                return Some(landed);
            }
            let before = received;
            received = self.puller.received(target);
            if received.saturating_sub(before) < LITTLE {
                return None;
            }
            until = Instant::now().checked_add(PATIENCE)?;
        }
    }

    async fn pull(self: &Arc<Self>, target: &Target, sender: watch::Sender<Option<Landed>>) {
        let path = target.path();
        let flight = self.flights.flight(path.clone(), sender);
        let landed = tokio::select! {
            biased;
            // What is being written has been checked, and is under its final name once it is there as a whole.
            () = self.end.cancelled() => Landed::Failed,
            landed = self.pull_for(target, &path, &flight) => landed,
        };
        let is_kept = !matches!(landed, Landed::NotKept(_));
        flight.land(landed);
        if !is_kept {
            sleep(SHARED_FOR).await;
        }
    }

    async fn pull_for(
        self: &Arc<Self>,
        target: &Target,
        path: &RepositoryPath,
        flight: &Flight<'_>,
    ) -> Landed {
        let known = self.memory.get(path.as_str());
        let _place = self.places.acquire().await;
        let asked = Instant::now();
        // It may have waited for a long time.
        if self.is_paused(asked) || !flight.is_awaited() {
            return Landed::Failed;
        }
        let pulled = self.puller.pull(target, known.validator.as_deref(), clock::now()).await;
        match pulled {
            Ok(pulled) => self.take(target, path, pulled, asked),
            Err(error) => self.fail(path, known, &error),
        }
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
        let Pulled { file, validator, lifetime, age, changed, withdrawn } = pulled;
        for withdrawn in withdrawn {
            tracing::warn!(path = path.as_str(), "{withdrawn}");
        }
        let now = Instant::now();
        let (landed, known) = match file {
            PulledFile::Kept => {
                let lifetime = lifetime.unwrap_or(DEFAULT_AGE).min(MAX_AGE);
                let known = KnownFile {
                    validator: validator.map(Arc::new),
                    confirmed: Some(now),
                    lifetime,
                    fresh_until: asked.checked_add(lifetime.saturating_sub(age)),
                    stale_before: age.saturating_sub(lifetime),
                    ..KnownFile::default()
                };
                let counters = &self.counters;
                let counter =
                    if changed.is_empty() { &counters.unchanged } else { &counters.written };
                counter.inc();
                if !changed.is_empty() {
                    self.log.kept(None);
                }
                self.unkept.forget(path);
                (Landed::Kept, known)
            }
            PulledFile::NotKept(files, error) => {
                self.counters.not_kept.inc();
                self.log.kept(Some(chain(&error.kind)));
                let left = lifetime.map(|lifetime| lifetime.saturating_sub(age));
                let left = left.or((!target.is_immutable()).then_some(DEFAULT_AGE));
                self.unkept.keep(&files, left);
                (Landed::NotKept(Arc::new(files)), KnownFile::default())
            }
            PulledFile::Missing => {
                self.counters.absent.inc();
                self.unkept.forget(path);
                let missing_until = now.checked_add(MISSING_FOR);
                (Landed::Missing, KnownFile { missing_until, ..KnownFile::default() })
            }
        };
        if !target.is_immutable() {
            self.confirmed.note(path, ConfirmedFile::of(&known, now, clock::now()));
        }
        self.memory.set(path, known);
        if !changed.is_empty() {
            if let Target::Signed(Resource::Package(_)) = target {
                self.follow_indexes();
            }
            if let Some(eviction) = &self.eviction {
                eviction.files_were_written(&changed);
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
            self.log.refused(path, error);
            if self.log.upstream_state() == UpstreamState::IsRefused {
                self.counters.reachable.set(0);
            }
        }
        let failed_until = Instant::now().checked_add(RETRY_AFTER);
        self.memory.set(path, KnownFile { failed_until, ..known });
        Landed::Failed
    }

    /// Brings the indexes up to date with packages that have changed: at once, and once again for those that change in the
    /// minute after it.
    pub fn follow_indexes(self: &Arc<Self>) {
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

    /// A client has waited long enough for the refresh of a file that is here.
    pub fn was_slow(&self) {
        *lock(&self.slow_until) = Instant::now().checked_add(RETRY_AFTER);
    }

    /// Whether other clients need not wait for a refresh.
    pub fn is_slow(&self, now: Instant) -> bool {
        lock(&self.slow_until).is_some_and(|until| now < until)
    }

    fn pause(&self) {
        *lock(&self.paused_until) = Instant::now().checked_add(RETRY_AFTER);
    }

    pub fn is_paused(&self, now: Instant) -> bool {
        lock(&self.paused_until).is_some_and(|until| now < until)
    }
}

/// What it guards is replaced in one step, so it is valid after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
