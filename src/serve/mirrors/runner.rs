//! The thread that mirrors one repository.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::metrics::{MirrorMetrics, RunResult};
use super::schedule::MirrorSchedule;
use super::status::{MirrorState, MirrorStatus};
use crate::ops::lease::{Asked, HeldLease, Lease, LeaseOutcome};
use crate::ops::mirror::{self, Report};
use crate::ops::push;
use crate::package::UnixSeconds;
use crate::publish::observer::{Observer, Warning};
use crate::repository::RepositoryPath;
use crate::serve::clock;
use crate::serve::error_chain::chain;
use crate::store::{Changed, DirStore, Store};

/// How long a holder of the lease may be silent at most. With a shorter interval, it is the interval.
const LEASE: Duration = Duration::from_secs(60);

/// How long the bucket is left alone after it could not be asked for the lease.
const AFTER_ERROR: Duration = Duration::from_secs(30);

/// How long the first run of a server waits at most, so that servers that start together do not ask at one moment.
const FIRST: Duration = Duration::from_secs(10);

/// How long to wait for another process that writes to the directory.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// Where a repository is mirrored to.
pub(crate) enum MirrorTarget {
    /// The directory that is served.
    Directory(PathBuf),
    /// A bucket, by way of a directory.
    Bucket { directory: PathBuf, store: Box<dyn Store + Send + Sync> },
}

/// What a runner needs.
pub(crate) struct MirrorJob {
    /// The name of the repository, for the log and the metrics.
    pub name: String,
    pub schedule: MirrorSchedule,
    pub target: MirrorTarget,
    pub status: Arc<MirrorStatus>,
    pub metrics: MirrorMetrics,
}

/// A runner. When this is dropped, it ends after its current run.
pub(crate) struct MirrorRunner {
    _stop: Sender<()>,
}

impl MirrorRunner {
    /// Begins to mirror.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(job: MirrorJob) -> io::Result<Self> {
        let (stop, stopped) = channel();
        thread::Builder::new().name("mirror".to_owned()).spawn(move || job.run(&stopped))?;
        Ok(Self { _stop: stop })
    }
}

impl MirrorJob {
    fn run(&self, stopped: &Receiver<()>) {
        match &self.target {
            MirrorTarget::Directory(directory) => self.run_in_directory(directory, stopped),
            MirrorTarget::Bucket { directory, store } => {
                self.run_for_bucket(directory, &**store, stopped);
            }
        }
    }

    fn run_in_directory(&self, directory: &Path, stopped: &Receiver<()>) {
        let mut pause = FIRST.min(self.schedule.every).mul_f64(fastrand::f64());
        while waited(stopped, pause) {
            self.status.set_running(true);
            let before = self.status.current();
            let outcome = LeaseOutcome {
                ended: before.ended.map(|time| time.0),
                succeeded: before.succeeded.map(|time| time.0),
                error: before.error,
            };
            let outcome = self.run_once(directory, None, &outcome);
            self.show(false, &outcome);
            pause = mirror::pause(self.schedule.every, fastrand::f64());
        }
    }

    fn run_for_bucket(&self, directory: &Path, store: &dyn Store, stopped: &Receiver<()>) {
        let duration = LEASE.min(self.schedule.every);
        let mut lease = Lease::of_mirror(store, duration);
        let mut pause = FIRST.min(self.schedule.every).mul_f64(fastrand::f64());
        while waited(stopped, pause) {
            let now = clock::now();
            pause = match lease.ask(self.schedule.every, now) {
                Ok(Asked::Held(held)) => {
                    self.show(true, held.outcome());
                    self.run_with_lease(directory, store, &lease, held);
                    mirror::pause(self.schedule.every, fastrand::f64())
                }
                Ok(Asked::Wait { is_at_work, outcome, due }) => {
                    self.show(is_at_work, &outcome);
                    let until_due = u64::try_from(due.saturating_sub(now.0)).unwrap_or(0);
                    // A holder that dies is noticed after its lease. Servers that wait do not ask at one moment.
                    let pause = if is_at_work {
                        lease.renewal()
                    } else {
                        Duration::from_secs(until_due).min(duration)
                    };
                    pause.max(Duration::from_millis(100)).mul_f64(1.0 + fastrand::f64() / 4.0)
                }
                Err(error) => {
                    let (repository, error) = (&self.name, chain(&error));
                    tracing::warn!(
                        repository,
                        error,
                        "the lease of the mirror cannot be asked for"
                    );
                    AFTER_ERROR.min(self.schedule.every)
                }
            };
        }
    }

