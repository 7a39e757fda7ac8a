//! A lock on the directory itself: there is no file that could go stale, and it ends with its process.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::store::{Lock, Locked};

/// Who else may hold it meanwhile.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    /// Nobody.
    Alone,
    /// Whoever shares it.
    Shared,
}

#[cfg(unix)]
pub(super) fn take(root: &Path, mode: Mode) -> io::Result<Locked> {
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{FlockOperation, flock};
    use rustix::io::Errno;

    let directory = File::open(root)?;
    let operation = match mode {
        Mode::Alone => FlockOperation::NonBlockingLockExclusive,
        Mode::Shared => FlockOperation::NonBlockingLockShared,
    };
    match flock(&directory, operation) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(Locked::Busy),
        // NFS wants a file that is open for writing, which a directory never is.
        Err(errno @ (Errno::BADF | Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL)) => {
            return Ok(Locked::Unsupported(errno.into()));
        }
        Err(errno) => return Err(errno.into()),
    }
    // Whoever held it may have put another directory in its place.
    let (ours, present) = (directory.metadata()?, root.metadata()?);
    if (ours.dev(), ours.ino()) == (present.dev(), present.ino()) {
        Ok(Locked::Held(Lock { _held: Some(directory) }))
    } else {
        Ok(Locked::Busy)
    }
}

#[cfg(not(unix))]
pub(super) fn take(_root: &Path, _mode: Mode) -> io::Result<Locked> {
    Ok(Locked::Unsupported(io::ErrorKind::Unsupported.into()))
}
