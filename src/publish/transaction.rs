//! The one writer. A transaction takes the lock of a store, or relies on conditional writes where there is none; lets an
//! [`Publication`] make a plan of what is published now; applies the plan; checks that it still holds; and begins again
//! if another writer was faster.
//!
//! What depends on the kind of store is decided here. Publications ask their [`Attempt`].

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::lock::{self, LockMode, LockTimeout};
use super::observer::{Observer, Warning, Work};
use super::plan::Plan;
use super::retry::{self, Contended};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{
    AppliedChange, Change, Changed, Lock, LockOutcome, Operation, Store, StoreError,
};

/// A change to what is published: a function from a snapshot of it to a [`Plan`].
pub(crate) trait Publication {
    /// What is known of a plan besides its changes.
    type Planned;
    type Error: Contended + From<StoreError>;

    /// The work whose progress the applied changes are, if any.
    const PROGRESS: Option<Work> = None;

    /// Plans the change on what is published now. It is called again for each attempt.
    fn plan(&self, attempt: &Attempt<'_>) -> Result<(Plan, Self::Planned), Self::Error>;

    /// Fails with a conflict if the applied plan no longer holds: each file was written only over what was read, but
    /// not all of them at one time. It is called where no lock keeps other writers out, if anything was changed.
    fn confirm(
        &self,
        attempt: &Attempt<'_>,
        plan: &Plan,
        planned: &Self::Planned,
    ) -> Result<(), Self::Error>;

    /// Saves what the next run can use. It is called after [`confirm`](Self::confirm), unless nothing
    /// is to be written.
    fn finish(
        &self,
        _store: &dyn Store,
        _plan: &Plan,
        _planned: &mut Self::Planned,
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// The changes that were made, in order.
pub(crate) type ChangeLog = Vec<(RepositoryPath, Changed)>;

/// A store that is open for a change, and locked if it can be.
pub(crate) struct Transaction<'a> {
    store: &'a dyn Store,
    lock_timeout: Duration,
    dry_run: bool,
    observer: &'a dyn Observer,
    has_lock: bool,
    _locks: Vec<Lock>,
}

impl<'a> Transaction<'a> {
    /// Waits for the lock of `store`, and for a shared lock of `source`, which is read meanwhile. A dry run does not
    /// lock `store`: it keeps no other process waiting.
    pub fn begin<E: From<LockTimeout> + From<StoreError>>(
        store: &'a dyn Store,
        source: Option<&dyn Store>,
        lock_timeout: Duration,
        dry_run: bool,
        observer: &'a dyn Observer,
    ) -> Result<Self, E> {
        let exclusive = (!dry_run).then_some((store, LockMode::Exclusive));
        let shared = source.map(|source| (source, LockMode::Shared));
        let mut wanted: Vec<_> = shared.into_iter().chain(exclusive).collect();
        // All processes lock in one order. Else two that push in opposite directions would wait for each other.
        wanted.sort_by_key(|(store, _)| store.lock_path());
        let (mut locks, mut has_lock) = (Vec::new(), false);
        for (store, mode) in wanted {
            let lock = lock::hold::<E>(store, mode, lock_timeout, observer)?;
            has_lock |= lock.is_some() && matches!(mode, LockMode::Exclusive);
            locks.extend(lock);
        }
        Ok(Self { store, lock_timeout, dry_run, observer, has_lock, _locks: locks })
    }

    /// Makes the change. Returns what is known of the last plan, and the changes of all attempts.
    pub fn run<P: Publication>(
        &self,
        publication: &P,
    ) -> Result<(P::Planned, ChangeLog), P::Error> {
        let log = Mutex::new(ChangeLog::new());
        let may_succeed_later = |error: &P::Error, number: usize| {
            let is_young = self.store.is_conditional() && number < retry::ATTEMPTS_UNTIL_ABANDONED;
            error.is_conflict() || (is_young && error.may_be_unfinished())
        };
        let planned =
            retry::on_conflict(self.lock_timeout, self.observer, may_succeed_later, |number| {
                let attempt = Attempt { transaction: self, number, log: &log };
                let (plan, mut planned) = publication.plan(&attempt)?;
                if self.dry_run {
                    plan.changes.iter().for_each(|change| self.record::<P>(change, &log));
                    return Ok(planned);
                }
                let done = self.apply::<P>(&plan, &log).map_err(P::Error::from);
                let done = done.and_then(|()| {
                    if self.store.is_conditional() && !plan.changes.is_empty() {
                        publication.confirm(&attempt, &plan, &planned)?;
                    }
                    publication.finish(self.store, &plan, &mut planned)
                });
                done.map_err(Contended::after_writing)?;
                Ok(planned)
            })?;
        Ok((planned, log.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    fn apply<P: Publication>(&self, plan: &Plan, log: &Mutex<ChangeLog>) -> Result<(), StoreError> {
        if let Some(work) = P::PROGRESS {
            self.observer.began(work, plan.changes.len());
        }
        plan.apply(self.store, &|applied: AppliedChange<'_>| {
            self.record::<P>(applied.change, log);
            if let Some(warning) = Warning::of_lost_readers(self.store, applied) {
                self.observer.warn(warning);
            }
        })
    }

    fn record<P: Publication>(&self, change: &Change, log: &Mutex<ChangeLog>) {
        if P::PROGRESS.is_some() {
            self.observer.progressed(1, 0);
        }
        if let Some(changed) = change.changed() {
            self.observer.changed(&change.path, changed);
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push((change.path.clone(), changed));
        }
    }
}

/// One attempt at a publication, and what its plan can rely on.
pub(crate) struct Attempt<'a> {
    transaction: &'a Transaction<'a>,
    number: usize,
    /// The changes that were made so far, by this attempt and earlier ones.
    log: &'a Mutex<ChangeLog>,
}

impl<'a> Attempt<'a> {
    pub fn store(&self) -> &'a dyn Store {
        self.transaction.store
    }

    pub fn observer(&self) -> &'a dyn Observer {
        self.transaction.observer
    }

    pub fn is_dry_run(&self) -> bool {
        self.transaction.dry_run
    }

    pub fn is_first(&self) -> bool {
        self.number == 0
    }

    /// Whether an unfinished change of another writer may still be going on, and not be abandoned.
    pub fn is_young(&self) -> bool {
        self.has_concurrent_writers() && self.number < retry::ATTEMPTS_UNTIL_ABANDONED
    }

    /// Whether this attempt or an earlier one has written or removed a file.
    pub fn has_changed(&self, path: &RepositoryPath) -> bool {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().any(|(changed, _)| changed == path)
    }

    /// Whether other writers may be at work, as no lock keeps them out. Then each file is written only if it still is
    /// the one that was read.
    pub fn has_concurrent_writers(&self) -> bool {
        self.store().is_conditional()
    }

    /// Whether a file can be planned as new without a look at whether there is one: the store does not write over it,
    /// and the next attempt looks.
    pub fn can_create_unseen(&self) -> bool {
        self.has_concurrent_writers() && self.is_first() && !self.is_dry_run()
    }

    /// Whether every file of the store may be read. In a bucket each would be a request.
    pub fn can_read_all(&self) -> bool {
        !self.has_concurrent_writers()
    }

    /// Whether no other writer can be at work, so that temporary files were left by one that was killed.
    pub fn is_alone(&self) -> bool {
        if self.is_dry_run() {
            // A directory that does not exist cannot be locked, and no writer is in it.
            return matches!(self.store().lock_shared(), Ok(LockOutcome::Held(_)) | Err(_));
        }
        self.transaction.has_lock
    }

    /// The conflict that it is if a file changed since it was listed; `None` where a lock should have prevented it.
    pub fn conflict_at(&self, path: &RepositoryPath) -> Option<StoreError> {
        self.has_concurrent_writers().then(|| self.conflict(Operation::Read, path))
    }

    /// The conflict that it is if another writer changed or removed what this one wrote.
    pub fn undone(&self, path: &RepositoryPath) -> StoreError {
        self.conflict(Operation::Confirm, path)
    }

    fn conflict(&self, operation: Operation, path: &RepositoryPath) -> StoreError {
        StoreError::conflict(operation, self.store().locate(path))
    }
}

/// Whether the directory of a store is missing. Callers fail if it is: taking the lock would create a mistyped
/// directory. A bucket has no directories.
pub(crate) fn directory_is_missing(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(!store.is_conditional() && store.list(Folder::Root)?.is_none())
}
