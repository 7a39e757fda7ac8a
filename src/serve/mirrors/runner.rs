//! The thread that mirrors one repository.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::last_run;
use super::leased_store::LeasedStore;
use super::metrics::{MirrorMetrics, RunResult, ShownMirror};
use super::mirror_log::MirrorLog;
use super::run::{DEFECT, MirrorRun};
use super::schedule::MirrorSchedule;
use super::status::{MirrorState, MirrorStatus};
use super::turns::MirrorTurn;
use crate::ops::lease::{Asked, Lease, LeaseOutcome};
use crate::ops::mirror::{self, Cancellation};
use crate::package::UnixSeconds;
use crate::serve::clock;
use crate::serve::error_chain::chain;
use crate::store::{Store, StoreError};

/// How long a holder of the lease may be silent. With a shorter interval, it is the interval.
const LEASE: Duration = Duration::from_secs(60);

/// With even shorter intervals: a store may take a second for a renewal.
const SHORTEST_LEASE: Duration = Duration::from_secs(5);

/// How long the bucket is left alone after it could not be asked for the lease.
const AFTER_ERROR: Duration = Duration::from_secs(30);

/// How long the first run of a server waits at most, so that servers that start together do not ask at one moment.
const FIRST: Duration = Duration::from_secs(10);

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
    /// Held while it mirrors.
    pub turn: Arc<MirrorTurn>,
    pub status: Arc<MirrorStatus>,
    pub metrics: MirrorMetrics,
    /// Ends the runs.
    pub cancellation: Cancellation,
}

/// A runner. When this is dropped, it ends, and its current run with it.
pub(crate) struct MirrorRunner {
    job: Arc<MirrorJob>,
    /// `None` before it has begun.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl MirrorRunner {
    /// A runner that has not begun.
    pub fn new(job: MirrorJob) -> Self {
        Self { job: Arc::new(job), thread: Mutex::default() }
    }

