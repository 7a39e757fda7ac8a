//! The tarballs and the documentation in the store, and which of them are removed if they take more than the allowed
//! size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

use super::options::PinnedReleases;
use super::used_files::UsedFiles;
use crate::package::UnixSeconds;
use crate::repository::{Folder, RepositoryPath};
use crate::serve::clock;
use crate::serve::error_chain::chain;
use crate::store::{Action, Change, EntryKind, Store, StoreError};

/// The files that are kept.
pub(super) struct KeptFiles {
    /// For the log.
    pub repository: String,
    store: Box<dyn Store + Send + Sync>,
    pinned: Arc<PinnedReleases>,
    /// In bytes.
    size: u64,
    used: Arc<UsedFiles>,
    evicted: Counter,
    /// How many bytes the files have: those that were listed, and those that were written since.
    total: u64,
    listed: Option<Instant>,
    /// Until when they are not listed again, as the last time did not help.
    not_before: Option<Instant>,
    /// Whether it helps to list them again then.
    is_due: bool,
}

/// A file that may be removed.
struct Removable {
    path: RepositoryPath,
    size: u64,
    used: UnixSeconds,
}

/// Only these are large.
const FOLDERS: [Folder; 2] = [Folder::Tarballs, Folder::Docs];

/// In seconds: a file that was used since is not removed, as it may be about to be sent.
const IN_USE: i64 = 10;

/// How long the files are not listed again if the last list did not help.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// How long the total is trusted. A mirror and other programs write files too.
const LIST_EVERY: Duration = Duration::from_secs(10 * 60);

/// The part of the size that is made free at once, so that not every file needs a list.
const FREED: u64 = 20;

impl KeptFiles {
    /// The files in `store`, which are to take no more than `size` bytes.
    pub fn new(
        repository: &str,
        store: Box<dyn Store + Send + Sync>,
        pinned: Arc<PinnedReleases>,
        size: u64,
        used: Arc<UsedFiles>,
        evicted: Counter,
    ) -> Self {
        let repository = repository.to_owned();
        let (total, listed, not_before, is_due) = (0, None, None, true);
        Self { repository, store, pinned, size, used, evicted, total, listed, not_before, is_due }
    }

    pub fn load_uses(&self) {
        self.used.load(&*self.store, clock::now());
    }

    pub fn save_uses(&self) -> Result<(), String> {
        self.used.save(&*self.store).map_err(|error| chain(&error))
    }

    /// How long it takes until files can be removed that cannot be removed yet; `None` if there are none.
    pub fn wait(&self) -> Option<Duration> {
        let until = self.not_before.filter(|_| self.is_due)?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    /// Removes files if they take more than the size, after these were written. `None` if there was nothing to do, as far
    /// as is known.
    pub fn keep_within_size(&mut self, written: &[RepositoryPath]) -> Option<Result<(), String>> {
        for path in written.iter().filter(|path| FOLDERS.contains(&path.folder())) {
            match self.store.inspect(path) {
                Ok(found) => {
                    let size = found.and_then(|found| found.stamp).map_or(0, |stamp| stamp.size());
                    self.total = self.total.saturating_add(size);
                }
                Err(_) => self.is_due = true,
            }
        }
        let is_old = self.listed.is_none_or(|listed| listed.elapsed() >= LIST_EVERY);
        self.is_due |= !written.is_empty() && (is_old || self.total > self.size);
        let is_too_early = self.not_before.is_some_and(|until| Instant::now() < until);
        if !self.is_due || is_too_early {
            return None;
        }
        self.is_due = false;
        self.not_before = Instant::now().checked_add(RETRY_AFTER);
        Some(self.remove_excess().and_then(|in_use| self.plan_next(in_use)))
    }

    /// Plans when the files are listed again, if they still take too much.
    fn plan_next(&mut self, in_use: Option<i64>) -> Result<(), String> {
        if self.total <= self.size {
            self.not_before = None;
            return Ok(());
        }
        let pinned = || format!("what lock files pin takes more than {} bytes", self.size);
        let age = in_use.ok_or_else(pinned)?;
        let wait = u64::try_from(IN_USE.saturating_sub(age)).unwrap_or(0).saturating_add(1);
        self.not_before = Instant::now().checked_add(Duration::from_secs(wait).min(RETRY_AFTER));
        self.is_due = true;
        Ok(())
    }

    /// Lists the files, and removes those that go. Returns since how many seconds the one was not used that was used
    /// longest ago of those that would have gone, but are in use.
    fn remove_excess(&mut self) -> Result<Option<i64>, String> {
        let (mut removable, total) = self.removable().map_err(|error| chain(&error))?;
        (self.total, self.listed) = (total, Some(Instant::now()));
        self.used.keep(&removable.iter().map(|file| &file.path).collect());
        if total <= self.size {
            return Ok(None);
        }
        let goal = self.size.saturating_sub(self.size / FREED);
        let pinned = (self.pinned)()?;
        let is_pinned = |path: &RepositoryPath| {
            let release = path.folder().release(path.file_name());
            release.is_some_and(|release| pinned.contains(&release))
        };
        removable.retain(|file| !is_pinned(&file.path));
        removable.sort_by(|a, b| (a.used, a.path.as_str()).cmp(&(b.used, b.path.as_str())));
        let mut in_use = None;
        for file in removable {
            if self.total <= goal {
                break;
            }
            // It may have been used since it was listed.
            let used = self.used.get(&file.path).map_or(file.used, |used| used.max(file.used));
            let age = clock::now().0.saturating_sub(used.0);
            if age <= IN_USE {
                in_use = in_use.max(Some(age));
                continue;
            }
            let change = Change::new(file.path.clone(), Action::Remove);
            self.store.apply(&[&[change]], &|_| ()).map_err(|error| chain(&error))?;
            self.used.forget(&file.path);
            self.evicted.inc();
            self.total = self.total.saturating_sub(file.size);
        }
        Ok(in_use)
    }

    /// All files, and how many bytes they have.
    fn removable(&self) -> Result<(Vec<Removable>, u64), StoreError> {
        let (mut files, mut total) = (Vec::new(), 0_u64);
        for folder in FOLDERS {
            for listed in self.store.list(folder)?.unwrap_or_default() {
                // Other files are not of this repository.
                if listed.kind != EntryKind::File || folder.release(&listed.name).is_none() {
                    continue;
                }
                let path = folder.file(&listed.name);
                let size = listed.stamp.map_or(0, |stamp| stamp.size());
                total = total.saturating_add(size);
                let used = self.used.get(&path);
                let used = used.map_or(listed.modified, |used| used.max(listed.modified));
                files.push(Removable { path, size, used });
            }
        }
        Ok((files, total))
    }
}

#[cfg(test)]
mod tests;
