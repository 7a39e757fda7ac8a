//! What changed in a repository while it was served, kept over restarts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::cache_file::CacheFile;
use crate::browse::changes::{PackageDetails, RecentChanges};
use crate::package::UnixSeconds;
use crate::registry::{Payload, Releases, Versions};
use crate::serve::clock;

/// What begins a file of this version of hexreg.
const MAGIC: &str = concat!("hexreg changes 1 ", env!("CARGO_PKG_VERSION"));

/// What changed in a repository.
pub(crate) struct RecentLog {
    cache_file: Option<CacheFile>,
    state: Mutex<RecentState>,
}

#[derive(Clone, Default)]
struct RecentState {
    recent: Arc<RecentChanges>,
    /// The index that was seen last, encoded; empty if none was.
    seen: Vec<u8>,
    /// When an index was seen first.
    since: Option<UnixSeconds>,
}

#[derive(Serialize, Deserialize)]
struct StoredRecent {
    magic: String,
    recent: Vec<u8>,
    seen: Vec<u8>,
    since: Option<i64>,
}

impl RecentLog {
    pub fn new(cache_file: Option<CacheFile>) -> Self {
        Self { cache_file, state: Mutex::default() }
    }

    /// What changed, and since when changes are noticed.
    pub fn recent(&self) -> (Arc<RecentChanges>, Option<UnixSeconds>) {
        let state = self.lock();
        (Arc::clone(&state.recent), state.since)
    }

    /// Reads what was kept. A file that is damaged counts as missing.
    pub fn load(&self) {
        let bytes = self.cache_file.as_ref().and_then(CacheFile::read);
        let stored = bytes.and_then(|bytes| postcard::from_bytes::<StoredRecent>(&bytes).ok());
        let Some(stored) = stored.filter(|stored| stored.magic == MAGIC) else { return };
        if let Some(recent) = RecentChanges::decode(&stored.recent) {
            let (recent, since) = (Arc::new(recent), stored.since.map(UnixSeconds));
            *self.lock() = RecentState { recent, seen: stored.seen, since };
        }
    }

    /// Whether no index was seen yet.
    pub fn is_new(&self) -> bool {
        self.lock().since.is_none()
    }

    /// Adds the releases of a package by the times of their publication.
    pub fn add_published(&self, releases: &Releases, updated_at: Option<UnixSeconds>) {
        Arc::make_mut(&mut self.lock().recent).add_published(releases, updated_at);
    }

    /// Adds what has changed since the last index.
    pub fn observe(&self, versions: &Versions, details: &PackageDetails<'_>) {
        let mut state = self.lock().clone();
        let seen = versions.encode().as_bytes().to_vec();
        if seen == state.seen {
            return;
        }
        let now = clock::now();
        let payload = Payload::from_bytes(std::mem::take(&mut state.seen).into());
        if let Some(before) = Versions::decode(&payload).ok().filter(|_| state.since.is_some()) {
            let recent = Arc::make_mut(&mut state.recent);
            recent.observe(&before, versions, now, details);
        }
        state.seen = seen;
        state.since.get_or_insert(now);
        self.save(&state);
        *self.lock() = state;
    }

    fn save(&self, state: &RecentState) {
        let Some(file) = &self.cache_file else { return };
        let stored = StoredRecent {
            magic: MAGIC.to_owned(),
            recent: state.recent.encode(),
            seen: state.seen.clone(),
            since: state.since.map(|time| time.0),
        };
        // Encoding into memory does not fail.
        file.write(&postcard::to_stdvec(&stored).unwrap_or_default());
    }

    fn lock(&self) -> MutexGuard<'_, RecentState> {
        // Each value is replaced in one step, so it is valid after a panic too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