    /// Begins to mirror. Once it has begun, this does nothing.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(&self) -> io::Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let job = Arc::clone(&self.job);
            // The metrics begin here, and not on the thread: it may begin after they were removed.
            let shown = job.metrics.of(&job.name);
            let began = thread::Builder::new().name("mirror".to_owned());
            *thread = Some(began.spawn(move || MirrorThread::new(&job, &shown).run())?);
        }
        Ok(())
    }

    /// Ends it, and its current run. What that run has mirrored is kept, as if the server had ended.
    pub fn end(&self) {
        self.job.cancellation.cancel();
    }

    /// Whether its thread has ended.
    pub fn has_ended(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for MirrorRunner {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the thread works with.
struct MirrorThread<'a> {
    job: &'a MirrorJob,
    shown: &'a ShownMirror,
    log: MirrorLog,
}

impl<'a> MirrorThread<'a> {
    fn new(job: &'a MirrorJob, shown: &'a ShownMirror) -> Self {
        Self { job, shown, log: MirrorLog::of(job.name.clone()) }
    }

    fn run(&self) {
        self.show_state(self.job.status.current(), false);
        match &self.job.target {
            MirrorTarget::Directory(directory) => self.run_in_directory(directory),
            MirrorTarget::Bucket { directory, store } => self.run_for_bucket(directory, &**store),
        }
    }

    /// Calls a function again and again, after the pause that it returned. A panic is an error that is shown, and the
    /// next round begins anew.
    fn repeat(&self, mut round: impl FnMut() -> Duration) {
        let MirrorJob { schedule, turn, cancellation, .. } = self.job;
        let mut pause = FIRST.min(schedule.every).mul_f64(fastrand::f64());
        while cancellation.pause(pause) {
            // Another runner may still be ending its run.
            let Some(_turn) = turn.take(cancellation) else { return };
            pause = panic::catch_unwind(AssertUnwindSafe(&mut round)).unwrap_or_else(|_| {
                let repository = self.job.name.as_str();
                tracing::error!(repository, error = DEFECT, "the mirror begins anew");
                self.show_error(DEFECT.to_owned());
                AFTER_ERROR.min(schedule.every)
            });
        }
    }

    fn run_in_directory(&self, directory: &Path) {
        let mut outcome = last_run::read(directory);
        self.show(false, &outcome);
        self.repeat(|| {
            self.show(true, &outcome);
            outcome = self.one_run().make(directory, None, &outcome);
            if !self.job.cancellation.is_cancelled() {
                self.show(false, &outcome);
                if let Err(error) = last_run::write(directory, &outcome) {
                    tracing::debug!(error = chain(&error), "the end of the run was not noted");
                }
            }
            mirror::pause(self.job.schedule.every, fastrand::f64())
        });
    }

    fn run_for_bucket(&self, directory: &Path, store: &dyn Store) {
        let every = self.job.schedule.every;
        let duration = every.clamp(SHORTEST_LEASE, LEASE);
        let mut lease = Lease::of_mirror(store, duration, self.job.schedule.hash());
        // What other servers have done is shown at once. If the bucket cannot be read, the first round says so.
        let known = panic::catch_unwind(AssertUnwindSafe(|| lease.look()));
        if let Ok(Ok(Some((is_at_work, outcome)))) = known {
            self.show(is_at_work, &outcome);
        }
        self.repeat(|| self.round_for_bucket(directory, store, &mut lease));
    }

    fn round_for_bucket(
        &self,
        directory: &Path,
        store: &dyn Store,
        lease: &mut Lease<'_>,
    ) -> Duration {
        let (every, now) = (self.job.schedule.every, clock::now());
        let asked = lease.ask(every, now);
        let error = asked.as_ref().err().map(|error| chain(error));
        self.log.asked(error.as_deref());
        match asked {
            Ok(Asked::Held(before)) => {
                self.show(true, &before);
                let bucket = LeasedStore::new(store, lease, &self.job.cancellation);
                self.run_with_lease(directory, &bucket, &before);
                mirror::pause(every, fastrand::f64())
            }
            Ok(Asked::Wait { is_at_work, outcome, due }) => {
                self.show(is_at_work, &outcome);
                let until_due = u64::try_from(due.saturating_sub(now.0)).unwrap_or(0);
                // A holder that dies is noticed after its lease. Servers that wait do not ask at one moment.
                let pause = if is_at_work {
                    lease.renewal()
                } else {
                    Duration::from_secs(until_due).min(lease.duration())
                };
                pause.max(Duration::from_millis(100)).mul_f64(1.0 + fastrand::f64() / 4.0)
            }
            Err(error) => {
                self.show_error(chain(&error));
                AFTER_ERROR.min(every)
            }
        }
    }

    /// Makes a run while another thread renews the lease.
    fn run_with_lease(&self, directory: &Path, bucket: &LeasedStore<'_>, before: &LeaseOutcome) {
        let (end, ended) = channel::<()>();
        let outcome = thread::scope(|scope| {
            let renew = move || {
                while !bucket.is_lost() && waited(&ended, bucket.renewal()) {
                    // The next renewal may succeed in time.
                    if let Err(error) = renewed(bucket) {
                        self.log.warn(format!("the lease was not renewed: {error}"));
                    }
                }
            };
            let renewing =
                thread::Builder::new().name("lease".to_owned()).spawn_scoped(scope, renew);
            let outcome = match renewing {
                Ok(_) => self.one_run().make(directory, Some(bucket), before),
                Err(error) => {
                    let error = Some(format!("no thread to renew the lease: {error}"));
                    self.one_run().ended(0, RunResult::Failed, error, before)
                }
            };
            drop(end);
            outcome
        });
        self.show(false, &outcome);
        if let Err(error) = bucket.end(outcome) {
            self.log.warn(format!("the lease was not given back: {}", chain(&error)));
        }
    }

    fn one_run(&self) -> MirrorRun<'_> {
        let MirrorJob { name, schedule, cancellation, .. } = self.job;
        MirrorRun { name, schedule, cancellation, log: &self.log, shown: self.shown }
    }

    fn show(&self, is_running: bool, outcome: &LeaseOutcome) {
        let is_failed = outcome.is_failed();
        let LeaseOutcome { ended, succeeded, error, .. } = outcome.clone();
        let [ended, succeeded] = [ended, succeeded].map(|time| time.map(UnixSeconds));
        self.show_state(MirrorState { is_running, ended, succeeded, error }, is_failed);
    }

    /// Shows why there is no run.
    fn show_error(&self, error: String) {
        let before = self.job.status.current();
        self.show_state(MirrorState { is_running: false, error: Some(error), ..before }, true);
    }

    fn show_state(&self, state: MirrorState, is_failed: bool) {
        // Another runner shows the same metrics then.
        if !self.job.cancellation.is_cancelled() {
            let seconds = |time: Option<UnixSeconds>| time.map_or(0, |time| time.0);
            self.shown.running.set(state.is_running.into());
            self.shown.ended.set(seconds(state.ended));
            self.shown.failed.set(is_failed.into());
            self.shown.succeeded.set(seconds(state.succeeded));
        }
        self.job.status.set(state);
    }
}

/// Renews the lease; a panic is an error like any other.
fn renewed(bucket: &LeasedStore<'_>) -> Result<(), String> {
    match panic::catch_unwind(AssertUnwindSafe(|| bucket.renew())) {
        Ok(renewed) => renewed.map_err(|error: StoreError| chain(&error)),
        Err(_) => Err(DEFECT.to_owned()),
    }
}

/// Waits; `false` if the run has ended.
fn waited(ended: &Receiver<()>, pause: Duration) -> bool {
    matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
}

#[cfg(test)]
mod tests;
