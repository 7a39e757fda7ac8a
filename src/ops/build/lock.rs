//! One build at a time.

use super::error::Error;
use super::options::Options;
use crate::ops::lock::{self, Waited, Wanted};
use crate::ops::observer::Observer;
use crate::repository::Folder;
use crate::store::{Lock, Locked, Store};

/// A build's turn, until it is dropped.
pub(super) struct Turn {
    /// Whether nobody else can be at work, so that temporary files are nobody's.
    pub is_alone: bool,
    _lock: Option<Lock>,
}

/// Waits for the lock, and says so. Whoever writes nothing need not keep anybody else from it.
pub(super) fn wait(
    store: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Turn, Error> {
    if options.dry_run {
        // Where there is no directory yet, nobody is in it.
        let is_alone = matches!(store.lock_shared(), Ok(Locked::Held(_)) | Err(_));
        return Ok(Turn { is_alone, _lock: None });
    }
    let timeout = options.lock_timeout;
    match lock::wait(store, Wanted::Alone, timeout, observer)? {
        Waited::Held(lock) => Ok(Turn { is_alone: true, _lock: Some(lock) }),
        Waited::Unsupported => Ok(Turn { is_alone: false, _lock: None }),
        Waited::InVain => {
            Err(Error::Busy { location: store.locate(&Folder::Root.path()), timeout })
        }
    }
}
