//! One build at a time.

use super::error::Error;
use super::options::Options;
use crate::publish::lock::{self, Wanted};
use crate::publish::observer::Observer;
use crate::store::{Lock, LockOutcome, Store};

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
        let is_alone = matches!(store.lock_shared(), Ok(LockOutcome::Held(_)) | Err(_));
        return Ok(Turn { is_alone, _lock: None });
    }
    let lock = lock::hold::<Error>(store, Wanted::Alone, options.lock_timeout, observer)?;
    Ok(Turn { is_alone: lock.is_some(), _lock: lock })
}
