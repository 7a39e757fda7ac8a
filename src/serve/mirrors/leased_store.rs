//! A bucket that is written only while its lease is held.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::ops::lease::{Lease, LeaseOutcome};
use crate::ops::mirror::Cancellation;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{
    Action, AppliedChange, Change, Content, EntryKind, ListedFile, LockOutcome, Operation, Stamp,
    Store, StoreError,
};

/// A bucket whose lease this process holds. A process that was stopped for longer than its lease must not write what it
/// planned before: so the lease is renewed before each batch of files, and before each stage. A package's file and the
/// indexes are in stages after the tarballs, so that a process that has lost the lease names none of what it has written.
///
/// A process that is stopped within a batch writes the rest of it when it goes on. Each of these files is created only if
/// there is none, and replaced only if it is the one that was read: what another server has written since stays. At most
/// a batch of tarballs that it has removed meanwhile is there again, and no package names them.
pub(super) struct LeasedStore<'a> {
    store: &'a dyn Store,
    lease: &'a Lease<'a>,
    /// Held during a renewal: two at once would be in conflict with each other.
    renewal: Mutex<()>,
    is_lost: AtomicBool,
    cancellation: &'a Cancellation,
}

/// How many files are written between two renewals.
const BATCH: usize = 64;

impl<'a> LeasedStore<'a> {
    pub fn new(store: &'a dyn Store, lease: &'a Lease<'a>, cancellation: &'a Cancellation) -> Self {
        let (renewal, is_lost) = (Mutex::default(), AtomicBool::new(false));
        Self { store, lease, renewal, is_lost, cancellation }
    }

    /// How often the lease has to be renewed.
    pub fn renewal(&self) -> Duration {
        self.lease.renewal()
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// As of [`Lease::renew`]. After a conflict, the lease [is lost](Self::is_lost).
    pub fn renew(&self) -> Result<(), StoreError> {
        let _one = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        self.noting_loss(self.lease.renew())
    }

    /// Ends the work.
    ///
    /// # Errors
    /// As of [`Lease::end`].
    pub fn end(&self, outcome: LeaseOutcome) -> Result<(), StoreError> {
        let _one = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        self.noting_loss(self.lease.end(outcome))
    }

    /// Whether another process has taken the lease over.
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    fn noting_loss(&self, done: Result<(), StoreError>) -> Result<(), StoreError> {
        if done.as_ref().is_err_and(StoreError::is_conflict) {
            self.is_lost.store(true, Ordering::Relaxed);
        }
        done
    }

    /// Errors that are no conflicts: another attempt would fail too.
    fn refuse_if_over(&self) -> Result<(), StoreError> {
        if self.cancellation.is_cancelled() {
            let location = self.store.locate(&RepositoryPath::public_key());
            let over = io::Error::other("the run was cancelled");
            return Err(StoreError::new(Operation::Write, location, over));
        }
        match self.renew() {
            Err(error) if error.is_conflict() => {
                let lost = io::Error::other("another server has taken over the work on it");
                Err(StoreError::new(Operation::Write, error.location, lost))
            }
            done => done,
        }
    }
}

impl Store for LeasedStore<'_> {
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        self.store.list(folder)
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        self.store.walk()
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        self.store.read(path, limit, buffer)
    }

    fn inspect(&self, path: &RepositoryPath) -> Result<Option<Content>, StoreError> {
        self.store.inspect(path)
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        applied: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        for stage in stages {
            // Removals wait for each other's tombstones.
            let is_removal = |change: &Change| matches!(change.action, Action::Remove);
            let batch = if stage.iter().any(is_removal) { stage.len() } else { BATCH };
            for changes in stage.chunks(batch) {
                self.refuse_if_over()?;
                self.store.apply(&[changes], applied)?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        self.store.lock()
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        self.store.lock_shared()
    }

    fn lock_path(&self) -> Option<PathBuf> {
        self.store.lock_path()
    }

    fn max_size(&self, path: &RepositoryPath) -> Option<u64> {
        self.store.max_size(path)
    }

    fn is_conditional(&self) -> bool {
        self.store.is_conditional()
    }

    fn has_tombstones(&self) -> bool {
        self.store.has_tombstones()
    }

    fn keeps_times(&self) -> bool {
        self.store.keeps_times()
    }

    fn stamp_of(&self, bytes: &[u8]) -> Option<Stamp> {
        self.store.stamp_of(bytes)
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.store.locate(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lease::Asked;
    use crate::package::UnixSeconds;
    use crate::registry::Resource;
    use crate::store::DirStore;

    #[test]
    fn what_has_lost_its_lease_writes_no_further_batch_and_no_further_stage() {
        for files in [10, 3 * BATCH] {
            let directory = tempfile::TempDir::new().unwrap();
            let store = DirStore::new(directory.path());
            let (long, cancellation) = (Duration::from_secs(60), Cancellation::default());
            let mut lease = Lease::of_mirror(&store, long, String::new());
            assert!(matches!(lease.ask(long, UnixSeconds(0)).unwrap(), Asked::Held(_)));
            let leased = LeasedStore::new(&store, &lease, &cancellation);
            let new = |path| Change::new(path, Action::Create(vec![1].into()));
            let tarball = |number| Folder::Tarballs.file(&format!("a-1.0.{number}.tar"));
            let tarballs: Vec<_> = (0..files).map(|number| new(tarball(number))).collect();
            let index = [new(RepositoryPath::resource(&Resource::Names))];
            // It is stopped, and another server has the lease when it goes on.
            let path = directory.path().join(".hexreg-mirror/lease");
            let taken = br#"{"holder":"other","renewals":9,"is_held":true}"#;
            let stopped = |_: AppliedChange<'_>| std::fs::write(&path, taken).unwrap();
            let error = leased.apply(&[&tarballs, &index], &stopped).unwrap_err();
            assert!(!error.is_conflict(), "another attempt would be made");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("another server has taken over"), "{source}");
            assert!(leased.is_lost());
            let written = store.list(Folder::Tarballs).unwrap().unwrap().len();
            assert_eq!(written, files.min(BATCH));
            assert!(!directory.path().join("names").exists());
        }
    }
}
