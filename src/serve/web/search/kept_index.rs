//! An index that is searched while it is updated.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::index_files::IndexFiles;
use crate::docs::search::{DocsChanges, DocsIndex, MANIFEST, STATE};

/// An index of documentation, of which searches take a snapshot.
pub(super) struct KeptIndex {
    files: Arc<IndexFiles>,
    snapshot: RwLock<Arc<DocsIndex>>,
    /// Held by an update. Files that searches of a former snapshot may still read.
    left: Mutex<Vec<String>>,
}

impl KeptIndex {
    /// The index in these files, without what former updates left there.
    pub fn open(files: IndexFiles) -> Self {
        let files = Arc::new(files);
        let opened = DocsIndex::open(Arc::clone(&files) as _);
        let this = Self { snapshot: RwLock::new(Arc::new(opened)), files, left: Mutex::default() };
        this.tidy();
        this
    }

    /// The index as it is now.
    pub fn snapshot(&self) -> Arc<DocsIndex> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the index. If its files are damaged, it is made empty, and the next pass fills it again.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn update(&self, changes: DocsChanges<'_>) -> io::Result<()> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.snapshot();
        let mut index = DocsIndex::clone(&before);
        let updated = index.update(changes);
        if updated.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidData) {
            self.files.remove(MANIFEST);
            self.publish(DocsIndex::open(Arc::clone(&self.files) as _));
        }
        let updated = updated?;
        self.publish(index);
        let mut unused = std::mem::replace(&mut *left, updated.removed);
        let is_searched = Arc::strong_count(&before) > 1;
        if !is_searched {
            unused.append(&mut left);
        }
        for name in unused {
            if !updated.written.contains(&name) {
                self.files.remove(&name);
            }
        }
        Ok(())
    }

    /// Makes it empty.
    pub fn clear(&self) {
        self.files.remove(MANIFEST);
        self.publish(DocsIndex::open(Arc::clone(&self.files) as _));
        self.tidy();
    }

    fn publish(&self, index: DocsIndex) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(index);
    }

    /// Removes files that the index does not have. One with a damaged file is made empty.
    fn tidy(&self) {
        let Ok(names) = self.snapshot().file_names() else {
            self.files.remove(MANIFEST);
            self.publish(DocsIndex::open(Arc::clone(&self.files) as _));
            return;
        };
        let there: HashSet<String> = self.files.names().into_iter().collect();
        if names.iter().any(|name| name != STATE && !there.contains(name)) {
            // Not even a manifest.
            self.files.remove(MANIFEST);
            self.publish(DocsIndex::open(Arc::clone(&self.files) as _));
        }
        let names: HashSet<String> = names.into_iter().collect();
        for name in there.difference(&names) {
            self.files.remove(name);
        }
    }
}
