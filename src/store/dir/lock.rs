//! A lock on the directory itself: there is no file that could go stale, and it ends with its process.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::store::{Lock, LockOutcome};

/// How often the directory may turn out to be another one by the time it is locked.
const TRIES: usize = 10;

/// Who else may hold it meanwhile.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    /// Nobody.
    Alone,
    /// Whoever shares it.
    Shared,
}

pub(super) fn take(root: &Path, mode: Mode) -> io::Result<LockOutcome> {
    let operation = match mode {
        Mode::Alone => FlockOperation::NonBlockingLockExclusive,
        Mode::Shared => FlockOperation::NonBlockingLockShared,
    };
    for _ in 0..TRIES {
        let directory = open(root)?;
        match flock(&directory, operation) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(LockOutcome::Busy),
            // NFS wants a file that is open for writing, which a directory never is.
            Err(
                errno @ (Errno::BADF | Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL),
            ) => return Ok(LockOutcome::Unsupported(errno.into())),
            Err(errno) => return Err(errno.into()),
        }
        // Somebody may have put another directory in its place since it was opened; that one is meant.
        let (ours, present) = (directory.metadata()?, root.metadata()?);
        if (ours.dev(), ours.ino()) == (present.dev(), present.ino()) {
            return Ok(LockOutcome::Held(Lock { _held: Some(directory) }));
        }
    }
    Err(io::Error::other("another directory takes its place again and again"))
}

/// A pipe is told from a directory without waiting for whoever might write to it.
fn open(root: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::open(root, flags, rustix::fs::Mode::empty())?.into())
}
