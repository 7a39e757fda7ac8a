//! Files that were fetched and could not be written, as on a full disk. They are kept in memory for a while, so that not
//! every request for them is one to upstream.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::bounded_cache::BoundedCache;
use crate::repository::RepositoryPath;

/// Files that could not be written, of those that were asked for last. All of them were checked.
pub(super) struct UnkeptFiles(Mutex<BoundedCache<RepositoryPath, UnkeptBytes>>);

#[derive(Clone)]
struct UnkeptBytes {
    bytes: Bytes,
    fresh_until: Option<Instant>,
}

/// In bytes: how much is kept at least; at most twice as much.
const KEPT: usize = 32 << 20;

/// How long neither upstream is asked for a file again nor the store is tried again.
const FRESH_FOR: Duration = Duration::from_secs(60);

impl UnkeptFiles {
    pub fn new() -> Self {
        Self(Mutex::new(BoundedCache::new(KEPT)))
    }

    /// Keeps files that upstream lets caches send for so long; for ever if it is `None`.
    pub fn keep(&self, files: &[(RepositoryPath, Bytes)], max_age: Option<Duration>) {
        let age = max_age.unwrap_or(FRESH_FOR).min(FRESH_FOR);
        for (path, bytes) in files.iter().filter(|(_, bytes)| bytes.len() <= KEPT) {
            // The bytes of a large file hold a part of the memory that all requests to upstream share.
            let (bytes, weight) = (Bytes::copy_from_slice(bytes), bytes.len());
            let file = UnkeptBytes { bytes, fresh_until: Instant::now().checked_add(age) };
            let evicted = self.lock().insert(path.clone(), file, weight);
            drop(evicted);
        }
    }

    /// A file for which upstream need not be asked.
    pub fn fresh(&self, path: &RepositoryPath) -> Option<Bytes> {
        let file = self.lock().get(path)?;
        file.fresh_until.is_some_and(|until| Instant::now() < until).then_some(file.bytes)
    }

    /// A file that may be old, for when upstream does not answer.
    pub fn any(&self, path: &RepositoryPath) -> Option<Bytes> {
        Some(self.lock().get(path)?.bytes)
    }

    /// The store has the file now, or upstream does not.
    pub fn forget(&self, path: &RepositoryPath) {
        self.lock().remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, BoundedCache<RepositoryPath, UnkeptBytes>> {
        // Its maps are valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::Folder;

    fn file(name: &str, size: usize) -> (RepositoryPath, Bytes) {
        (Folder::Tarballs.file(name), vec![7; size].into())
    }

    #[test]
    fn files_are_kept_within_a_size() {
        let unkept = UnkeptFiles::new();
        let files: Vec<_> = (0..20).map(|number| file(&number.to_string(), 10 << 20)).collect();
        for file in &files {
            unkept.keep(std::slice::from_ref(file), None);
        }
        let kept = files.iter().filter(|(path, _)| unkept.any(path).is_some()).count();
        assert!((3..=6).contains(&kept), "{kept} of 10 MiB each");
        assert!(unkept.fresh(&files[19].0).is_some());
        let large = file("large", KEPT + 1);
        unkept.keep(std::slice::from_ref(&large), None);
        assert!(unkept.any(&large.0).is_none());
    }

    #[test]
    fn upstream_says_how_long_a_file_is_fresh() {
        let unkept = UnkeptFiles::new();
        let (old, new) = (file("old", 1), file("new", 1));
        unkept.keep(std::slice::from_ref(&old), Some(Duration::ZERO));
        unkept.keep(std::slice::from_ref(&new), Some(Duration::MAX));
        assert!(unkept.fresh(&old.0).is_none() && unkept.any(&old.0).is_some());
        assert!(unkept.fresh(&new.0).is_some());
        unkept.forget(&new.0);
        assert!(unkept.any(&new.0).is_none());
    }
}
