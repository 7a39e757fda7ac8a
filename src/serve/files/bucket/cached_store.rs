//! The bucket as a store: read through the cache, or written past it.

use std::io;
use std::sync::Arc;

use super::cached_object::stamp_at;
use super::request_failure::RequestFailure;
use super::requests::Wanted;
use super::shared_bucket::SharedBucket;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{
    AppliedChange, Change, Content, EntryKind, ListedFile, LockOutcome, Operation, Stamp, Store,
    StoreError,
};

/// Reads whole files through the cache. Listings are asked of the store.
pub(crate) struct CachedStore(Arc<SharedBucket>);

/// Reads and writes the store itself, and forgets in the cache what it writes, and that a file is missing which it reads.
pub(crate) struct WrittenStore(Arc<SharedBucket>);

/// What is asked of a path for its stamp: what is small is read next, and other files may be large.
pub(crate) fn wanted_for_stamp(path: &RepositoryPath) -> Wanted {
    match path.folder() {
        Folder::Tarballs | Folder::Docs => Wanted::Stamp,
        _ => Wanted::Bytes,
    }
}

impl CachedStore {
    pub fn new(bucket: Arc<SharedBucket>) -> Self {
        Self(bucket)
    }

    /// The stamp of a file; `None` if there is none. Must not be called from asynchronous code.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub fn stamp(&self, path: &RepositoryPath) -> io::Result<Option<Stamp>> {
        let wanted = wanted_for_stamp(path);
        Ok(self.0.look_up_blocking(path, wanted)?.stamp())
    }

    fn failed(&self, operation: Operation, path: &RepositoryPath, error: io::Error) -> StoreError {
        StoreError::new(operation, self.locate(path), RequestFailure::without_location(error))
    }
}

impl WrittenStore {
    pub fn new(bucket: Arc<SharedBucket>) -> Self {
        Self(bucket)
    }
}

impl Store for CachedStore {
    /// With the stamps that [`stamp`](Self::stamp) has.
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        let mut listed = self.0.bucket().list(folder)?;
        for file in listed.iter_mut().flatten() {
            let path = folder.file(&file.name);
            file.stamp = file.stamp.map(|stamp| stamp_at(&path, stamp));
        }
        Ok(listed)
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        self.0.bucket().walk()
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        let failed = |error: io::Error| self.failed(Operation::Read, path, error);
        buffer.clear();
        let Some(opened) = self.0.open_blocking(path).map_err(failed)? else { return Ok(None) };
        *buffer = opened.read(limit).map_err(failed)?;
        Ok(Some(Content { stamp: Some(opened.stamp()) }))
    }

    fn inspect(&self, path: &RepositoryPath) -> Result<Option<Content>, StoreError> {
        let failed = |error: io::Error| self.failed(Operation::Inspect, path, error);
        let found = self.stamp(path).map_err(failed)?;
        Ok(found.map(|stamp| Content { stamp: Some(stamp) }))
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        applied: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        self.0.bucket().apply(stages, applied)
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        self.0.bucket().lock()
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        self.0.bucket().lock_shared()
    }

    fn has_tombstones(&self) -> bool {
        self.0.bucket().has_tombstones()
    }

    fn keeps_times(&self) -> bool {
        self.0.bucket().keeps_times()
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.0.bucket().locate(path)
    }
}

impl Store for WrittenStore {
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        self.0.bucket().list(folder)
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        self.0.bucket().walk()
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        let found = self.0.bucket().read(path, limit, buffer)?;
        if found.is_some() {
            self.0.note_found(path);
        }
        Ok(found)
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        applied: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        let done = self.0.bucket().apply(stages, applied);
        // Also what failed: a change whose answer was lost may have been made.
        for change in stages.iter().copied().flatten() {
            self.0.forget(&change.path);
        }
        done
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        self.0.bucket().lock()
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        self.0.bucket().lock_shared()
    }

    fn max_size(&self, path: &RepositoryPath) -> Option<u64> {
        self.0.bucket().max_size(path)
    }

    fn is_conditional(&self) -> bool {
        self.0.bucket().is_conditional()
    }

    fn has_tombstones(&self) -> bool {
        self.0.bucket().has_tombstones()
    }

    fn keeps_times(&self) -> bool {
        self.0.bucket().keeps_times()
    }

    fn stamp_of(&self, bytes: &[u8]) -> Option<Stamp> {
        self.0.bucket().stamp_of(bytes)
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.0.bucket().locate(path)
    }
}
