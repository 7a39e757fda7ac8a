//! Writes files in batches while others are fetched: flushing one file to the disk takes as long as flushing a
//! hundred.
//!
//! The files of a batch do not depend on each other, so that a batch needs no order: a package's file is given to
//! the writer only after [`write`](BatchWriter::write) has returned for each of its tarballs.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use crate::publish::observer::Warning;
use crate::store::{AppliedChange, Change, DirStore, Store, StoreError};

/// How many files may wait for a batch, for each concurrent request: as many as are fetched while a disk under
/// light load flushes the batch before. A run that is killed loses them.
pub(super) const WAITING: usize = 16;

/// How many KiB all waiting files together may have. A single one may have up to 64 MiB.
const SPACE: u32 = 64 << 10;

/// Writes files on a thread of its own.
pub(super) struct BatchWriter {
    requests: Mutex<Option<Sender<WriteRequest>>>,
    thread: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
    /// In KiB.
    space: Semaphore,
    warnings: Arc<Mutex<Vec<Warning>>>,
}

struct WriteRequest {
    store: DirStore,
    change: Change,
    done: oneshot::Sender<()>,
}

/// The writer stopped at an error, which [`BatchWriter::close`] returns.
#[derive(Debug)]
pub(super) struct WriterStopped;

impl BatchWriter {
    pub fn new() -> Self {
        let (requests, received) = mpsc::channel();
        let warnings = Arc::new(Mutex::default());
        let thread = {
            let warnings = Arc::clone(&warnings);
            thread::spawn(move || write_batches(&received, &warnings))
        };
        let space = Semaphore::new(usize::try_from(SPACE).unwrap_or(usize::MAX));
        let (requests, thread) = (Mutex::new(Some(requests)), Mutex::new(Some(thread)));
        Self { requests, thread, space, warnings }
    }

    /// Waits until there is space for this many bytes, which the permit holds: a fetched file is in memory until
    /// it is written.
    pub async fn space(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let needed = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(SPACE).min(SPACE);
        self.space.acquire_many(needed).await.ok()
    }

    /// Makes a change. It is durable once this returns.
    pub async fn write(&self, store: &DirStore, change: Change) -> Result<(), WriterStopped> {
        let (done, is_done) = oneshot::channel();
        let request = WriteRequest { store: store.clone(), change, done };
        let sent =
            locked(&self.requests).as_ref().is_some_and(|requests| requests.send(request).is_ok());
        if sent && is_done.await.is_ok() { Ok(()) } else { Err(WriterStopped) }
    }

    /// Waits until all changes are made.
    ///
    /// # Errors
    /// The first error. Nothing was written after it.
    pub fn close(&self) -> Result<(), StoreError> {
        *locked(&self.requests) = None;
        let thread = locked(&self.thread).take();
        // If the thread panicked, each `write` that it left open returns an error.
        thread.map_or(Ok(()), |thread| thread.join().unwrap_or(Ok(())))
    }

    /// The warnings since the last call.
    pub fn warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut *locked(&self.warnings))
    }
}

/// Makes the changes that are waiting, all at once, until the writer is closed.
fn write_batches(
    requests: &Receiver<WriteRequest>,
    warnings: &Mutex<Vec<Warning>>,
) -> Result<(), StoreError> {
    while let Ok(first) = requests.recv() {
        let more = requests.try_iter();
        let mut batch: Vec<_> = [first].into_iter().chain(more).collect();
        while let Some(store) = batch.first().map(|request| request.store.clone()) {
            let (of_store, others): (Vec<_>, Vec<_>) =
                batch.into_iter().partition(|request| request.store == store);
            let (changes, done): (Vec<_>, Vec<_>) =
                of_store.into_iter().map(|request| (request.change, request.done)).unzip();
            store.apply(&[&changes], &|made: AppliedChange<'_>| {
                locked(warnings).extend(Warning::of_lost_readers(&store, made));
            })?;
            for done in done {
                // The task that waited may have been dropped.
                let _ = done.send(());
            }
            batch = others;
        }
    }
    Ok(())
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each mutex holds one value, which a panic cannot leave half changed.
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
