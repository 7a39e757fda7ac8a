//! The thread that mirrors one repository.

use std::collections::BTreeSet;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::directory_lock;
use super::last_run;
use super::leased_store::LeasedStore;
use super::metrics::{MirrorMetrics, RunResult};
use super::mirror_log::MirrorLog;
use super::schedule::MirrorSchedule;
use super::status::{MirrorState, MirrorStatus};
use crate::ops::lease::{Asked, Lease, LeaseOutcome};
use crate::ops::mirror::{self, Cancellation, Report};
use crate::ops::push;
use crate::package::UnixSeconds;
use crate::publish::breakage::Breakage;
use crate::publish::observer::{Observer, Warning};
use crate::repository::RepositoryPath;
use crate::serve::clock;
use crate::serve::error_chain::chain;
use crate::store::{Changed, DirStore, Store};

/// How long a holder of the lease may be silent. With a shorter interval, it is the interval.
const LEASE: Duration = Duration::from_secs(60);

/// With even shorter intervals: a store may take a second for a renewal.
const SHORTEST_LEASE: Duration = Duration::from_secs(5);

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
    /// Ends the runs.
    pub cancellation: Cancellation,
}

/// A runner. When this is dropped, it ends, and its current run with it.
pub(crate) struct MirrorRunner {
    cancellation: Cancellation,
}

impl MirrorRunner {
    /// Begins to mirror.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(job: MirrorJob) -> io::Result<Self> {
        let cancellation = job.cancellation.clone();
        thread::Builder::new().name("mirror".to_owned()).spawn(move || job.run())?;
        Ok(Self { cancellation })
    }

    /// Ends it, and its current run. What that run has mirrored is kept, as if the server had ended.
    pub fn end(&self) {
        self.cancellation.cancel();
    }
}

impl Drop for MirrorRunner {
    fn drop(&mut self) {
        self.end();
    }
}

impl MirrorJob {
    fn run(&self) {
        let log = MirrorLog::of(self.name.clone());
        match &self.target {
            MirrorTarget::Directory(directory) => self.run_in_directory(directory, &log),
            MirrorTarget::Bucket { directory, store } => {
                self.run_for_bucket(directory, &**store, &log);
            }
        }
    }

    fn run_in_directory(&self, directory: &Path, log: &MirrorLog) {
        let mut outcome = last_run::read(directory);
        self.show(false, &outcome);
        let mut pause = FIRST.min(self.schedule.every).mul_f64(fastrand::f64());
        while self.cancellation.pause(pause) {
            self.status.set_running(true);
            outcome = self.run_once(directory, None, &outcome, log);
            if self.cancellation.is_cancelled() {
                return;
            }
            self.show(false, &outcome);
            if let Err(error) = last_run::write(directory, &outcome) {
                tracing::debug!(error = chain(&error), "the end of the run was not noted");
            }
            pause = mirror::pause(self.schedule.every, fastrand::f64());
        }
    }

