//! The places for uploads. Each may take 16 MiB of the folder for temporary files, and time.
//!
//! No address and no user has all places: an address could send with many tokens, and a token from many addresses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::UserName;
use crate::serve::connections::fair_queue::{FairQueue, QueueLimits, QueuePermit};

/// How many uploads of a user there are at once.
const OF_USER: usize = 32;

/// How many uploads there are at once, and how many wait.
const LIMITS: QueueLimits =
    QueueLimits { permits: 128, permits_of_peer: 32, waiting_of_peer: 256, waiting: 1024 };

/// The places for uploads.
pub(super) struct UploadPlaces {
    places: FairQueue,
    /// The users that have places, or wait for one.
    users: Mutex<HashMap<UserName, Arc<Semaphore>>>,
}

/// The place of an upload, given back when this is dropped.
pub(super) struct UploadPlace {
    _of_user: OwnedSemaphorePermit,
    _place: QueuePermit,
}

impl UploadPlaces {
    pub fn new() -> Self {
        Self { places: FairQueue::new(LIMITS), users: Mutex::default() }
    }

    /// Waits for a place. Dropping the future ends the wait. `None` if too many wait.
    pub async fn acquire(&self, client: IpAddr, user: &UserName) -> Option<UploadPlace> {
        // First, so that a user without a place keeps none from others.
        let of_user = self.of_user(user).acquire_owned().await.ok()?;
        let place = self.places.acquire(client.into()).await.ok()?;
        Some(UploadPlace { _of_user: of_user, _place: place })
    }

    fn of_user(&self, user: &UserName) -> Arc<Semaphore> {
        // The map is valid after a panic too.
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = users.get(user) {
            return Arc::clone(places);
        }
        // Each permit, and each wait for one, holds a reference.
        users.retain(|_, places| Arc::strong_count(places) > 1);
        let places = Arc::new(Semaphore::new(OF_USER));
        users.insert(user.clone(), Arc::clone(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn acquire(places: &UploadPlaces, address: u8, user: &str) -> Option<UploadPlace> {
        let user = user.parse().unwrap();
        let waiting = pin!(places.acquire(IpAddr::from([192, 0, 2, address]), &user));
        match waiting.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => Some(place.expect("few wait")),
            Poll::Pending => None,
        }
    }

    #[test]
    fn no_user_has_all_places() {
        let places = UploadPlaces::new();
        let held: Vec<_> = (1..=100).filter_map(|one| acquire(&places, one, "ci")).collect();
        assert_eq!(held.len(), OF_USER);
        let other = acquire(&places, 1, "ann").expect("ann has none yet");
        drop(held);
        assert!(acquire(&places, 1, "ci").is_some());
        drop(other);
        // Users without a place are forgotten.
        let _bob = acquire(&places, 1, "bob");
        assert_eq!(places.users.lock().unwrap().len(), 1);
    }

    #[test]
    fn no_address_has_all_places() {
        let places = UploadPlaces::new();
        let users: Vec<String> = (0..100).map(|number| format!("user{number}")).collect();
        let held: Vec<_> = users.iter().filter_map(|user| acquire(&places, 1, user)).collect();
        assert_eq!(held.len(), LIMITS.permits_of_peer);
        assert!(acquire(&places, 2, "user99").is_some());
    }
}
