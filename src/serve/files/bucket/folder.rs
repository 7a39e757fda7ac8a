//! The part of a cache that is on disk: a folder of this process, whose files have numbers as names.
//!
//! The cache is in order only together with what is in memory, so it ends with the process. The folder of a process that
//! was killed is removed by the next one that has the same cache directory: its lock is free then.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use rustix::io::Errno;

use crate::beneath::{Links, OpenRoot, Root};

/// How the folders of processes begin.
const PREFIX: &str = "serve-";

/// The file in such a folder that is locked as long as its process lives.
const LOCK: &str = "lock";

/// A folder for the files of one process. It is removed when it is dropped.
pub(crate) struct CacheFolder {
    path: PathBuf,
    opener: OpenRoot,
    next: AtomicU64,
    _lock: File,
}

/// A file of a [`CacheFolder`]. It is removed when it is dropped.
pub(crate) struct CacheEntry {
    folder: Arc<CacheFolder>,
    name: String,
}

impl CacheFolder {
    /// Makes a folder in the cache directory, which is created if it is missing, and removes those of processes that have
    /// ended.
    ///
    /// # Errors
    /// A folder or a file cannot be created.
    pub fn create(directory: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        remove_abandoned(directory);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(directory)?;
        let lock = File::create_new(folder.path().join(LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let path = folder.keep();
        let opener = OpenRoot::new(Root::new(&path, Links::Inside));
        Ok(Self { path, opener, next: AtomicU64::new(0), _lock: lock })
    }

    /// Creates a file with room for this many bytes.
    ///
    /// # Errors
    /// The disk is full, for example.
    pub fn create_entry(self: &Arc<Self>, size: u64) -> io::Result<(CacheEntry, File)> {
        let name = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let path = self.path.join(&name);
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match open() {
            // Another program has removed the folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
                open()?
            }
            opened => opened?,
        };
        let entry = CacheEntry { folder: Arc::clone(self), name };
        match fallocate(&file, FallocateFlags::empty(), 0, size) {
            // Some file systems cannot reserve room.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok((entry, file)),
            Err(error) => Err(error.into()),
        }
    }
}

impl CacheFolder {
    /// Removes it from the disk, though others may still have it. What is left is removed by the next process.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Drop for CacheFolder {
    fn drop(&mut self) {
        self.remove();
    }
}

impl CacheEntry {
    /// Opens the file if that does not wait for the disk.
    pub fn open_now(&self) -> Option<io::Result<File>> {
        self.folder.opener.open_cached(self.name.as_ref())
    }

    /// Opens the file.
    ///
    /// # Errors
    /// Another program has removed it.
    pub fn open(&self) -> io::Result<File> {
        File::open(self.folder.path.join(&self.name))
    }
}

impl Drop for CacheEntry {
    fn drop(&mut self) {
        // It goes with its folder otherwise.
        let _ = fs::remove_file(self.folder.path.join(&self.name));
    }
}

/// Removes the folders of processes that have ended. One that cannot be removed stays: the cache works without that.
fn remove_abandoned(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        // A folder without a lock is being created at this moment.
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn files_and_folders_end_with_what_holds_them() {
        let directory = tempfile::TempDir::new().unwrap();
        let cache = directory.path().join("made/here");
        let folder = Arc::new(CacheFolder::create(&cache).unwrap());
        let (entry, mut file) = folder.create_entry(5).unwrap();
        file.write_all(b"12345").unwrap();
        let mut text = String::new();
        entry.open().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "12345");
        let path = folder.path.join(&entry.name);
        drop(entry);
        assert!(!path.exists());
        drop(folder);
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_was_removed_is_created_again() {
        let directory = tempfile::TempDir::new().unwrap();
        let folder = Arc::new(CacheFolder::create(&directory.path().join("cache")).unwrap());
        fs::remove_dir_all(directory.path().join("cache")).unwrap();
        let (entry, mut file) = folder.create_entry(5).unwrap();
        file.write_all(b"12345").unwrap();
        assert_eq!(entry.open().unwrap().metadata().unwrap().len(), 5);
        let (open, _) = (entry.open_now(), entry);
        assert!(open.is_none_or(|file| file.is_ok()));
    }

    #[test]
    fn folders_of_ended_processes_are_removed_and_those_of_others_stay() {
        let directory = tempfile::TempDir::new().unwrap();
        let abandoned = directory.path().join("serve-abandoned");
        fs::create_dir(&abandoned).unwrap();
        fs::write(abandoned.join(LOCK), "").unwrap();
        fs::write(abandoned.join("0"), "bytes").unwrap();
        let foreign = directory.path().join("others");
        fs::create_dir(&foreign).unwrap();
        let first = CacheFolder::create(directory.path()).unwrap();
        assert!(!abandoned.exists() && foreign.exists());
        let second = CacheFolder::create(directory.path()).unwrap();
        assert!(first.path.exists() && second.path.exists());
    }
}
