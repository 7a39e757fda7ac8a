//! What an update writes, and which files are not needed after it.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::docs::search::changes::UpdatedFiles;
use crate::docs::search::container::{FileKind, IndexFile};
use crate::docs::search::index_reader::IndexReader;

/// Writes the files of an update.
pub(super) struct WrittenFiles {
    files: Arc<IndexReader>,
    changed: Mutex<ChangedFiles>,
}

#[derive(Default)]
struct ChangedFiles {
    written: BTreeSet<IndexFile>,
    removed: BTreeSet<IndexFile>,
}

impl WrittenFiles {
    pub fn new(files: Arc<IndexReader>) -> Self {
        Self { files, changed: Mutex::default() }
    }

    /// What a file holds.
    pub fn read(&self, file: IndexFile) -> io::Result<Vec<u8>> {
        self.files.read(file).ok_or_else(|| crate::docs::search::index::damaged(file))
    }

    /// Writes a file that holds these bytes.
    pub fn write(&self, kind: FileKind, raw: &[u8]) -> io::Result<IndexFile> {
        let file = IndexFile::of(kind, raw);
        self.files.files.write(&file.name(), &file.encode(raw))?;
        let mut changed = self.changed();
        changed.removed.remove(&file);
        changed.written.insert(file);
        Ok(file)
    }

    /// A file is not needed any more.
    pub fn remove(&self, file: IndexFile) {
        self.changed().removed.insert(file);
    }

    /// The names of what was written and is needed, and of what is not.
    pub fn finish(&self) -> UpdatedFiles {
        let ChangedFiles { written, removed } = std::mem::take(&mut *self.changed());
        let written = written.difference(&removed).map(|file| file.name()).collect();
        UpdatedFiles { written, removed: removed.into_iter().map(IndexFile::name).collect() }
    }

    fn changed(&self) -> MutexGuard<'_, ChangedFiles> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
