//! Who of several processes does what is to be done for a bucket from time to time: the one that holds the lease.
//!
//! The lease is a file in the bucket, which is written only over the file that was read. Its holder renews it, and
//! another process takes it over once it was the same for longer than a holder takes to renew it. That is measured by the
//! clock of the process that waits: the clocks of two machines need not agree.
//!
//! The file also says what the work was. A process that is to do other work, because it is configured anew, does it at
//! once, and after that at the same intervals as all others: two processes that are configured differently do not work
//! by turns without a pause.
//!
//! A holder reads the file before each renewal. So it notices that it was taken over, also where the store ignores
//! conditions, and it goes on if only the answer to its last write got lost.

use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::package::UnixSeconds;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Action, Change, Operation, Stamp, Store, StoreError};

/// In bytes: larger than any lease.
const MAX_LEASE: usize = 64 * 1024;

/// How long a file can claim that its holder may be silent: a damaged one must not keep all others away.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// What the file says. The names of the fields are those in its JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LeaseFile {
    /// The process that took it last.
    holder: String,
    /// Grows with each renewal, so that no two have the same bytes.
    renewals: u64,
    /// Whether the holder is at work.
    is_held: bool,
    /// How long the holder may be silent, in milliseconds: other processes may be configured otherwise.
    #[serde(default)]
    silence_ms: u64,
    #[serde(flatten)]
    outcome: LeaseOutcome,
}

/// How the work ended the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaseOutcome {
    /// When it ended, in seconds since 1970.
    pub ended: Option<i64>,
    /// When it ended well, in seconds since 1970.
    pub succeeded: Option<i64>,
    /// Why it did not end well the last time.
    pub error: Option<String>,
    /// What it was: a text that differs where the work does.
    pub work: Option<String>,
}

impl LeaseOutcome {
    /// Whether it did not end well the last time.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.ended.is_some() && self.ended != self.succeeded
    }
}

/// The lease of a store, as one process sees it.
pub struct Lease<'a> {
    store: &'a dyn Store,
    path: RepositoryPath,
    holder: String,
    /// How long the file stays the same at most while its holder lives.
    duration: Duration,
    /// What the work is.
    work: String,
    /// Whether this process has seen that this work was done, or has begun it.
    is_work_known: bool,
    /// The file that was seen last, and since when.
    seen: Option<(Stamp, Instant)>,
}

/// The answer to a process that asks for the lease.
#[derive(Debug)]
pub enum Asked {
    /// It holds the lease now, and has to do the work. It has to [renew](Lease::renew) the lease meanwhile, and at last
    /// [end](Lease::end) it.
    Held(
        /// How the work ended the last time.
        LeaseOutcome,
    ),
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

impl<'a> Lease<'a> {
    /// The lease for mirroring into a store, whose holder is silent for `duration` at most. `work` says what is mirrored;
    /// it is written into the store.
    #[must_use]
    pub fn of_mirror(store: &'a dyn Store, duration: Duration, work: String) -> Self {
        let path = Folder::Mirror.file("lease");
        let holder = (0..16).map(|_| fastrand::alphanumeric()).collect();
        Self { store, path, holder, duration, work, is_work_known: false, seen: None }
    }

    /// How long the holder may be silent.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// How often the holder has to renew it.
    #[must_use]
    pub fn renewal(&self) -> Duration {
        self.duration.mul_f64(0.25)
    }

    /// Whether a process seems to be at work, and how the work ended the last time; `None` if no process has begun it.
    ///
    /// # Errors
    /// [`StoreError`] if the lease cannot be read.
    pub fn look(&self) -> Result<Option<(bool, LeaseOutcome)>, StoreError> {
        let (file, stamp) = self.read()?;
        Ok(stamp.map(|_| (file.is_held, file.outcome)))
    }

