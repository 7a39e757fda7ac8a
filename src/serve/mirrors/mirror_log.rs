//! What the log says of the runs of one mirror: what is new. What the last run said already is for the level `debug`, as
//! a run a minute against an upstream that is down would fill the log.

use std::collections::HashSet;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::metrics::RunResult;

/// The log of one mirror.
pub(super) struct MirrorLog {
    repository: String,
    told: Mutex<Told>,
}

/// What was told before.
#[derive(Default)]
struct Told {
    /// Whether a run has ended.
    has_run: bool,
    /// The error of the last run.
    error: Option<String>,
    /// Why the lease could not be asked for the last time.
    lease_error: Option<String>,
    /// The warnings of the last run, and of the one that is going on.
    warnings: HashSet<String>,
    new_warnings: HashSet<String>,
}

impl MirrorLog {
    pub fn of(repository: String) -> Self {
        Self { repository, told: Mutex::default() }
    }

    /// A run has ended. Returns whether the log says more than the level `debug`.
    pub fn ended(&self, changes: usize, result: RunResult, error: Option<&str>) -> bool {
        let (is_first, is_same) = {
            let mut told = self.told();
            told.warnings = mem::take(&mut told.new_warnings);
            let is_same = told.error.as_deref() == error;
            told.error = error.map(str::to_owned);
            (!mem::replace(&mut told.has_run, true), is_same)
        };
        let repository = self.repository.as_str();
        let is_told = is_first || !is_same || (changes > 0 && result != RunResult::Failed);
        match error {
            None if is_told => tracing::info!(repository, changes, "mirrored"),
            None => tracing::debug!(repository, "mirrored, and nothing has changed"),
            Some(error) if is_same => {
                tracing::debug!(repository, changes, error, "the mirror has the same error again");
                if is_told {
                    tracing::info!(repository, changes, "mirrored, and the same is held back");
                }
            }
            Some(error) if result == RunResult::HeldBack => {
                tracing::error!(
                    repository,
                    changes,
                    error,
                    "mirrored, and some was held back as it was before"
                );
            }
            Some(error) => {
                tracing::error!(
                    repository,
                    changes,
                    error,
                    "not mirrored: what is served is left as it was"
                );
            }
        }
        is_told
    }

    /// A run warns of something.
    pub fn warn(&self, warning: String) {
        let repository = self.repository.as_str();
        let mut told = self.told();
        if told.warnings.contains(&warning) || told.new_warnings.contains(&warning) {
            tracing::debug!(repository, "{warning}");
        } else {
            tracing::warn!(repository, "{warning}");
        }
        told.new_warnings.insert(warning);
    }

    /// The lease could be asked for, or could not.
    pub fn asked(&self, error: Option<&str>) {
        let was = mem::replace(&mut self.told().lease_error, error.map(str::to_owned));
        let repository = self.repository.as_str();
        match error {
            None if was.is_none() => {}
            None => tracing::info!(repository, "the lease of the mirror can be asked for again"),
            Some(error) if was.as_deref() == Some(error) => {
                tracing::debug!(repository, error, "the lease of the mirror cannot be asked for");
            }
            Some(error) => {
                tracing::error!(repository, error, "the lease of the mirror cannot be asked for");
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Each field is replaced in one step.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once() {
        let log = MirrorLog::of("hexpm".to_owned());
        let failed = |error| log.ended(0, RunResult::Failed, Some(error));
        assert!(failed("down"));
        assert!(!failed("down"));
        assert!(failed("refused"));
        assert!(log.ended(0, RunResult::Done, None), "it is as it should be again");
        assert!(!log.ended(0, RunResult::Done, None));
        assert!(log.ended(3, RunResult::Done, None));
        assert!(failed("down"));
    }

    #[test]
    fn the_first_run_is_told() {
        let log = MirrorLog::of("hexpm".to_owned());
        assert!(log.ended(0, RunResult::Done, None));
    }
}
