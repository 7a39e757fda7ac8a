//! Files of an index, read and kept while they are used.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chunk::RecordFile;
use super::container::{FileId, FileKind, IndexFile};
use super::files::DocsFiles;
use super::term_file::TermFile;
use crate::bounded_cache::BoundedCache;

/// In bytes: how much memory the files take that are kept at least; at most twice as much.
const KEPT: usize = 40 << 20;

/// Reads files, and keeps what they held.
pub(super) struct IndexReader {
    pub files: Arc<dyn DocsFiles>,
    kept: Mutex<BoundedCache<IndexFile, ReadFile>>,
}

/// What a file held.
#[derive(Clone)]
enum ReadFile {
    Terms(Arc<TermFile>),
    Block(Arc<Vec<u8>>),
    Records(Arc<RecordFile>),
}

impl IndexReader {
    pub fn new(files: Arc<dyn DocsFiles>) -> Self {
        Self { files, kept: Mutex::new(BoundedCache::new(KEPT)) }
    }

    /// The terms of a file; `None` if it is damaged, or not there.
    pub fn terms(&self, id: FileId) -> Option<Arc<TermFile>> {
        let file = IndexFile { kind: FileKind::Terms, id };
        if let Some(ReadFile::Terms(terms)) = self.kept().get(&file) {
            return Some(terms);
        }
        let terms = Arc::new(TermFile::decode(self.read(file)?)?);
        self.keep(file, ReadFile::Terms(Arc::clone(&terms)), terms.memory());
        Some(terms)
    }

    /// The bytes of a block of postings.
    pub fn postings(&self, id: FileId) -> Option<Arc<Vec<u8>>> {
        let file = IndexFile { kind: FileKind::Blocks, id };
        if let Some(ReadFile::Block(postings)) = self.kept().get(&file) {
            return Some(postings);
        }
        let raw = Arc::new(self.read(file)?);
        self.keep(file, ReadFile::Block(Arc::clone(&raw)), raw.len());
        Some(raw)
    }

    /// The records of a file.
    pub fn records(&self, id: FileId) -> Option<Arc<RecordFile>> {
        let file = IndexFile { kind: FileKind::Records, id };
        if let Some(ReadFile::Records(records)) = self.kept().get(&file) {
            return Some(records);
        }
        let records = Arc::new(RecordFile::decode(self.read(file)?)?);
        self.keep(file, ReadFile::Records(Arc::clone(&records)), records.memory());
        Some(records)
    }

    /// What a file holds, without keeping it.
    pub fn read(&self, file: IndexFile) -> Option<Vec<u8>> {
        file.decode(&self.files.read(&file.name()).ok()??)
    }

    fn keep(&self, file: IndexFile, kept: ReadFile, weight: usize) {
        let evicted = self.kept().insert(file, kept, weight);
        // Not while others wait.
        drop(evicted);
    }

    fn kept(&self) -> MutexGuard<'_, BoundedCache<IndexFile, ReadFile>> {
        // Each change is one step, so it is valid after a panic too.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
