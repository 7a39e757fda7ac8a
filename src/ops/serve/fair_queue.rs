//! A few places for work that takes long, which are given to peers in turn: a peer that asks for many waits
//! for its own, and each other peer for one of them at most.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::{self, Sender};

/// A client as far as it can be told from another: an IPv4 address, or the 64 bits of an IPv6 address that
/// name a network, in which a client takes any address it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Peer {
    V4(Ipv4Addr),
    V6([u8; 8]),
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                Self::V6(address.octets().first_chunk().copied().unwrap_or_default())
            }
        }
    }
}

/// How many may have a place, or wait for one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub places: usize,
    pub waiting_of_a_peer: usize,
    pub waiting: usize,
}

/// Hands out places.
#[derive(Clone)]
pub(super) struct FairQueue {
    bounds: Bounds,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    taken: usize,
    waiting: HashMap<Peer, VecDeque<Sender<Place>>>,
    /// Those who wait, the next one first.
    turns: VecDeque<Peer>,
}

/// A place, until it is dropped.
pub(super) struct Place {
    queue: Option<FairQueue>,
}

/// Why there is no place, nor room to wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// As many of this peer wait as may.
    OfThisPeer,
    /// As many wait as may.
    AtAll,
}

impl FairQueue {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Arc::default() }
    }

    /// A place, once it is this peer's turn. Dropping the future ends the wait.
    pub async fn take(&self, peer: Peer) -> Result<Place, NoRoom> {
        let turn = {
            let mut state = self.lock();
            // While a place is free, no client waits.
            if state.taken < self.bounds.places {
                state.taken = state.taken.saturating_add(1);
                return Ok(self.place());
            }
            state.wait(peer, self.bounds)?
        };
        // Each place is held by a check, which hands it on when it ends.
        turn.await.map_err(|_| NoRoom::AtAll)
    }

    fn place(&self) -> Place {
        Place { queue: Some(self.clone()) }
    }

    /// Gives a place that is free to whose turn it is.
    fn give_on(&self) {
        let mut state = self.lock();
        while let Some(next) = state.next() {
            match next.send(self.place()) {
                Ok(()) => return,
                // It waits no more. The place is not dropped here, where the state is locked.
                Err(mut place) => place.queue = None,
            }
        }
        state.taken = state.taken.saturating_sub(1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, peer: Peer, bounds: Bounds) -> Result<oneshot::Receiver<Place>, NoRoom> {
        let is_full = |state: &Self| {
            let of_peer = state.waiting.get(&peer).map_or(0, VecDeque::len);
            let all: usize = state.waiting.values().map(VecDeque::len).sum();
            if of_peer >= bounds.waiting_of_a_peer {
                Some(NoRoom::OfThisPeer)
            } else {
                (all >= bounds.waiting).then_some(NoRoom::AtAll)
            }
        };
        if is_full(self).is_some() {
            self.forget_those_who_left();
        }
        if let Some(no_room) = is_full(self) {
            return Err(no_room);
        }
        let (sender, receiver) = oneshot::channel();
        let waiting = self.waiting.entry(peer).or_default();
        if waiting.is_empty() {
            self.turns.push_back(peer);
        }
        waiting.push_back(sender);
        Ok(receiver)
    }

    /// Who waits longest of the peer whose turn it is; its next turn comes after all others'.
    fn next(&mut self) -> Option<Sender<Place>> {
        let peer = self.turns.pop_front()?;
        let waiting = self.waiting.get_mut(&peer)?;
        let next = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&peer);
        } else {
            self.turns.push_back(peer);
        }
        next
    }

    fn forget_those_who_left(&mut self) {
        self.waiting.retain(|_, waiting| {
            waiting.retain(|one| !one.is_closed());
            !waiting.is_empty()
        });
        let Self { waiting, turns, .. } = self;
        turns.retain(|peer| waiting.contains_key(peer));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.give_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const BOUNDS: Bounds = Bounds { places: 2, waiting_of_a_peer: 4, waiting: 6 };

    fn peer(address: &str) -> Peer {
        address.parse::<IpAddr>().unwrap().into()
    }

    type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Place, NoRoom>> + 'a>>;

    fn ask<'a>(queue: &'a FairQueue, of: &str) -> Waiting<'a> {
        let mut waiting: Waiting<'a> = Box::pin(queue.take(peer(of)));
        assert!(poll(&mut waiting).is_none(), "there is a place");
        waiting
    }

    fn poll(waiting: &mut Waiting<'_>) -> Option<Result<Place, NoRoom>> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// A place or a refusal that is there at once.
    fn now(queue: &FairQueue, of: &str) -> Result<Place, NoRoom> {
        poll(&mut (Box::pin(queue.take(peer(of))) as Waiting<'_>)).expect("it waits")
    }

    #[test]
    fn places_go_round_from_peer_to_peer() {
        let queue = FairQueue::new(BOUNDS);
        let mut places = vec![now(&queue, "192.0.2.1").unwrap(), now(&queue, "192.0.2.1").unwrap()];
        let mut of_one: Vec<_> = (0..4).map(|_| ask(&queue, "192.0.2.1")).collect();
        assert_eq!(now(&queue, "192.0.2.1").err(), Some(NoRoom::OfThisPeer));
        let mut of_another = ask(&queue, "192.0.2.2");
        let mut of_a_third = ask(&queue, "2001:db8::1");
        assert_eq!(now(&queue, "192.0.2.3").err(), Some(NoRoom::AtAll));
        // The first in the queue, then one of each other peer, in turn.
        drop(places.pop());
        let first = poll(&mut of_one[0]).unwrap().unwrap();
        assert!(poll(&mut of_another).is_none());
        drop(first);
        let second = poll(&mut of_another).unwrap().unwrap();
        drop(second);
        let third = poll(&mut of_a_third).unwrap().unwrap();
        assert!(poll(&mut of_one[1]).is_none());
        drop(third);
        assert!(poll(&mut of_one[1]).unwrap().is_ok());
    }

    #[test]
    fn all_places_come_back() {
        let queue = FairQueue::new(BOUNDS);
        for round in 0..3 {
            let places = [now(&queue, "192.0.2.1").unwrap(), now(&queue, "192.0.2.1").unwrap()];
            let mut waiting: Vec<_> = (0..3).map(|_| ask(&queue, "192.0.2.1")).collect();
            // One leaves while it waits, and one that was given a place before it knew.
            drop(waiting.remove(1));
            drop(places);
            drop(waiting.remove(1));
            assert!(poll(&mut waiting[0]).unwrap().is_ok(), "{round}");
            drop(waiting);
            assert_eq!(queue.lock().taken, 0, "{round}");
            assert!(queue.lock().waiting.is_empty() && queue.lock().turns.is_empty());
        }
    }

    #[test]
    fn who_left_takes_no_room() {
        let queue = FairQueue::new(BOUNDS);
        let _places = [now(&queue, "192.0.2.1").unwrap(), now(&queue, "192.0.2.1").unwrap()];
        let waiting: Vec<_> = (0..4).map(|_| ask(&queue, "192.0.2.1")).collect();
        assert_eq!(now(&queue, "192.0.2.1").err(), Some(NoRoom::OfThisPeer));
        drop(waiting);
        let _again: Vec<_> = (0..4).map(|_| ask(&queue, "192.0.2.1")).collect();
        assert_eq!(queue.lock().turns.len(), 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer() {
        assert_eq!(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff::9"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
    }
}
