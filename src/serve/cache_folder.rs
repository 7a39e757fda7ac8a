//! The folder for what is kept of buckets, which all repositories share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::Error;
use super::files::bucket::folder::CacheFolder;

/// The folder for what is kept of buckets. It is made once a bucket needs it.
#[derive(Default)]
pub(super) struct SharedCacheFolder(Mutex<Option<(PathBuf, Arc<CacheFolder>)>>);

impl SharedCacheFolder {
    /// Removes it when the server ends: threads that answer nothing any more may still have it.
    pub fn remove(&self) {
        let made = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((_, folder)) = made {
            folder.remove();
        }
    }

    /// The folder in a cache directory: the former one, as long as the directory is the same.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn in_directory(&self, directory: &Path) -> Result<Arc<CacheFolder>, Error> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, folder)) = made.as_ref().filter(|(other, _)| other == directory) {
            return Ok(Arc::clone(folder));
        }
        let folder = CacheFolder::create(directory);
        let folder =
            folder.map_err(|source| Error::Cache { directory: directory.to_owned(), source })?;
        let folder = Arc::new(folder);
        *made = Some((directory.to_owned(), Arc::clone(&folder)));
        Ok(folder)
    }
}
