//! A served tree in memory, one of whose operations fails.

use std::io;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};

use hexreg::repository::{Folder, RepositoryPath};
use hexreg::store::{
    AppliedChange, Change, Content, EntryKind, ListedFile, LockOutcome, Operation, Store,
    StoreError,
};

use super::memory::MemoryStore;

/// What becomes of the operation that fails, and of those after it.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Which operation, counted from one: a listing, a reading, a change, the lock.
    pub at: usize,
    pub kind: io::ErrorKind,
    /// Whether a change is made all the same, as by a server whose answer got lost.
    pub torn: bool,
    /// Whether everything afterwards fails too.
    pub lasting: bool,
}

/// A store that fails once, or from then on.
pub struct FaultyStore<'a> {
    inner: &'a MemoryStore,
    fault: Fault,
    done: AtomicUsize,
}

impl<'a> FaultyStore<'a> {
    pub fn new(inner: &'a MemoryStore, fault: Fault) -> Self {
        Self { inner, fault, done: AtomicUsize::new(0) }
    }

    /// Whether it came to the operation that fails.
    pub fn has_failed(&self) -> bool {
        self.done.load(Ordering::SeqCst) >= self.fault.at
    }

    fn step(&self, operation: Operation, path: &RepositoryPath) -> Result<(), StoreError> {
        let number = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        let Fault { at, lasting, kind, .. } = self.fault;
        if number == at || (lasting && number > at) {
            return Err(StoreError::new(operation, self.locate(path), io::Error::from(kind)));
        }
        Ok(())
    }
}

impl Store for FaultyStore<'_> {
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        self.step(Operation::List, &folder.path())?;
        self.inner.list(folder)
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        self.step(Operation::List, &Folder::Root.path())?;
        self.inner.walk()
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        self.step(Operation::Read, path)?;
        self.inner.read(path, limit, buffer)
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        for change in stages.iter().copied().flatten() {
            let stepped = self.step(Operation::Write, &change.path);
            if stepped.is_ok() || self.fault.torn {
                self.inner.apply(&[slice::from_ref(change)], &|_| ())?;
            }
            stepped?;
            made(AppliedChange::new(change));
        }
        Ok(())
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        self.step(Operation::Lock, &Folder::Root.path())?;
        self.inner.lock()
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        self.step(Operation::Lock, &Folder::Root.path())?;
        self.inner.lock_shared()
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.inner.locate(path)
    }
}
