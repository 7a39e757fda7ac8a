//! What is logged of an upstream: what is new. Otherwise an upstream that is down, or sends files that are refused, would
//! fill the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::refusals::{FailureKind, Refusals};
use crate::ops::mirror::pull::PullError;
use crate::package::UnixSeconds;
use crate::repository::RepositoryPath;
use crate::serve::clock;
use crate::serve::error_chain::chain;

/// The log of one upstream.
pub(super) struct UpstreamLog {
    repository: String,
    runtime: Handle,
    state: Mutex<LogState>,
}

/// Whether upstream can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpstreamState {
    Answers,
    /// It is down, busy, or cannot be reached.
    DoesNotAnswer,
    /// It answers, and all that it has sent lately is refused.
    IsRefused,
}

#[derive(Default)]
struct LogState {
    /// Since when upstream does not answer.
    outage: Option<(Instant, UnixSeconds)>,
    refusals: Refusals,
    /// Why the store is not written.
    not_kept: Option<String>,
    /// Why it was not saved what is known of files.
    not_saved: Option<String>,
}

/// How often a kind of failure is logged at most.
const MINUTE: Duration = Duration::from_secs(60);

impl UpstreamLog {
    pub fn of(repository: String, runtime: Handle) -> Arc<Self> {
        Arc::new(Self { repository, runtime, state: Mutex::default() })
    }

    /// Upstream did not answer.
    pub fn outage(&self, error: &str) {
        let mut state = self.state();
        if state.outage.is_none() {
            state.outage = Some((Instant::now(), clock::now()));
            drop(state);
            let repository = self.repository.as_str();
            tracing::error!(repository, error, "upstream does not answer: what is here is served");
        }
    }

    /// Upstream answered.
    pub fn answered(&self) {
        let ended = self.state().outage.take();
        if let Some((since, _)) = ended {
            let (repository, seconds) = (self.repository.as_str(), since.elapsed().as_secs());
            tracing::info!(repository, seconds, "upstream answers again");
        }
    }

    /// Upstream sent a file that is refused, or did not send one that it should have.
    pub fn refused(self: &Arc<Self>, path: &RepositoryPath, error: &PullError) {
        let mut state = self.state();
        let were_all = state.refusals.all_since().is_some();
        let is_named = state.refusals.add(path, error, clock::now());
        let are_all = state.refusals.all_since().is_some();
        let kind = FailureKind::of(error);
        if is_named {
            state.refusals.next_minute(kind);
        }
        drop(state);
        let repository = self.repository.as_str();
        if is_named {
            let (path, error) = (path.as_str(), chain(error));
            tracing::error!(repository, path, error, "refused: what is here is left as it was");
            self.follow(kind);
        }
        if are_all && !were_all {
            tracing::error!(repository, "all that upstream sends is refused");
        }
    }

    /// Logs the files that are refused for the same reason, once a minute, until there are none.
    fn follow(self: &Arc<Self>, kind: FailureKind) {
        let this = Arc::downgrade(self);
        self.runtime.spawn(async move {
            loop {
                sleep(MINUTE).await;
                let Some(this) = this.upgrade() else { return };
                let Some(unnamed) = this.state().refusals.next_minute(kind) else { return };
                let paths: Vec<_> = unnamed.examples.iter().map(RepositoryPath::as_str).collect();
                let (repository, files) = (this.repository.as_str(), unnamed.count);
                let paths = paths.join(", ");
                tracing::error!(repository, files, paths, "more files were refused in this way");
            }
        });
    }

    /// A file was taken, or found to be current.
    pub fn taken(&self, path: &RepositoryPath) {
        let mut state = self.state();
        let were_all = state.refusals.all_since().is_some();
        let was_named = state.refusals.take(path);
        drop(state);
        let repository = self.repository.as_str();
        if was_named {
            tracing::info!(repository, path = path.as_str(), "no longer refused");
        }
        if were_all {
            tracing::info!(repository, "upstream sends files again that are not refused");
        }
    }

    /// Whether a file could be written, and else why not.
    pub fn kept(&self, error: Option<String>) {
        let mut state = self.state();
        if state.not_kept == error {
            return;
        }
        state.not_kept.clone_from(&error);
        drop(state);
        let repository = self.repository.as_str();
        if let Some(error) = error {
            tracing::error!(repository, error, "could not keep a file: it is served from memory");
        } else {
            tracing::info!(repository, "files are kept again");
        }
    }

    /// Whether it could be saved what is known of files, and else why not.
    pub fn saved(&self, error: Option<String>) {
        let mut state = self.state();
        if state.not_saved == error {
            return;
        }
        state.not_saved.clone_from(&error);
        drop(state);
        if let Some(error) = error {
            let repository = self.repository.as_str();
            tracing::warn!(repository, error, "could not save when files were asked for");
        }
    }

    /// What is wrong, for those who may read the repository. The log says where upstream is and why it fails: that may name
    /// hosts of a network that readers do not know.
    pub fn problem(&self) -> Option<String> {
        let state = self.state();
        if let Some((_, since)) = state.outage {
            return Some(format!("upstream has been unreachable since {}", time(since)));
        }
        if let Some(since) = state.refusals.all_since() {
            return Some(format!("all that upstream sends has been refused since {}", time(since)));
        }
        let not_kept =
            || state.not_kept.as_ref().map(|_| "files cannot be written here".to_owned());
        state.refusals.shown().or_else(not_kept)
    }

    /// Whether upstream could be used when it was last asked.
    pub fn upstream_state(&self) -> UpstreamState {
        let state = self.state();
        if state.outage.is_some() {
            UpstreamState::DoesNotAnswer
        } else if state.refusals.all_since().is_some() {
            UpstreamState::IsRefused
        } else {
            UpstreamState::Answers
        }
    }

    fn state(&self) -> MutexGuard<'_, LogState> {
        // Each entry is replaced in one step, so it is valid after a panic too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time in UTC.
fn time(UnixSeconds(seconds): UnixSeconds) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