    fn run_for_bucket(&self, directory: &Path, store: &dyn Store, log: &MirrorLog) {
        let duration = self.schedule.every.clamp(SHORTEST_LEASE, LEASE);
        let mut lease = Lease::of_mirror(store, duration);
        let mut pause = FIRST.min(self.schedule.every).mul_f64(fastrand::f64());
        while self.cancellation.pause(pause) {
            let now = clock::now();
            let asked = lease.ask(self.schedule.every, now);
            let error = asked.as_ref().err().map(|error| chain(error));
            log.asked(error.as_deref());
            pause = match asked {
                Ok(Asked::Held(before)) => {
                    self.show(true, &before);
                    let bucket = LeasedStore::new(store, &lease, &self.cancellation);
                    self.run_with_lease(directory, &bucket, &before, log);
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
                Err(_) => {
                    let before = self.status.current();
                    self.status.set(MirrorState { is_running: false, error, ..before });
                    AFTER_ERROR.min(self.schedule.every)
                }
            };
        }
    }

    /// Makes a run while another thread renews the lease.
    fn run_with_lease(
        &self,
        directory: &Path,
        bucket: &LeasedStore<'_>,
        before: &LeaseOutcome,
        log: &MirrorLog,
    ) {
        let (end, ended) = channel::<()>();
        let outcome = thread::scope(|scope| {
            let renew = move || {
                while !bucket.is_lost() && waited(&ended, bucket.renewal()) {
                    // The next renewal may succeed in time.
                    if let Err(error) = bucket.renew() {
                        log.warn(format!("the lease was not renewed: {}", chain(&error)));
                    }
                }
            };
            let renewing =
                thread::Builder::new().name("lease".to_owned()).spawn_scoped(scope, renew);
            let outcome = match renewing {
                Ok(_) => self.run_once(directory, Some(bucket), before, log),
                Err(error) => {
                    let error = Some(format!("no thread to renew the lease: {error}"));
                    self.end_run(0, RunResult::Failed, error, before, log)
                }
            };
            drop(end);
            outcome
        });
        self.show(false, &outcome);
        if let Err(error) = bucket.end(outcome) {
            log.warn(format!("the lease was not given back: {}", chain(&error)));
        }
    }

    /// Mirrors once, and for a bucket pushes what was mirrored.
    fn run_once(
        &self,
        directory: &Path,
        bucket: Option<&LeasedStore<'_>>,
        before: &LeaseOutcome,
        log: &MirrorLog,
    ) -> LeaseOutcome {
        let changes = RunChanges { log, paths: Mutex::default() };
        // After a panic, files are whole as after a kill, and the next run begins anew.
        let run = AssertUnwindSafe(|| self.mirror(directory, bucket, &changes));
        let (result, error) = match panic::catch_unwind(run) {
            Ok(Ok(report)) => judged(&report),
            Ok(Err(error)) => (RunResult::Failed, Some(error)),
            Err(_) => {
                let error = "a defect of hexreg ended the run: standard error has more of it";
                (RunResult::Failed, Some(error.to_owned()))
            }
        };
        let changes = changes.paths().len();
        self.end_run(changes, result, error, before, log)
    }

    fn end_run(
        &self,
        changes: usize,
        result: RunResult,
        error: Option<String>,
        before: &LeaseOutcome,
        log: &MirrorLog,
    ) -> LeaseOutcome {
        let is_cancelled = self.cancellation.is_cancelled();
        if is_cancelled && result == RunResult::Failed {
            let repository = self.name.as_str();
            tracing::info!(repository, "the configuration has changed: its mirror's run was ended");
            return before.clone();
        }
        if !is_cancelled {
            self.metrics.count_run(&self.name, result);
        }
        log.ended(changes, result, error.as_deref());
        let now = clock::now().0;
        let succeeded = if result == RunResult::Failed { before.succeeded } else { Some(now) };
        LeaseOutcome { ended: Some(now), succeeded, error }
    }

    fn mirror(
        &self,
        directory: &Path,
        bucket: Option<&LeasedStore<'_>>,
        changes: &RunChanges<'_>,
    ) -> Result<Report, String> {
        let options = (self.schedule.options)()?;
        let cancellation = self.cancellation.clone();
        let options = mirror::Options { lock_timeout: LOCK_TIMEOUT, cancellation, ..options };
        let mut _lock = None;
        if let Some(bucket) = bucket {
            let locked = directory_lock::lock(directory, LOCK_TIMEOUT, &self.cancellation);
            _lock = Some(locked.map_err(|error| chain(&error))?);
            // Another server may have mirrored since. What is compared with upstream is what clients are given.
            let adopted = mirror::adopt(directory, bucket, &options, changes);
            adopted.map_err(|error| chain(&error))?;
        }
        let report = mirror::mirror(directory, &options, changes).map_err(|error| chain(&error))?;
        let Some(bucket) = bucket else { return Ok(report) };
        // What is not whole stays here.
        if judged(&report).0 == RunResult::Failed {
            return Ok(report);
        }
        // The mirror has decided on what this run changed. All else has to be there as it was.
        let judged = changes.paths().clone();
        let lock_timeout = LOCK_TIMEOUT;
        let push_options = push::Options { overwrite: false, judged, lock_timeout, dry_run: false };
        let pushed = push::push(&DirStore::new(directory), bucket, &push_options, changes);
        pushed.map_err(|error| match error {
            push::Error::Loses(losses) => lost(&losses),
            error => chain(&error),
        })?;
        Ok(report)
    }

    fn show(&self, is_running: bool, outcome: &LeaseOutcome) {
        let LeaseOutcome { ended, succeeded, error } = outcome.clone();
        let [ended, succeeded] = [ended, succeeded].map(|time| time.map(UnixSeconds));
        self.status.set(MirrorState { is_running, ended, succeeded, error });
        if let Some(time) = succeeded.filter(|_| !self.cancellation.is_cancelled()) {
            self.metrics.set_succeeded(&self.name, time.0);
        }
    }
}

/// Waits; `false` if the run has ended.
fn waited(ended: &Receiver<()>, pause: Duration) -> bool {
    matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
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

/// What a push would take from those who read the bucket.
fn lost(losses: &[Breakage]) -> String {
    let first = losses.first().map(ToString::to_string).unwrap_or_default();
    let others = match losses.len().saturating_sub(1) {
        0 => String::new(),
        number => format!("; and {number} more"),
    };
    format!("the bucket has what this mirror has not: {first}{others}")
}

/// Writes warnings to the log, and notes what changes.
struct RunChanges<'a> {
    log: &'a MirrorLog,
    paths: Mutex<BTreeSet<RepositoryPath>>,
}

impl RunChanges<'_> {
    fn paths(&self) -> MutexGuard<'_, BTreeSet<RepositoryPath>> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for RunChanges<'_> {
    fn warn(&self, warning: Warning) {
        self.log.warn(warning.to_string());
    }

    fn changed(&self, path: &RepositoryPath, _: Changed) {
        self.paths().insert(path.clone());
    }
}

#[cfg(test)]
mod tests;
