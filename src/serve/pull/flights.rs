//! The requests to upstream that have not ended: one for each file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::repository::RepositoryPath;

/// The requests that have not ended.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<RepositoryPath, FlightReceiver>>);

/// How a request ended.
#[derive(Clone, Debug)]
pub(super) enum Landed {
    /// The store has the file.
    Kept,
    /// The files themselves: the store could not be written.
    NotKept(Arc<Vec<(RepositoryPath, Bytes)>>),
    /// Upstream does not have it.
    Missing,
    Failed,
}

/// How many requests may run or wait at once: a client that asks for made-up names costs no more than these.
const MOST: usize = 1_024;

/// A client that waits for a request.
pub(super) type FlightReceiver = watch::Receiver<Option<Landed>>;

/// A request that has begun, and is to be ended. If it is dropped, as after a panic, it has failed.
pub(super) struct Flight<'a> {
    flights: &'a Flights,
    path: RepositoryPath,
    sender: watch::Sender<Option<Landed>>,
}

impl Flights {
    /// Joins the request for a file, or begins one with `start`, which has to end it. `landed` is called before that,
    /// while no other request can end.
    pub fn join(
        &self,
        path: &RepositoryPath,
        landed: impl FnOnce() -> Option<Landed>,
        start: impl FnOnce(watch::Sender<Option<Landed>>),
    ) -> FlightReceiver {
        let mut flights = self.lock();
        if let Some(running) = flights.get(path) {
            return running.clone();
        }
        if let Some(landed) = landed() {
            return watch::channel(Some(landed)).1;
        }
        if flights.len() >= MOST {
            return watch::channel(Some(Landed::Failed)).1;
        }
        let (sender, receiver) = watch::channel(None);
        flights.insert(path.clone(), receiver.clone());
        drop(flights);
        start(sender);
        receiver
    }

    /// A request that `join` began.
    pub fn flight(
        &self,
        path: RepositoryPath,
        sender: watch::Sender<Option<Landed>>,
    ) -> Flight<'_> {
        Flight { flights: self, path, sender }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RepositoryPath, FlightReceiver>> {
        // Entries are inserted and removed in one step, so it is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight<'_> {
    /// Whether a client still waits.
    pub fn is_awaited(&self) -> bool {
        // One receiver is for those who join.
        self.sender.receiver_count() > 1
    }

    /// Tells the result to those who wait, and to those who join before this is dropped. What is known of the file has
    /// to be noted first.
    pub fn land(&self, landed: Landed) {
        self.sender.send_replace(Some(landed));
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.path);
        self.sender.send_if_modified(|landed| {
            let is_lost = landed.is_none();
            landed.get_or_insert(Landed::Failed);
            is_lost
        });
    }
}

/// Waits until a request ends.
pub(super) async fn landed(mut flight: FlightReceiver) -> Landed {
    let landed = flight.wait_for(Option::is_some).await;
    landed.ok().and_then(|landed| landed.clone()).unwrap_or(Landed::Failed)
}
