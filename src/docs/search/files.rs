//! Where the files of an index are.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::regular_file;

/// Where the files of an index are: a folder, a bucket, memory. Names are plain, as in `t-0011aabbccdd.js`.
pub trait DocsFiles: Send + Sync {
    /// The bytes of a file; `None` if it is not there.
    ///
    /// # Errors
    /// It cannot be read, or is larger than any file of an index.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Writes a file, in one step.
    ///
    /// # Errors
    /// It cannot be written.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
}

/// In bytes: the largest file of an index: the manifest of 100,000 documentations.
const MAX_FILE: u64 = 64 << 20;

/// Files in memory.
#[derive(Debug, Default)]
pub struct MemoryFiles(Mutex<HashMap<String, Vec<u8>>>);

impl MemoryFiles {
    /// Removes a file.
    pub fn remove(&self, name: &str) {
        self.files().remove(name);
    }

    /// The names of all files, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.files().keys().cloned().collect();
        names.sort();
        names
    }

    /// How many bytes all files have.
    #[must_use]
    pub fn size(&self) -> usize {
        self.files().values().fold(0, |sum, bytes| sum.saturating_add(bytes.len()))
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
        // Each change is one step, so they are valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DocsFiles for MemoryFiles {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.files().get(name).cloned())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.files().insert(name.to_owned(), bytes.to_owned());
        Ok(())
    }
}

/// Files in a folder.
#[derive(Clone, Debug)]
pub struct DirectoryFiles {
    folder: PathBuf,
}

impl DirectoryFiles {
    /// Files in this folder, which must exist before the first is written.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes a file. A file that is left over takes room, and no search reads it.
    pub fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.folder.join(name));
    }

    /// The names of all files, in no order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten();
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
    }
}

impl DocsFiles for DirectoryFiles {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match regular_file::read(&self.folder.join(name), MAX_FILE) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".").tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.persist(self.folder.join(name))?;
        Ok(())
    }
}
