//! A store for tests: a directory that calls a function before each read.

use std::path::Path;

use crate::repository::{Folder, RepositoryPath};
use crate::store::{
    AppliedChange, Change, Content, DirStore, EntryKind, ListedFile, LockOutcome, Store, StoreError,
};

/// A directory whose reads can be counted, delayed or held up.
pub(crate) struct WatchedStore {
    files: DirStore,
    before_read: Box<dyn Fn() + Send + Sync>,
}

impl WatchedStore {
    pub fn new(directory: &Path, before_read: impl Fn() + Send + Sync + 'static) -> Self {
        Self { files: DirStore::new(directory), before_read: Box::new(before_read) }
    }
}

impl Store for WatchedStore {
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        self.files.list(folder)
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        self.files.walk()
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        (self.before_read)();
        self.files.read(path, limit, buffer)
    }

    fn inspect(&self, path: &RepositoryPath) -> Result<Option<Content>, StoreError> {
        self.files.inspect(path)
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        self.files.apply(stages, made)
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        self.files.lock()
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        self.files.lock_shared()
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.files.locate(path)
    }
}
