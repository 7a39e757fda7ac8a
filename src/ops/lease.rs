//! Who of several processes does what is to be done for a bucket from time to time: the one that holds the lease.
//!
//! The lease is a file in the bucket, which is written only over the file that was read. Its holder renews it, and
//! another process takes it over once it was the same for longer than a holder takes to renew it. That is measured by the
//! clock of the process that waits: the clocks of two machines need not agree.

use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::package::UnixSeconds;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Action, Change, Operation, Stamp, Store, StoreError};

/// In bytes: larger than any lease.
const MAX_LEASE: usize = 64 * 1024;

/// What the file says. The names of the fields are those in its JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LeaseFile {
    /// The process that took it last.
    holder: String,
    /// Grows with each renewal, so that no two have the same bytes.
    renewals: u64,
    /// Whether the holder is at work.
    is_held: bool,
    #[serde(flatten)]
    outcome: LeaseOutcome,
}

/// How the work ended the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseOutcome {
    /// When it ended, in seconds since 1970.
    pub ended: Option<i64>,
    /// When it ended well, in seconds since 1970.
    pub succeeded: Option<i64>,
    /// Why it did not end well the last time.
    pub error: Option<String>,
}

/// The lease of a store, as one process sees it.
pub struct Lease<'a> {
    store: &'a dyn Store,
    path: RepositoryPath,
    holder: String,
    /// How long the file stays the same at most while its holder lives.
    duration: Duration,
    /// The file that was seen last, and since when.
    seen: Option<(Stamp, Instant)>,
}

/// The answer to a process that asks for the lease.
#[derive(Debug)]
pub enum Asked {
    /// It holds the lease now, and has to do the work.
    Held(HeldLease),
    /// There is nothing to do for this process.
    Wait {
        /// Whether another process is at work.
        is_at_work: bool,
        /// How the work ended the last time.
        outcome: LeaseOutcome,
        /// When the work is due, in seconds since 1970.
        due: i64,
    },
}

/// A lease that this process holds. It has to be [renewed](Lease::renew) and at last [ended](Lease::end).
#[derive(Debug)]
pub struct HeldLease {
    file: LeaseFile,
    stamp: Stamp,
}

impl HeldLease {
    /// How the work ended the last time.
    #[must_use]
    pub fn outcome(&self) -> &LeaseOutcome {
        &self.file.outcome
    }
}

impl<'a> Lease<'a> {
    /// The lease for mirroring into a store. `duration` has to be the same for all processes.
    #[must_use]
    pub fn of_mirror(store: &'a dyn Store, duration: Duration) -> Self {
        let path = Folder::Mirror.file("lease");
        let holder = (0..16).map(|_| fastrand::alphanumeric()).collect();
        Self { store, path, holder, duration, seen: None }
    }

    /// How often the holder has to renew it.
    #[must_use]
    pub fn renewal(&self) -> Duration {
        self.duration.mul_f64(0.25)
    }

    /// Takes the lease if the work is due: `every` has passed since it ended, and no process that lives is at it.
    ///
    /// # Errors
    /// [`StoreError`] if the lease cannot be read or written, or the store gives no entity tags.
    pub fn ask(&mut self, every: Duration, now: UnixSeconds) -> Result<Asked, StoreError> {
        let (file, stamp) = self.read()?;
        let every = i64::try_from(every.as_secs()).unwrap_or(i64::MAX);
        let due = file.outcome.ended.map_or(now.0, |ended| ended.saturating_add(every));
        let is_at_work = file.is_held && !self.is_abandoned(stamp);
        if is_at_work || (!file.is_held && due > now.0) {
            return Ok(Asked::Wait { is_at_work, outcome: file.outcome, due });
        }
        let renewals = file.renewals.saturating_add(1);
        let outcome = file.outcome.clone();
        let taken = LeaseFile { holder: self.holder.clone(), renewals, is_held: true, ..file };
        match self.write(taken, stamp) {
            Ok(held) => Ok(Asked::Held(held)),
            // Another process was faster.
            Err(error) if error.is_conflict() => Ok(Asked::Wait { is_at_work: true, outcome, due }),
            Err(error) => Err(error),
        }
    }

    /// Tells the other processes that this one still works.
    ///
    /// # Errors
    /// [`StoreError::is_conflict`] if another process has taken the lease over.
    pub fn renew(&self, held: &HeldLease) -> Result<HeldLease, StoreError> {
        let renewals = held.file.renewals.saturating_add(1);
        self.write(LeaseFile { renewals, ..held.file.clone() }, Some(held.stamp))
    }

    /// Ends the work.
    ///
    /// # Errors
    /// As of [`renew`](Self::renew).
    pub fn end(&self, held: HeldLease, outcome: LeaseOutcome) -> Result<(), StoreError> {
        let renewals = held.file.renewals.saturating_add(1);
        let file = LeaseFile { renewals, is_held: false, outcome, ..held.file };
        self.write(file, Some(held.stamp)).map(|_| ())
    }

    /// Whether the file was the same for longer than its holder would leave it.
    fn is_abandoned(&mut self, stamp: Option<Stamp>) -> bool {
        let Some(stamp) = stamp else { return true };
        match self.seen {
            Some((seen, since)) if seen == stamp => since.elapsed() > self.duration,
            _ => {
                self.seen = Some((stamp, Instant::now()));
                false
            }
        }
    }

    fn read(&self) -> Result<(LeaseFile, Option<Stamp>), StoreError> {
        let mut bytes = Vec::new();
        let Some(content) = self.store.read(&self.path, MAX_LEASE, &mut bytes)? else {
            return Ok((LeaseFile::default(), None));
        };
        let stamp = content.stamp.ok_or_else(|| self.without_tags())?;
        // What cannot be read is of another version, or damaged. It is replaced once it is abandoned.
        let unreadable = LeaseFile { is_held: true, ..LeaseFile::default() };
        Ok((serde_json::from_slice(&bytes).unwrap_or(unreadable), Some(stamp)))
    }

    fn write(&self, file: LeaseFile, over: Option<Stamp>) -> Result<HeldLease, StoreError> {
        let failed =
            |error| StoreError::new(Operation::Write, self.store.locate(&self.path), error);
        let bytes = serde_json::to_vec(&file).map_err(|error| failed(io::Error::from(error)))?;
        let action = match over {
            Some(_) => Action::Update(bytes.into()),
            None => Action::Create(bytes.into()),
        };
        let change = Change { over, ..Change::new(self.path.clone(), action) };
        self.store.apply(&[&[change]], &|_| ())?;
        let (read, stamp) = self.read()?;
        match stamp {
            Some(stamp) if read == file => Ok(HeldLease { file, stamp }),
            _ => Err(StoreError::conflict(Operation::Write, self.store.locate(&self.path))),
        }
    }

    fn without_tags(&self) -> StoreError {
        let error = io::Error::other("the store gives it no entity tag");
        StoreError::new(Operation::Read, self.store.locate(&self.path), error)
    }
}
