//! A build alone, or as many as like that only read.

use std::thread;
use std::time::{Duration, Instant};

use super::observer::{Observer, Warning};
use crate::repository::Folder;
use crate::store::{Lock, LockOutcome, Store, StoreError};

/// How often whoever waits looks again.
const INTERVAL: Duration = Duration::from_millis(50);

/// Who else may work on the directory.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    /// Nobody.
    Alone,
    /// Whoever only reads.
    Shared,
}

/// Another hexreg did not end in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another hexreg holds {location}, and did not end within {} s", .timeout.as_secs())]
pub struct Busy {
    /// The directory.
    pub location: String,
    /// How long it was waited for.
    pub timeout: Duration,
}

/// Waits for the lock, and says so; also where there is none to be had.
///
/// # Errors
/// [`Busy`], or [`StoreError`] where that cannot be told.
pub(crate) fn hold<E: From<Busy> + From<StoreError>>(
    store: &dyn Store,
    wanted: Wanted,
    timeout: Duration,
    observer: &dyn Observer,
) -> Result<Option<Lock>, E> {
    let location = || store.locate(&Folder::Root.path());
    let began = Instant::now();
    let mut told = false;
    loop {
        let locked = match wanted {
            Wanted::Alone => store.lock(),
            Wanted::Shared => store.lock_shared(),
        };
        match locked? {
            LockOutcome::Held(lock) => return Ok(Some(lock)),
            LockOutcome::Unsupported(error) => {
                observer.warn(Warning::NoLock { location: location(), reason: error.to_string() });
                return Ok(None);
            }
            LockOutcome::Busy if began.elapsed() >= timeout => {
                return Err(Busy { location: location(), timeout }.into());
            }
            LockOutcome::Busy if !told => {
                observer.warn(Warning::Waiting { location: location(), timeout });
                told = true;
            }
            LockOutcome::Busy => {}
        }
        thread::sleep(INTERVAL.min(timeout.saturating_sub(began.elapsed())));
    }
}
