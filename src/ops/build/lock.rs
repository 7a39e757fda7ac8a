//! One build at a time.

use std::time::Duration;

use super::error::Error;
use crate::ops::lock::{self, Waited, Wanted};
use crate::ops::observer::Observer;
use crate::repository::Folder;
use crate::store::{Lock, Store};

/// Waits for the lock, and says so; `None` where there is no such thing, which is said too.
pub(super) fn wait(
    store: &dyn Store,
    timeout: Duration,
    observer: &dyn Observer,
) -> Result<Option<Lock>, Error> {
    match lock::wait(store, Wanted::Alone, timeout, observer)? {
        Waited::Held(lock) => Ok(Some(lock)),
        Waited::Unsupported => Ok(None),
        Waited::InVain => {
            Err(Error::Busy { location: store.locate(&Folder::Root.path()), timeout })
        }
    }
}
