//! One run of a mirror.

use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::directory_lock;
use super::leased_store::LeasedStore;
use super::metrics::{RunResult, ShownMirror};
use super::mirror_log::MirrorLog;
use super::schedule::MirrorSchedule;
use crate::ops::lease::LeaseOutcome;
use crate::ops::mirror::{self, Cancellation, Report};
use crate::ops::push;
use crate::publish::breakage::Breakage;
use crate::publish::observer::{Observer, Warning};
use crate::repository::RepositoryPath;
use crate::serve::clock;
use crate::serve::error_chain::chain;
use crate::store::{Changed, DirStore};

/// How long to wait for another process that writes to the directory.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// What is said of a panic.
pub(super) const DEFECT: &str = "a defect of hexreg ended the run: standard error has more of it";

/// What a run needs.
pub(super) struct MirrorRun<'a> {
    /// The name of the repository.
    pub name: &'a str,
    pub schedule: &'a MirrorSchedule,
    pub cancellation: &'a Cancellation,
    pub log: &'a MirrorLog,
    pub shown: &'a ShownMirror,
}

impl MirrorRun<'_> {
    /// Mirrors once, and for a bucket pushes what was mirrored.
    pub fn make(
        &self,
        directory: &Path,
        bucket: Option<&LeasedStore<'_>>,
        before: &LeaseOutcome,
    ) -> LeaseOutcome {
        let changes = RunChanges { log: self.log, paths: Mutex::default() };
        // After a panic, files are whole as after a kill, and the next run begins anew.
        let run = AssertUnwindSafe(|| self.mirror(directory, bucket, &changes));
        let (result, error) = match panic::catch_unwind(run) {
            Ok(Ok(report)) => judged(&report),
            Ok(Err(error)) => (RunResult::Failed, Some(error)),
            Err(_) => (RunResult::Failed, Some(DEFECT.to_owned())),
        };
        let changes = changes.paths().len();
        self.ended(changes, result, error, before)
    }

    /// Notes how it ended.
    pub fn ended(
        &self,
        changes: usize,
        result: RunResult,
        error: Option<String>,
        before: &LeaseOutcome,
    ) -> LeaseOutcome {
        let is_cancelled = self.cancellation.is_cancelled();
        if is_cancelled && result == RunResult::Failed {
            tracing::info!(
                repository = self.name,
                "the mirror's run was ended: its configuration has changed, or the server ends"
            );
            return before.clone();
        }
        if !is_cancelled {
            self.shown.count_run(result);
        }
        self.log.ended(changes, result, error.as_deref());
        let now = clock::now().0;
        let succeeded = if result == RunResult::Failed { before.succeeded } else { Some(now) };
        LeaseOutcome { ended: Some(now), succeeded, error, work: Some(self.schedule.hash()) }
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
            let locked = directory_lock::lock(directory, LOCK_TIMEOUT, self.cancellation);
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
