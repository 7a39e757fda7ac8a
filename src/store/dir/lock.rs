//! A lock on the directory itself: no lock file can go stale, and the lock ends with its process.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::store::lock::{Lock, LockOutcome};

/// How often another directory may take the place of the one that was opened, before it is locked.
const ATTEMPTS: usize = 10;

/// Whether other processes may hold the lock at the same time.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    Exclusive,
    Shared,
}

pub(super) fn take(root: &Path, mode: Mode) -> io::Result<LockOutcome> {
    let operation = match mode {
        Mode::Exclusive => FlockOperation::NonBlockingLockExclusive,
        Mode::Shared => FlockOperation::NonBlockingLockShared,
    };
    for _ in 0..ATTEMPTS {
        let directory = open(root)?;
        match flock(&directory, operation) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(LockOutcome::Busy),
            // NFS locks only files that are open for writing, which a directory never is.
            Err(
                errno @ (Errno::BADF | Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL),
            ) => return Ok(LockOutcome::Unsupported(errno.into())),
            Err(errno) => return Err(errno.into()),
        }
        // Another directory may have taken its place since it was opened. The user means that one.
        let (ours, present) = (directory.metadata()?, root.metadata()?);
        if (ours.dev(), ours.ino()) == (present.dev(), present.ino()) {
            return Ok(LockOutcome::Held(Lock::of_file(directory)));
        }
    }
    Err(io::Error::other("another directory takes its place again and again"))
}

/// Opens a directory. If a pipe took its place, it does not wait for the pipe's writer.
fn open(root: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::open(root, flags, rustix::fs::Mode::empty())?.into())
}
