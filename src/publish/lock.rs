//! The lock of a store: one writer alone, or any number of readers.

use std::thread;
use std::time::{Duration, Instant};

use super::observer::{Observer, Warning};
use crate::repository::Folder;
use crate::store::{Lock, LockOutcome, Store, StoreError};

/// The pause between two tries to take the lock.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Which other processes may hold a lock at the same time.
#[derive(Clone, Copy)]
pub(crate) enum LockMode {
    /// None.
    Exclusive,
    /// Those that only read.
    Shared,
}

/// Another hexreg did not release the lock in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another hexreg holds {location}, and did not end within {} s", .timeout.as_secs())]
#[expect(missing_docs, reason = "the message names each field")]
pub struct LockTimeout {
    pub location: String,
    pub timeout: Duration,
}

/// Waits for the lock, with a warning. Where the file system has no locks there is a warning and no lock.
///
/// # Errors
/// [`LockTimeout`], or [`StoreError`] if the store cannot be locked at all.
pub(crate) fn hold<E: From<LockTimeout> + From<StoreError>>(
    store: &dyn Store,
    mode: LockMode,
    timeout: Duration,
    observer: &dyn Observer,
) -> Result<Option<Lock>, E> {
    let location = || store.locate(&Folder::Root.path());
    let began = Instant::now();
    let mut has_warned = false;
    loop {
        let outcome = match mode {
            LockMode::Exclusive => store.lock(),
            LockMode::Shared => store.lock_shared(),
        };
        match outcome? {
            LockOutcome::Held(lock) => return Ok(Some(lock)),
            LockOutcome::Unsupported(error) => {
                observer.warn(Warning::NoLock { location: location(), reason: error.to_string() });
                return Ok(None);
            }
            LockOutcome::Busy if began.elapsed() >= timeout => {
                return Err(LockTimeout { location: location(), timeout }.into());
            }
            LockOutcome::Busy if !has_warned => {
                observer.warn(Warning::Waiting { location: location(), timeout });
                has_warned = true;
            }
            LockOutcome::Busy => {}
        }
        thread::sleep(RETRY_INTERVAL.min(timeout.saturating_sub(began.elapsed())));
    }
}
