//! A store whose files are read in another order than they are asked for one by one, as may be where they are
//! asked for all at once.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hexreg::repository::{Folder, RepositoryPath};
use hexreg::store::{
    AppliedChange, BucketStore, Change, Content, EntryKind, ListedFile, LockOutcome, Stamp, Store,
    StoreError,
};

use super::random::Random;

/// What was read before it was asked for.
type Read = (Option<Content>, Vec<u8>);

pub struct Shuffled {
    inner: BucketStore,
    /// The indexes that are read before any package.
    first: Vec<&'static str>,
    read: Mutex<BTreeMap<String, Read>>,
}

impl Shuffled {
    pub fn new(inner: BucketStore, random: &mut Random) -> Self {
        let mut first = vec!["names", "versions"];
        if random.below(2) == 0 {
            first.reverse();
        }
        first.truncate(random.below(3));
        Self { inner, first, read: Mutex::default() }
    }
}

impl Store for Shuffled {
    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        let mut read = self.read.lock().unwrap();
        if path.folder() == Folder::Packages && read.is_empty() {
            for name in &self.first {
                let mut bytes = Vec::new();
                let content =
                    self.inner.read(&Folder::Root.file(name), usize::MAX - 1, &mut bytes)?;
                read.insert((*name).to_owned(), (content, bytes));
            }
        }
        match read.remove(path.as_str()) {
            Some((content, bytes)) => {
                *buffer = bytes;
                Ok(content)
            }
            None => self.inner.read(path, limit, buffer),
        }
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        self.read.lock().unwrap().clear();
        self.inner.apply(stages, made)
    }

    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        self.inner.list(folder)
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        self.inner.walk()
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        self.inner.lock()
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        self.inner.lock_shared()
    }

    fn is_conditional(&self) -> bool {
        self.inner.is_conditional()
    }

    fn keeps_times(&self) -> bool {
        self.inner.keeps_times()
    }

    fn stamp_of(&self, bytes: &[u8]) -> Option<Stamp> {
        self.inner.stamp_of(bytes)
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.inner.locate(path)
    }
}
