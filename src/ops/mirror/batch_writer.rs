//! How files reach the disk while others are fetched: many at a time, for to flush one takes as long as to
//! flush a hundred.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use crate::publish::observer::Warning;
use crate::store::{AppliedChange, Change, DirStore, Store, StoreError};

/// How many files may wait to be laid down together, for each request that there may be at once: as many
/// as are fetched while a disk that is not too busy flushes what came before. A run that is killed loses
/// them.
pub(super) const WAITING: usize = 16;

/// How many KiB all of those may have, each of which may have 16 MiB.
const SPACE: u32 = 64 << 10;

/// Puts files in place, on a thread of its own.
pub(super) struct BatchWriter {
    orders: Mutex<Option<Sender<WriteRequest>>>,
    thread: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
    /// In KiB.
    space: Semaphore,
    /// What came up while files were put in place.
    warnings: Arc<Mutex<Vec<Warning>>>,
}

struct WriteRequest {
    store: DirStore,
    change: Change,
    done: oneshot::Sender<()>,
}

/// The disk took no more.
#[derive(Debug)]
pub(super) struct WriterStopped;

impl BatchWriter {
    pub fn new() -> Self {
        let (orders, received) = mpsc::channel();
        let warnings = Arc::new(Mutex::default());
        let thread = {
            let warnings = Arc::clone(&warnings);
            thread::spawn(move || work(&received, &warnings))
        };
        let space = Semaphore::new(usize::try_from(SPACE).unwrap_or(usize::MAX));
        let (orders, thread) = (Mutex::new(Some(orders)), Mutex::new(Some(thread)));
        Self { orders, thread, space, warnings }
    }

    /// Waits until there is space for so many bytes, which is taken for as long as what is returned is
    /// kept: what was fetched is in memory until it stands.
    pub async fn space(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let needed = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(SPACE).min(SPACE);
        self.space.acquire_many(needed).await.ok()
    }

    /// Puts a file in place; once this is over, it stands for good.
    pub async fn put(&self, store: &DirStore, change: Change) -> Result<(), WriterStopped> {
        let (done, over) = oneshot::channel();
        let order = WriteRequest { store: store.clone(), change, done };
        let sent = locked(&self.orders).as_ref().is_some_and(|orders| orders.send(order).is_ok());
        if sent && over.await.is_ok() { Ok(()) } else { Err(WriterStopped) }
    }

    /// Waits until all is in place.
    ///
    /// # Errors
    /// What went wrong first; nothing was put in place after it.
    pub fn close(&self) -> Result<(), StoreError> {
        *locked(&self.orders) = None;
        let thread = locked(&self.thread).take();
        // A thread that panicked has told nobody that anything stands.
        thread.map_or(Ok(()), |thread| thread.join().unwrap_or(Ok(())))
    }

    /// What came up since this was asked last.
    pub fn warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut *locked(&self.warnings))
    }
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holds one value, which is whole whoever panicked.
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes what there is, lays it down together and tells of it, until nobody orders any more.
fn work(orders: &Receiver<WriteRequest>, warnings: &Mutex<Vec<Warning>>) -> Result<(), StoreError> {
    while let Ok(first) = orders.recv() {
        let more = orders.try_iter();
        let mut batch: Vec<_> = [first].into_iter().chain(more).collect();
        while let Some(store) = batch.first().map(|order| order.store.clone()) {
            let (mine, others): (Vec<_>, Vec<_>) =
                batch.into_iter().partition(|order| order.store == store);
            let (changes, done): (Vec<_>, Vec<_>) =
                mine.into_iter().map(|order| (order.change, order.done)).unzip();
            store.apply(&[&changes], &|made: AppliedChange<'_>| {
                locked(warnings).extend(Warning::of_lost_readers(&store, made));
            })?;
            for done in done {
                // Whoever ordered it may have gone.
                let _ = done.send(());
            }
            batch = others;
        }
    }
    Ok(())
}
