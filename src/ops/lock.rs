//! A build alone, or as many as like that only read.

use std::thread;
use std::time::{Duration, Instant};

use super::observer::{Observer, Warning};
use crate::repository::Folder;
use crate::store::{Lock, Locked, Store, StoreError};

/// How often whoever waits looks again.
const INTERVAL: Duration = Duration::from_millis(50);

/// Who else may work on the directory.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// Nobody.
    Alone,
    /// Whoever only reads.
    Shared,
}

/// What came of waiting for a lock.
pub(super) enum Waited {
    /// It is ours.
    Held(Lock),
    /// There is no such thing here.
    Unsupported,
    /// It was not to be had in time.
    InVain,
}

/// Waits for the lock, and says so; also where there is none.
pub(super) fn wait(
    store: &dyn Store,
    wanted: Wanted,
    timeout: Duration,
    observer: &dyn Observer,
) -> Result<Waited, StoreError> {
    let location = || store.locate(&Folder::Root.path());
    let began = Instant::now();
    let mut told = false;
    loop {
        let locked = match wanted {
            Wanted::Alone => store.lock(),
            Wanted::Shared => store.lock_shared(),
        };
        match locked? {
            Locked::Held(lock) => return Ok(Waited::Held(lock)),
            Locked::Unsupported(error) => {
                observer.warn(Warning::NoLock { location: location(), reason: error.to_string() });
                return Ok(Waited::Unsupported);
            }
            Locked::Busy if began.elapsed() >= timeout => return Ok(Waited::InVain),
            Locked::Busy if !told => {
                observer.warn(Warning::Waiting { location: location(), timeout });
                told = true;
            }
            Locked::Busy => {}
        }
        thread::sleep(INTERVAL.min(timeout.saturating_sub(began.elapsed())));
    }
}
