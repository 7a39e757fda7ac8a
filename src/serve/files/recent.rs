//! Small files that were sent before, kept in memory.
//!
//! A kept file is sent again while the file at its path has the same [`Stamp`]: one system call in place of five. The
//! stamp names the inode and its last change, so the bytes are those that were opened, examined and sent before. A link
//! may have taken the place of the file meanwhile. It is followed, but to no other file than this one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use bytes::Bytes;

use crate::bounded_cache::BoundedCache;
use crate::repository::{Folder, RepositoryPath};
use crate::serve::files::preconditions::Validators;
use crate::serve::files::source::{FileSource, OpenFile};
use crate::serve::responses::NOSNIFF;
use crate::store::Stamp;

/// In bytes: how much is kept at least, of the files that were sent last; at most twice as much.
const KEPT: usize = 4 << 20;

/// In bytes: what a kept file takes beside its contents.
const OVERHEAD: usize = 1024;

/// The small files of one repository that were sent last.
pub(crate) struct RecentFiles(Mutex<BoundedCache<String, Arc<KeptFile>>>);

/// A small file, and what its response says of it.
pub(crate) struct KeptFile {
    pub bytes: Bytes,
    pub validators: Validators,
    /// The headers of a response with the whole file, but its length.
    pub headers: HeaderMap,
    pub stamp: Stamp,
    path: RepositoryPath,
}

impl RecentFiles {
    pub fn new() -> Self {
        Self(Mutex::new(BoundedCache::new(KEPT)))
    }

    /// The file at a path, if it is kept and has not changed since.
    pub fn get(&self, source: &dyn FileSource, path: &str) -> Option<Arc<KeptFile>> {
        // The folders of a file that was sent before are in the kernel's memory, so this does not wait.
        let kept = self.lock().get(path)?;
        let found = source.stamp_now(&kept.path)?.ok().flatten();
        (found == Some(kept.stamp)).then_some(kept)
    }

    /// Keeps the bytes of a file, unless it may have changed while they were read. `validators` were made before.
    pub fn keep(
        &self,
        path: &str,
        opened: &OpenFile,
        bytes: Bytes,
        validators: Validators,
        mut headers: HeaderMap,
    ) {
        // Where the validators have no time, another change may leave the same stamp.
        if validators.changed.is_none() || !opened.is_unchanged().unwrap_or(false) {
            return;
        }
        let weight = bytes.len().saturating_add(OVERHEAD);
        let (key, stamp, path) = (path.to_owned(), opened.stamp(), Folder::Root.file(path));
        // Each response gets it later, unless it has it.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static(NOSNIFF));
        // The response to HEAD has it.
        headers.remove(CONTENT_LENGTH);
        let kept = KeptFile { bytes, validators, headers, stamp, path };
        self.lock().insert(key, Arc::new(kept), weight);
    }

    fn lock(&self) -> MutexGuard<'_, BoundedCache<String, Arc<KeptFile>>> {
        // Its maps are valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
