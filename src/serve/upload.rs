//! The temporary file of an upload.
//!
//! The server locks the file while it needs it. A server that is killed leaves the file, but not the lock, so that a
//! later server can [tell](remove_abandoned) it from the files of servers that run.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use rustix::fs::{FlockOperation, flock};
use tempfile::NamedTempFile;

use crate::regular_file;

/// How the name of the file begins.
const PREFIX: &str = ".hexreg-upload-";

/// How many files are made at most, if servers that start remove them before they are locked.
const ATTEMPTS: usize = 10;

/// A received upload. The file is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Upload(NamedTempFile);

/// The folder for uploads: that of the system for temporary files, or `TMPDIR`.
pub(crate) fn folder() -> PathBuf {
    env::temp_dir()
}

impl Upload {
    /// An empty file.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn create(folder: &Path) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let file = NamedTempFile::with_prefix_in(PREFIX, folder)?;
            // A file system without locks has no files that are removed as abandoned.
            let lock = flock(file.as_file(), FlockOperation::NonBlockingLockExclusive);
            let is_taken = lock.is_err_and(|errno| errno == rustix::io::Errno::WOULDBLOCK);
            if !is_taken && file.as_file().metadata()?.nlink() > 0 {
                return Ok(Self(file));
            }
        }
        Err(io::Error::other("other processes remove the file again and again"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// The disk is full, for example.
    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

/// Removes the files of killed servers from a folder. Returns how many.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn remove_abandoned(folder: &Path) -> io::Result<usize> {
    let mut removed: usize = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        // Files of other users cannot be opened.
        let Ok(file) = regular_file::open_without_link(&entry.path()) else { continue };
        let is_abandoned = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        if is_abandoned && fs::remove_file(entry.path()).is_ok() {
            removed = removed.saturating_add(1);
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn files_of_killed_servers_are_removed_and_no_others() {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut upload = Upload::create(folder.path()).unwrap();
        upload.write_all(b"12").unwrap();
        for name in [".hexreg-upload-abandoned", "another", ".hexreg-upload"] {
            fs::write(path(name), b"1").unwrap();
        }
        std::os::unix::fs::symlink("another", path(".hexreg-upload-link")).unwrap();
        fs::create_dir(path(".hexreg-upload-folder")).unwrap();
        assert_eq!(remove_abandoned(folder.path()).unwrap(), 1);
        assert!(!path(".hexreg-upload-abandoned").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
        assert_eq!(fs::read(upload.path()).unwrap(), b"12");

        let kept = upload.path().to_owned();
        drop(upload);
        assert!(!kept.exists());
        assert_eq!(remove_abandoned(folder.path()).unwrap(), 0);
    }
}
