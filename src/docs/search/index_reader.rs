//! Files of an index, read and kept while they are used.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chunk::{self, RecordGroup};
use super::container::{FileId, FileKind, IndexFile};
use super::files::DocsFiles;
use super::term_file::{self, TermEntry};
use crate::bounded_cache::BoundedCache;

/// In bytes: how much memory the files take that are kept at least; at most twice as much.
const KEPT: usize = 12 << 20;

/// Reads files, and keeps what they held.
pub(super) struct IndexReader {
    pub files: Arc<dyn DocsFiles>,
    kept: Mutex<BoundedCache<IndexFile, ReadFile>>,
}

/// What a file held.
#[derive(Clone)]
enum ReadFile {
    Terms(Arc<Vec<TermEntry>>),
    Block(Arc<Vec<u8>>),
    Records(Arc<Vec<RecordGroup>>),
}

impl IndexReader {
    pub fn new(files: Arc<dyn DocsFiles>) -> Self {
        Self { files, kept: Mutex::new(BoundedCache::new(KEPT)) }
    }

    /// The terms of a file; `None` if it is damaged, or not there.
    pub fn terms(&self, id: FileId) -> Option<Arc<Vec<TermEntry>>> {
        let file = IndexFile { kind: FileKind::Terms, id };
        if let Some(ReadFile::Terms(terms)) = self.kept().get(&file) {
            return Some(terms);
        }
        let raw = self.read(file)?;
        let terms = Arc::new(term_file::decode(&raw)?);
        let weight = raw.len().saturating_add(terms.len().saturating_mul(size_of::<TermEntry>()));
        self.keep(file, ReadFile::Terms(Arc::clone(&terms)), weight);
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
    pub fn records(&self, id: FileId) -> Option<Arc<Vec<RecordGroup>>> {
        let file = IndexFile { kind: FileKind::Records, id };
        if let Some(ReadFile::Records(records)) = self.kept().get(&file) {
            return Some(records);
        }
        let raw = self.read(file)?;
        let records = Arc::new(chunk::decode(&raw)?);
        // Five texts each.
        let count = records.iter().fold(0_usize, |sum, one| sum.saturating_add(one.records.len()));
        let weight = raw.len().saturating_add(count.saturating_mul(200));
        self.keep(file, ReadFile::Records(Arc::clone(&records)), weight);
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
