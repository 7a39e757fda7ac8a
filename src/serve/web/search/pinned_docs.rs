//! Documentation of versions that are not the latest: of those that a lock file pins, read when they are asked for.
//!
//! They are kept in memory, and only so many: those that were asked for last.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::index_files::IndexFiles;
use super::kept_index::KeptIndex;
use super::latest_docs::{file_of, records_of};
use crate::docs::search::{DocsChanges, DocsId, DocsIndex, IndexedDocs, MemoryFiles};
use crate::serve::error_chain::chain;
use crate::serve::files::source::FileSource;

/// How many documentations are kept, and wait to be read.
const MAX_DOCS: usize = 400;

/// How many records they have together. 150,000 take 30 MB.
const MAX_RECORDS: usize = 150_000;

/// How many are read before searches see them.
const BATCH: usize = 16;

/// For how long one that is not here is not looked for again.
const MISSING_FOR: Duration = Duration::from_secs(30);

/// Documentation of versions that are not the latest.
pub(crate) struct PinnedDocs {
    source: Arc<dyn FileSource>,
    index: KeptIndex,
    state: Mutex<PinnedState>,
    changed: Condvar,
}

#[derive(Default)]
struct PinnedState {
    /// What is known of each that was asked for.
    known: HashMap<DocsId, KnownDocs>,
    /// Those to read.
    queue: VecDeque<DocsId>,
    is_reading: bool,
    /// Counts what is asked for: the least was asked for first.
    clock: u64,
}

enum KnownDocs {
    Waiting,
    Here { records: usize, asked: u64 },
    Missing(Instant),
}

/// What is not searched yet, or not here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PinnedStatus {
    pub reading: Vec<DocsId>,
    pub missing: Vec<DocsId>,
}

impl PinnedDocs {
    pub fn new(source: Arc<dyn FileSource>) -> Self {
        let index = KeptIndex::open(IndexFiles::Memory(MemoryFiles::default()));
        Self { source, index, state: Mutex::default(), changed: Condvar::new() }
    }

    pub fn snapshot(&self) -> Arc<DocsIndex> {
        self.index.snapshot()
    }

    /// Begins to read those that were not read, in the background, and waits for that until `deadline`. May block.
    pub(super) fn ask(self: &Arc<Self>, wanted: &[DocsId], deadline: Instant) -> PinnedStatus {
        let mut state = self.state();
        state.clock = state.clock.saturating_add(1);
        let now = state.clock;
        for id in wanted.iter().take(MAX_DOCS) {
            let is_known = match state.known.get_mut(id) {
                Some(KnownDocs::Here { asked, .. }) => {
                    *asked = now;
                    true
                }
                Some(KnownDocs::Waiting) => true,
                Some(KnownDocs::Missing(at)) => at.elapsed() < MISSING_FOR,
                None => false,
            };
            if !is_known && state.queue.len() < MAX_DOCS {
                state.queue.push_back(id.clone());
                state.known.insert(id.clone(), KnownDocs::Waiting);
            }
        }
        if !state.queue.is_empty() && !state.is_reading {
            state.is_reading = true;
            let this = Arc::clone(self);
            tokio::runtime::Handle::current().spawn_blocking(move || this.read_all());
        }
        loop {
            let status = state.status(wanted);
            let left = deadline.saturating_duration_since(Instant::now());
            if status.reading.is_empty() || left.is_zero() {
                return status;
            }
            state =
                self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn read_all(&self) {
        loop {
            let mut state = self.state();
            let count = state.queue.len().min(BATCH);
            let batch: Vec<DocsId> = state.queue.drain(..count).collect();
            if batch.is_empty() {
                state.is_reading = false;
                self.changed.notify_all();
                return;
            }
            drop(state);
            self.read(&batch);
        }
    }

    fn read(&self, batch: &[DocsId]) {
        let mut read = Vec::new();
        let mut missing = Vec::new();
        for id in batch {
            match file_of(id).and_then(|file| records_of(&*self.source, &file)) {
                Some(records) => {
                    read.push(IndexedDocs { id: id.clone(), source: [0; 32], records });
                }
                None => missing.push(id.clone()),
            }
        }
        let counts: Vec<(DocsId, usize)> =
            read.iter().map(|docs| (docs.id.clone(), docs.records.len())).collect();
        let removed = self.state().make_room(&counts);
        let mut added = read.into_iter();
        let changes = DocsChanges { removed: &removed, added: &mut added, rank: &|_| 0 };
        let updated = self.index.update(changes);
        let mut state = self.state();
        if let Err(error) = updated {
            // Memory does not fail, so this is a fault of the index: all of it is read again when it is asked for.
            tracing::warn!(error = chain(&error), "what lock files pin is read again");
            self.index.clear();
            state.known.clear();
            state.queue.clear();
        } else {
            let asked = state.clock;
            for (id, records) in counts {
                state.known.insert(id, KnownDocs::Here { records, asked });
            }
        }
        for id in missing {
            state.known.insert(id, KnownDocs::Missing(Instant::now()));
        }
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, PinnedState> {
        // Each change is valid by itself, after a panic too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PinnedState {
    fn status(&self, wanted: &[DocsId]) -> PinnedStatus {
        let mut status = PinnedStatus::default();
        for id in wanted {
            match self.known.get(id) {
                Some(KnownDocs::Here { .. }) => {}
                Some(KnownDocs::Missing(_)) => status.missing.push(id.clone()),
                Some(KnownDocs::Waiting) | None => status.reading.push(id.clone()),
            }
        }
        status
    }

    /// Forgets those that were asked for the longest time ago, until there is room for these. Returns what was forgotten.
    fn make_room(&mut self, new: &[(DocsId, usize)]) -> Vec<DocsId> {
        // What is missing is no more than a name, and of those there are as many as users make up.
        if self.known.len() > MAX_DOCS.saturating_mul(4) {
            self.known.retain(|_, known| !matches!(known, KnownDocs::Missing(_)));
        }
        let mut here: Vec<(u64, usize, DocsId)> = self
            .known
            .iter()
            .filter_map(|(id, known)| match known {
                KnownDocs::Here { records, asked } => Some((*asked, *records, id.clone())),
                _ => None,
            })
            .collect();
        here.sort();
        let sum = |sum: usize, count: usize| sum.saturating_add(count);
        let mut records =
            here.iter().map(|one| one.1).chain(new.iter().map(|one| one.1)).fold(0, sum);
        let mut count = here.len().saturating_add(new.len());
        let mut removed = Vec::new();
        for (_, of_docs, id) in here {
            if records <= MAX_RECORDS && count <= MAX_DOCS {
                break;
            }
            records = records.saturating_sub(of_docs);
            count = count.saturating_sub(1);
            self.known.remove(&id);
            removed.push(id);
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_first_makes_room() {
        let id =
            |number: usize| DocsId { package: format!("p{number}"), version: "1.0.0".to_owned() };
        let mut state = PinnedState::default();
        for number in 0..10 {
            let known = KnownDocs::Here { records: MAX_RECORDS / 10, asked: 100 - number as u64 };
            state.known.insert(id(number), known);
        }
        assert_eq!(state.make_room(&[]), []);
        assert_eq!(state.make_room(&[(id(20), MAX_RECORDS / 10 + 1)]), [id(9), id(8)]);
        assert_eq!(state.known.len(), 8);
        for number in 100..3_000 {
            state.known.insert(id(number), KnownDocs::Missing(Instant::now()));
        }
        state.make_room(&[]);
        assert_eq!(state.known.len(), 8);
    }
}
