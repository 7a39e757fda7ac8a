//! What every store does.

use std::path::PathBuf;

use super::change::{AppliedChange, Change};
use super::error::StoreError;
use super::listing::{Content, EntryKind, ListedFile};
use super::lock::LockOutcome;
use super::stamp::Stamp;
use crate::repository::{Folder, RepositoryPath};

/// Keeps the files of a repository by their path.
///
/// Threads share it, and may all use it at once.
pub trait Store: Sync {
    /// The files in a folder, in any order; `None` if the folder is missing.
    ///
    /// # Errors
    /// [`StoreError`] if the folder cannot be listed.
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError>;

    /// Every file at any depth, links followed, in any order; `None` if the repository itself is missing.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be listed.
    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError>;

    /// Reads a file into `buffer`, in place of its former content: at most `limit` bytes and one more, so that a
    /// caller can tell a file above the limit and such a file is not read whole. `None` if there is no such file.
    ///
    /// # Errors
    /// [`StoreError`] if the file is there and cannot be read.
    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError>;

    /// Looks a file up without reading more than a byte of it; `None` if there is no such file.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether it is there.
    fn inspect(&self, path: &RepositoryPath) -> Result<Option<Content>, StoreError> {
        self.read(path, 0, &mut Vec::new())
    }

    /// Makes changes, stage by stage: the changes of a stage are durable before the next stage begins.
    ///
    /// A directory makes the changes of a stage in order, a bucket many at once; both make changes to files at the
    /// root in order. Readers see the whole old file or the whole new one. A file that replaces another one can be
    /// read by the same users, if the store has permissions. `applied` is called for each change that was made.
    ///
    /// A store without a [lock](Self::lock) makes a change only if the file still is as [`Change::over`] says.
    ///
    /// # Errors
    /// [`StoreError`] for the first change that failed; no change of a later stage was made.
    /// [`StoreError::is_conflict`] if another writer was faster.
    fn apply(
        &self,
        stages: &[&[Change]],
        applied: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError>;

    /// Takes the exclusive lock, until it is dropped or the process ends.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the lock is free.
    fn lock(&self) -> Result<LockOutcome, StoreError>;

    /// Takes the shared lock, until it is dropped or the process ends. It keeps out writers, which take
    /// [`lock`](Self::lock), and no other reader. It needs the right to read only, and leaves nothing behind.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the lock is free, or the repository is missing.
    fn lock_shared(&self) -> Result<LockOutcome, StoreError>;

    /// The path of the lock; `None` if the store has no lock. Processes that need several locks take them in the
    /// order of their paths, so that no two wait for each other.
    fn lock_path(&self) -> Option<PathBuf> {
        None
    }

    /// The largest file, in bytes, that the store takes at a path; `None` if it has no limit.
    fn max_size(&self, _path: &RepositoryPath) -> Option<u64> {
        None
    }

    /// Whether a change is made only if the file still is as [`Change::over`] says, and a new file only if there is
    /// none. A store that is not conditional has a [lock](Self::lock), or a single writer.
    fn is_conditional(&self) -> bool {
        false
    }

    /// Whether a file may be a tombstone, which takes the place of a file that is being removed. Clients read a
    /// tombstone as the file itself, and so it is in a copy elsewhere.
    fn has_tombstones(&self) -> bool {
        false
    }

    /// Whether the time of a file's last change is its own, and not the time when it was copied into the store.
    fn keeps_times(&self) -> bool {
        true
    }

    /// The stamp of a file with these bytes, if the store's stamps depend on the bytes alone.
    fn stamp_of(&self, _bytes: &[u8]) -> Option<Stamp> {
        None
    }

    /// The location of a file, as messages name it.
    fn locate(&self, path: &RepositoryPath) -> String;
}