    /// Takes the lease if the work is due: `every` has passed since it ended, or the last work was other work, and no
    /// process that lives is at it. The process itself must not be at work.
    ///
    /// # Errors
    /// [`StoreError`] if the lease cannot be read or written, or the store gives no entity tags.
    pub fn ask(&mut self, every: Duration, now: UnixSeconds) -> Result<Asked, StoreError> {
        let (file, stamp) = self.read()?;
        let unchanged = self.unchanged(stamp);
        let silence = Duration::from_millis(file.silence_ms).min(LONGEST).max(self.duration);
        // A lease of this process is one whose end could not be written.
        let is_at_work = file.is_held && file.holder != self.holder && unchanged <= silence;
        self.is_work_known |= file.outcome.work.as_ref() == Some(&self.work);
        let due = due(&file.outcome, every, unchanged, now);
        let due = if self.is_work_known { due } else { now.0 };
        if is_at_work || (!file.is_held && due > now.0) {
            return Ok(Asked::Wait { is_at_work, outcome: file.outcome, due });
        }
        let outcome = file.outcome;
        let taken = LeaseFile {
            holder: self.holder.clone(),
            renewals: file.renewals.saturating_add(1),
            is_held: true,
            silence_ms: u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
            outcome: outcome.clone(),
        };
        match self.write(&taken, stamp) {
            Ok(()) => {
                self.is_work_known = true;
                Ok(Asked::Held(outcome))
            }
            // Another process was faster.
            Err(error) if error.is_conflict() => Ok(Asked::Wait { is_at_work: true, outcome, due }),
            Err(error) => Err(error),
        }
    }

    /// Tells the other processes that this one still works.
    ///
    /// # Errors
    /// [`StoreError::is_conflict`] if another process has taken the lease over.
    pub fn renew(&self) -> Result<(), StoreError> {
        self.write_over_own(|file| file)
    }

    /// Ends the work.
    ///
    /// # Errors
    /// As of [`renew`](Self::renew).
    pub fn end(&self, outcome: LeaseOutcome) -> Result<(), StoreError> {
        self.write_over_own(|file| LeaseFile { is_held: false, outcome, ..file })
    }

    fn write_over_own(
        &self,
        change: impl FnOnce(LeaseFile) -> LeaseFile,
    ) -> Result<(), StoreError> {
        let (file, stamp) = self.read()?;
        if !file.is_held || file.holder != self.holder {
            return Err(self.conflict());
        }
        let renewals = file.renewals.saturating_add(1);
        self.write(&change(LeaseFile { renewals, ..file }), stamp)
    }

    /// How long the file has been the same, as far as this process has seen.
    fn unchanged(&mut self, stamp: Option<Stamp>) -> Duration {
        match (self.seen, stamp) {
            (Some((seen, since)), Some(stamp)) if seen == stamp => since.elapsed(),
            _ => {
                self.seen = stamp.map(|stamp| (stamp, Instant::now()));
                Duration::ZERO
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

    /// Writes the file, and reads it again: a store that ignores conditions may have taken another one after it.
    fn write(&self, file: &LeaseFile, over: Option<Stamp>) -> Result<(), StoreError> {
        let failed =
            |error| StoreError::new(Operation::Write, self.store.locate(&self.path), error);
        let bytes = serde_json::to_vec(file).map_err(|error| failed(io::Error::from(error)))?;
        let action = match over {
            Some(_) => Action::Update(bytes.into()),
            None => Action::Create(bytes.into()),
        };
        let change = Change { over, ..Change::new(self.path.clone(), action) };
        self.store.apply(&[&[change]], &|_| ())?;
        if self.read()?.0 == *file { Ok(()) } else { Err(self.conflict()) }
    }

    fn conflict(&self) -> StoreError {
        StoreError::conflict(Operation::Write, self.store.locate(&self.path))
    }

    fn without_tags(&self) -> StoreError {
        let error = io::Error::other("the store gives it no entity tag");
        StoreError::new(Operation::Read, self.store.locate(&self.path), error)
    }
}

/// When the work is due, in seconds since 1970: at the latest when the lease was the same for `every` by the clock of this
/// process. The clock of the one that wrote it may be ahead by years.
fn due(outcome: &LeaseOutcome, every: Duration, unchanged: Duration, now: UnixSeconds) -> i64 {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let Some(ended) = outcome.ended else { return now.0 };
    let by_own_clock = now.0.saturating_add(seconds(every.saturating_sub(unchanged)));
    ended.saturating_add(seconds(every)).min(by_own_clock)
}

#[cfg(test)]
mod tests;
