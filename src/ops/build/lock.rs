//! One build at a time.

use std::time::Duration;

use super::error::Error;
use crate::ops::lock::{self, Wanted};
use crate::ops::observer::Observer;
use crate::repository::Folder;
use crate::store::{Lock, Store};

/// Waits for the lock, and says so.
pub(super) fn wait(
    store: &dyn Store,
    timeout: Duration,
    observer: &dyn Observer,
) -> Result<Lock, Error> {
    let lock = lock::wait(store, Wanted::Alone, timeout, observer)?;
    lock.ok_or_else(|| Error::Busy { location: store.locate(&Folder::Root.path()), timeout })
}