    /// Makes a run while another thread renews the lease.
    fn run_with_lease(
        &self,
        directory: &Path,
        store: &dyn Store,
        lease: &Lease<'_>,
        held: HeldLease,
    ) {
        let outcome = held.outcome().clone();
        let (held, is_lost) = (Mutex::new(held), AtomicBool::new(false));
        let (end, ended) = channel::<()>();
        let outcome = thread::scope(|scope| {
            let (held, is_lost) = (&held, &is_lost);
            scope.spawn(move || {
                while waited(&ended, lease.renewal()) {
                    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                    match lease.renew(&held) {
                        Ok(renewed) => *held = renewed,
                        Err(error) if error.is_conflict() => {
                            is_lost.store(true, Ordering::Relaxed);
                            return;
                        }
                        // The next renewal may succeed in time.
                        Err(error) => {
                            tracing::warn!(error = chain(&error), "the lease was not renewed");
                        }
                    }
                }
            });
            let outcome = self.run_once(directory, Some((store, is_lost)), &outcome);
            drop(end);
            outcome
        });
        self.show(false, &outcome);
        if is_lost.load(Ordering::Relaxed) {
            return;
        }
        let held = held.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = lease.end(held, outcome) {
            tracing::warn!(error = chain(&error), "the lease of the mirror was not given back");
        }
    }

    /// Mirrors once, and for a bucket pushes what was mirrored, unless the lease is lost.
    fn run_once(
        &self,
        directory: &Path,
        bucket: Option<(&dyn Store, &AtomicBool)>,
        before: &LeaseOutcome,
    ) -> LeaseOutcome {
        let repository = self.name.as_str();
        let changes = LoggedChanges::default();
        let (result, error) = match self.mirror(directory, bucket, &changes) {
            Ok(report) => judged(&report),
            Err(error) => (RunResult::Failed, Some(error)),
        };
        let now = clock::now().0;
        self.metrics.count_run(repository, result);
        let number = changes.0.load(Ordering::Relaxed);
        match &error {
            None => tracing::info!(repository, changes = number, "mirrored"),
            Some(error) if result == RunResult::HeldBack => {
                tracing::error!(
                    repository,
                    changes = number,
                    error,
                    "mirrored, and some was held back"
                );
            }
            Some(error) => {
                tracing::error!(
                    repository,
                    changes = number,
                    error,
                    "not mirrored: what works is left as it was"
                );
            }
        }
        let succeeded = if result == RunResult::Failed { before.succeeded } else { Some(now) };
        if let Some(time) = succeeded {
            self.metrics.set_succeeded(repository, time);
        }
        LeaseOutcome { ended: Some(now), succeeded, error }
    }

    fn mirror(
        &self,
        directory: &Path,
        bucket: Option<(&dyn Store, &AtomicBool)>,
        observer: &LoggedChanges,
    ) -> Result<Report, String> {
        let options = (self.schedule.options)()?;
        let takes_losses = !options.accept.is_empty();
        let options = mirror::Options { lock_timeout: LOCK_TIMEOUT, ..options };
        let report =
            mirror::mirror(directory, &options, observer).map_err(|error| chain(&error))?;
        let Some((store, is_lost)) = bucket else { return Ok(report) };
        // What is not whole stays here.
        if judged(&report).0 == RunResult::Failed {
            return Ok(report);
        }
        if is_lost.load(Ordering::Relaxed) {
            return Err("another server has taken the lease over".to_owned());
        }
        let push_options =
            push::Options { overwrite: takes_losses, lock_timeout: LOCK_TIMEOUT, dry_run: false };
        let pushed = push::push(&DirStore::new(directory), store, &push_options, observer);
        pushed.map_err(|error| chain(&error))?;
        Ok(report)
    }

    fn show(&self, is_running: bool, outcome: &LeaseOutcome) {
        let LeaseOutcome { ended, succeeded, error } = outcome.clone();
        let [ended, succeeded] = [ended, succeeded].map(|time| time.map(UnixSeconds));
        self.status.set(MirrorState { is_running, ended, succeeded, error });
        if let Some(time) = succeeded {
            self.metrics.set_succeeded(&self.name, time.0);
        }
    }
}

/// Waits; `false` if the runner has to end.
fn waited(stopped: &Receiver<()>, pause: Duration) -> bool {
    matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
}

/// How a run ended, and what was not mirrored.
fn judged(report: &Report) -> (RunResult, Option<String>) {
    let Some(first) = report.failures.first() else { return (RunResult::Done, None) };
    let others = match report.failures.len() {
        1 => String::new(),
        number => format!("; and {} more", number.saturating_sub(1)),
    };
    let error = format!("{}: {}{others}", first.path, chain(&first.error));
    let are_held_back = report.failures.iter().all(|failure| failure.error.holds_back());
    let result = if are_held_back { RunResult::HeldBack } else { RunResult::Failed };
    (result, Some(error))
}

/// Writes warnings to the log, and counts changes.
#[derive(Default)]
struct LoggedChanges(AtomicUsize);

impl Observer for LoggedChanges {
    fn warn(&self, warning: Warning) {
        tracing::warn!("{warning}");
    }

    fn changed(&self, _: &RepositoryPath, _: Changed) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
