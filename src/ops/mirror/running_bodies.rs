//! How much has come of each file that is being fetched.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The files that are being fetched, by their paths.
#[derive(Default)]
pub(super) struct RunningBodies(Mutex<HashMap<String, Arc<AtomicU64>>>);

/// A file that is being fetched, until this is dropped.
pub(super) struct RunningBody<'a> {
    bodies: &'a RunningBodies,
    path: String,
    received: Arc<AtomicU64>,
}

impl RunningBodies {
    /// Begins to count the bytes of a file.
    pub fn begin(&self, path: &str) -> RunningBody<'_> {
        let received = Arc::default();
        self.lock().insert(path.to_owned(), Arc::clone(&received));
        RunningBody { bodies: self, path: path.to_owned(), received }
    }

    /// How many bytes have come of a file, in all attempts. None have of one that is not being fetched.
    pub fn received(&self, path: &str) -> u64 {
        self.lock().get(path).map_or(0, |received| received.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<AtomicU64>>> {
        // Entries are inserted and removed in one step, so it is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunningBody<'_> {
    /// So many bytes came.
    pub fn received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for RunningBody<'_> {
    fn drop(&mut self) {
        let mut bodies = self.bodies.lock();
        // Another request for it may have begun since.
        if bodies.get(&self.path).is_some_and(|one| Arc::ptr_eq(one, &self.received)) {
            bodies.remove(&self.path);
        }
    }
}
