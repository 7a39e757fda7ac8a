//! One build at a time.

use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;
use crate::ops::observer::{Observer, Warning};
use crate::repository::Folder;
use crate::store::{Lock, Locked, Store};

/// How often whoever waits looks again.
const INTERVAL: Duration = Duration::from_millis(50);

/// Waits for the lock, and says so; `None` where there is no such thing, which is said too.
pub(super) fn wait(
    store: &dyn Store,
    timeout: Duration,
    observer: &dyn Observer,
) -> Result<Option<Lock>, Error> {
    let location = || store.locate(&Folder::Root.path());
    let began = Instant::now();
    let mut told = false;
    loop {
        match store.lock()? {
            Locked::Held(lock) => return Ok(Some(lock)),
            Locked::Unsupported(error) => {
                observer.warn(Warning::NoLock { location: location(), reason: error.to_string() });
                return Ok(None);
            }
            Locked::Busy if began.elapsed() >= timeout => {
                return Err(Error::Busy { location: location(), timeout });
            }
            Locked::Busy if !told => {
                observer.warn(Warning::Waiting { location: location(), timeout });
                told = true;
            }
            Locked::Busy => {}
        }
        thread::sleep(INTERVAL.min(timeout.saturating_sub(began.elapsed())));
    }
}
