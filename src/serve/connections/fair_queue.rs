//! A few places for work that takes long, which are given to peers in turn: a peer that asks for many waits
//! for its own, and each other peer for one of them at most. No peer has all places, so work that takes very long
//! keeps out the peer that asked for it and no other.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::{self, Sender};

/// A client as far as it can be told from another: an IPv4 address, or the 64 bits of an IPv6 address that
/// name a network, in which a client takes any address it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
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
pub(crate) struct Bounds {
    pub places: usize,
    pub places_of_a_peer: usize,
    pub waiting_of_a_peer: usize,
    pub waiting: usize,
}

/// Hands out places.
#[derive(Clone)]
pub(crate) struct FairQueue {
    bounds: Bounds,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    taken: usize,
    /// How many places each peer has, if any.
    taken_by: HashMap<Peer, usize>,
    waiting: HashMap<Peer, VecDeque<Sender<Place>>>,
    /// Those who wait, the next one first.
    turns: VecDeque<Peer>,
}

/// A place, until it is dropped.
pub(crate) struct Place {
    queue: Option<FairQueue>,
    peer: Peer,
}

/// Why there is no place, nor room to wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
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
            // A client that waits while a place is free has as many as a peer may have.
            if state.take(peer, self.bounds) {
                return Ok(self.place(peer));
            }
            state.wait(peer, self.bounds)?
        };
        // Each place is held by work that ends, and then handed on. A client that waits no more without having
        // got one made room for a peer that had fewer in the queue.
        turn.await.map_err(|_| NoRoom::OfThisPeer)
    }

    fn place(&self, peer: Peer) -> Place {
        Place { queue: Some(self.clone()), peer }
    }

    /// Frees a place, and gives the free ones to those whose turn it is.
    fn give_on(&self, peer: Peer) {
        let mut state = self.lock();
        state.free(peer);
        while let Some((peer, next)) = state.next(self.bounds) {
            if let Err(mut place) = next.send(self.place(peer)) {
                // It waits no more. The place is not dropped here, where the state is locked.
                place.queue = None;
                state.free(peer);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a place for this peer, if one is free that it may have.
    fn take(&mut self, peer: Peer, bounds: Bounds) -> bool {
        let may = self.taken < bounds.places && self.may_have_more(peer, bounds);
        if may {
            self.taken = self.taken.saturating_add(1);
            let of_peer = self.taken_by.entry(peer).or_default();
            *of_peer = of_peer.saturating_add(1);
        }
        may
    }

    fn may_have_more(&self, peer: Peer, bounds: Bounds) -> bool {
        self.taken_by.get(&peer).copied().unwrap_or_default() < bounds.places_of_a_peer
    }

    fn free(&mut self, peer: Peer) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(of_peer) = self.taken_by.get_mut(&peer) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                self.taken_by.remove(&peer);
            }
        }
    }

    fn wait(&mut self, peer: Peer, bounds: Bounds) -> Result<oneshot::Receiver<Place>, NoRoom> {
        let is_full = |state: &Self| {
            state.waiting_of(peer) >= bounds.waiting_of_a_peer
                || state.all_waiting() >= bounds.waiting
        };
        if is_full(self) {
            self.forget_those_who_left();
        }
        if self.waiting_of(peer) >= bounds.waiting_of_a_peer {
            return Err(NoRoom::OfThisPeer);
        }
        if self.all_waiting() >= bounds.waiting {
            self.make_room_for(peer)?;
        }
        let (sender, receiver) = oneshot::channel();
        let waiting = self.waiting.entry(peer).or_default();
        if waiting.is_empty() {
            self.turns.push_back(peer);
        }
        waiting.push_back(sender);
        Ok(receiver)
    }

    fn waiting_of(&self, peer: Peer) -> usize {
        self.waiting.get(&peer).map_or(0, VecDeque::len)
    }

    fn all_waiting(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    /// Ends the last wait of the peer that has most, if this peer has fewer.
    fn make_room_for(&mut self, peer: Peer) -> Result<(), NoRoom> {
        let with_one_more = self.waiting_of(peer).saturating_add(1);
        let most = self.waiting.values_mut().max_by_key(|waiting| waiting.len());
        // It has more than one, so it stays in the queue.
        let most = most.filter(|waiting| waiting.len() > with_one_more).ok_or(NoRoom::AtAll)?;
        most.pop_back();
        Ok(())
    }

    /// Takes a place for the first peer in the queue that may have one, and takes its first client out of the
    /// queue. The next turn of that peer comes after all others'.
    fn next(&mut self, bounds: Bounds) -> Option<(Peer, Sender<Place>)> {
        if self.taken >= bounds.places {
            return None;
        }
        let index = self.turns.iter().position(|peer| self.may_have_more(*peer, bounds))?;
        let peer = self.turns.remove(index)?;
        let waiting = self.waiting.get_mut(&peer)?;
        let next = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&peer);
        } else {
            self.turns.push_back(peer);
        }
        self.take(peer, bounds).then_some((peer, next))
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
            queue.give_on(self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// One peer may have all places, to see how they go round.
    const BOUNDS: Bounds =
        Bounds { places: 2, places_of_a_peer: 2, waiting_of_a_peer: 4, waiting: 6 };

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
        // The last of the peer that has four makes room for one of another.
        let mut of_a_fourth = ask(&queue, "192.0.2.3");
        assert_eq!(poll(&mut of_one[3]).unwrap().err(), Some(NoRoom::OfThisPeer));
        of_one.truncate(3);
        let of_a_fifth = ask(&queue, "192.0.2.4");
        of_one.truncate(2);
        // All have as many as it would have.
        assert_eq!(now(&queue, "192.0.2.2").err(), Some(NoRoom::AtAll));
        drop(of_a_fifth);
        // The first in the queue, then one of each other peer, in turn.
        drop(places.pop());
        let first = poll(&mut of_one[0]).unwrap().unwrap();
        assert!(poll(&mut of_another).is_none());
        drop(first);
        let second = poll(&mut of_another).unwrap().unwrap();
        drop(second);
        let third = poll(&mut of_a_third).unwrap().unwrap();
        assert!(poll(&mut of_a_fourth).is_none());
        drop(third);
        let fourth = poll(&mut of_a_fourth).unwrap().unwrap();
        assert!(poll(&mut of_one[1]).is_none());
        drop(fourth);
        assert!(poll(&mut of_one[1]).unwrap().is_ok());
    }

    /// One place is always left for others.
    #[test]
    fn no_peer_has_all_places() {
        let queue = FairQueue::new(Bounds { places_of_a_peer: 1, ..BOUNDS });
        let first = now(&queue, "192.0.2.1").unwrap();
        let mut second = ask(&queue, "192.0.2.1");
        let of_another = now(&queue, "192.0.2.2").unwrap();
        let mut third = ask(&queue, "192.0.2.3");
        drop(of_another);
        // The turn of the first peer came before, but it has its place.
        let third = poll(&mut third).unwrap().unwrap();
        drop(third);
        assert!(poll(&mut second).is_none());
        drop(first);
        drop(poll(&mut second).unwrap().unwrap());
        let state = queue.lock();
        assert!(state.taken == 0 && state.taken_by.is_empty() && state.turns.is_empty());
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
            assert!(queue.lock().taken_by.is_empty(), "{round}");
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
