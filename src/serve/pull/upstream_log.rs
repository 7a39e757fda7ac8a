//! What the log says of an upstream: what is new. Otherwise an upstream that is down, or sends files that are refused,
//! would fill the log.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::repository::RepositoryPath;

/// The log of one upstream.
pub(super) struct UpstreamLog {
    repository: String,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// Why upstream does not answer, and since when.
    outage: Option<(String, Instant)>,
    /// Why files are refused.
    refused: HashMap<RepositoryPath, String>,
    /// Why the store is not written.
    not_kept: Option<String>,
}

/// How many refused files are remembered. The log says it again of more.
const REFUSED: usize = 10_000;

impl UpstreamLog {
    pub fn of(repository: String) -> Self {
        Self { repository, told: Mutex::default() }
    }

    /// Upstream did not answer.
    pub fn outage(&self, error: &str) {
        let mut told = self.told();
        if told.outage.is_none() {
            told.outage = Some((error.to_owned(), Instant::now()));
            drop(told);
            let repository = self.repository.as_str();
            tracing::error!(repository, error, "upstream does not answer: what is here is served");
        }
    }

    /// Upstream answered.
    pub fn answered(&self) {
        let ended = self.told().outage.take();
        if let Some((_, since)) = ended {
            let (repository, seconds) = (self.repository.as_str(), since.elapsed().as_secs());
            tracing::info!(repository, seconds, "upstream answers again");
        }
    }

    /// Upstream sent a file that is refused, or did not send one that it should have.
    pub fn refused(&self, path: &RepositoryPath, error: &str) {
        let repository = self.repository.as_str();
        let mut told = self.told();
        if told.refused.get(path).is_some_and(|told| told == error) {
            return;
        }
        if told.refused.len() >= REFUSED {
            told.refused.clear();
        }
        told.refused.insert(path.clone(), error.to_owned());
        drop(told);
        let path = path.as_str();
        tracing::error!(repository, path, error, "refused: what is here is left as it was");
    }

    /// A file was taken, or found to be current.
    pub fn taken(&self, path: &RepositoryPath) {
        if self.told().refused.remove(path).is_some() {
            let (repository, path) = (self.repository.as_str(), path.as_str());
            tracing::info!(repository, path, "no longer refused");
        }
    }

    /// Whether a file could be written, and else why not.
    pub fn kept(&self, error: Option<String>) {
        let mut told = self.told();
        if told.not_kept == error {
            return;
        }
        told.not_kept.clone_from(&error);
        drop(told);
        let repository = self.repository.as_str();
        if let Some(error) = error {
            tracing::error!(repository, error, "could not keep a file: it is served from memory");
        } else {
            tracing::info!(repository, "files are kept again");
        }
    }

    /// Why upstream does not answer, or the first file that is refused, if any.
    pub fn problem(&self) -> Option<String> {
        let told = self.told();
        let outage =
            told.outage.as_ref().map(|(error, _)| format!("upstream does not answer: {error}"));
        let refused = || {
            let (path, error) = told.refused.iter().min_by_key(|(path, _)| path.as_str())?;
            let others = match told.refused.len().saturating_sub(1) {
                0 => String::new(),
                number => format!("; and {number} more"),
            };
            Some(format!("{path}: {error}{others}"))
        };
        outage.or_else(refused).or_else(|| told.not_kept.clone())
    }

    /// Whether upstream answered when it was last asked.
    pub fn is_answering(&self) -> bool {
        self.told().outage.is_none()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Each entry is replaced in one step, so it is valid after a panic too.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
