//! The lock on a directory in which a bucket is mirrored. Another server on this machine may have the same cache
//! directory, and a repository of the same name: from what the directory takes over of the bucket until it is pushed,
//! nothing else may change it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::ops::mirror::Cancellation;

/// How often the lock is asked for.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Why a directory is not locked.
#[derive(Debug, thiserror::Error)]
pub(super) enum DirectoryLockError {
    #[error("could not lock {}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{} is in use by another server on this machine: give each a `cache-dir` of its own",
        .directory.display()
    )]
    InUse { directory: PathBuf },
}

/// Locks a directory as long as the file is open. It waits for another server until `timeout`, or a cancellation.
///
/// # Errors
/// [`DirectoryLockError`].
pub(super) fn lock(
    directory: &Path,
    timeout: Duration,
    cancellation: &Cancellation,
) -> Result<File, DirectoryLockError> {
    // No repository has such a character in its name.
    let mut path = directory.as_os_str().to_owned();
    path.push("@lock");
    let path = PathBuf::from(path);
    let failed = |source| DirectoryLockError::Io { path: path.clone(), source };
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(failed)?;
    let began = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {}
            // A file system without locks is none that two servers should share.
            Ok(()) | Err(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS) => return Ok(file),
            Err(errno) => return Err(failed(errno.into())),
        }
        if began.elapsed() >= timeout || !cancellation.pause(ASK_EVERY) {
            return Err(DirectoryLockError::InUse { directory: directory.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_held_by_one_and_waited_for() {
        let folder = tempfile::TempDir::new().unwrap();
        let directory = folder.path().join("acme");
        let never = Cancellation::default();
        let held = lock(&directory, Duration::ZERO, &never).unwrap();
        let refused = lock(&directory, Duration::from_millis(150), &never).unwrap_err();
        assert!(refused.to_string().contains("acme is in use by another server"), "{refused}");
        std::thread::scope(|scope| {
            scope.spawn(|| lock(&directory, Duration::from_secs(60), &never).unwrap());
            std::thread::sleep(Duration::from_millis(150));
            drop(held);
        });
        let _held = lock(&directory, Duration::ZERO, &never).unwrap();
        never.cancel();
        lock(&directory, Duration::from_secs(60), &never).unwrap_err();
    }
}
