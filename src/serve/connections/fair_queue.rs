//! A few permits for long work, handed to peers in turn: a peer that asks for many waits for its own, and each other
//! peer waits for at most one of them. No peer has all permits, so very long work delays only the peer that asked for
//! it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::{self, Sender};

use crate::serve::connections::peer::{Overload, Peer};

/// How many may have a permit, or wait for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    pub permits: usize,
    pub permits_of_peer: usize,
    pub waiting_of_peer: usize,
    pub waiting: usize,
}

/// Hands out permits.
#[derive(Clone)]
pub(crate) struct FairQueue {
    limits: QueueLimits,
    state: Arc<Mutex<QueueState>>,
}

#[derive(Default)]
struct QueueState {
    taken: usize,
    /// How many permits each peer has, if any.
    taken_by: HashMap<Peer, usize>,
    waiting: HashMap<Peer, VecDeque<Sender<QueuePermit>>>,
    /// The peers that wait, the next one first.
    turns: VecDeque<Peer>,
}

/// A permit, returned when it is dropped.
pub(crate) struct QueuePermit {
    queue: Option<FairQueue>,
    peer: Peer,
}

impl FairQueue {
    pub fn new(limits: QueueLimits) -> Self {
        Self { limits, state: Arc::default() }
    }

    /// Waits for a permit until it is the turn of this peer. Dropping the future ends the wait.
    ///
    /// # Errors
    /// The queue is full.
    pub async fn acquire(&self, peer: Peer) -> Result<QueuePermit, Overload> {
        let turn = {
            let mut state = self.lock();
            // If a client waits while a permit is free, its peer has as many as a peer may have.
            if state.take(peer, self.limits) {
                return Ok(self.permit(peer));
            }
            state.wait(peer, self.limits)?
        };
        // Each permit is held by work that ends, and then handed on. The sender is dropped only where this wait made
        // room for a peer with fewer waits.
        turn.await.map_err(|_| Overload::OfPeer)
    }

    fn permit(&self, peer: Peer) -> QueuePermit {
        QueuePermit { queue: Some(self.clone()), peer }
    }

    /// Frees a permit, and hands the free ones to the peers whose turn it is.
    fn release(&self, peer: Peer) {
        let mut state = self.lock();
        state.free(peer);
        while let Some((peer, next)) = state.next(self.limits) {
            if let Err(mut permit) = next.send(self.permit(peer)) {
                // The client waits no more. Dropping the permit as it is would lock the state again: a deadlock.
                permit.queue = None;
                state.free(peer);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // No panic can happen between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    /// Takes a permit for this peer, if one is free that it may have.
    fn take(&mut self, peer: Peer, limits: QueueLimits) -> bool {
        let may = self.taken < limits.permits && self.may_have_more(peer, limits);
        if may {
            self.taken = self.taken.saturating_add(1);
            let of_peer = self.taken_by.entry(peer).or_default();
            *of_peer = of_peer.saturating_add(1);
        }
        may
    }

    fn may_have_more(&self, peer: Peer, limits: QueueLimits) -> bool {
        self.taken_by.get(&peer).copied().unwrap_or_default() < limits.permits_of_peer
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

    fn wait(
        &mut self,
        peer: Peer,
        limits: QueueLimits,
    ) -> Result<oneshot::Receiver<QueuePermit>, Overload> {
        let is_full = |state: &Self| {
            state.waiting_of(peer) >= limits.waiting_of_peer
                || state.all_waiting() >= limits.waiting
        };
        if is_full(self) {
            self.remove_abandoned();
        }
        if self.waiting_of(peer) >= limits.waiting_of_peer {
            return Err(Overload::OfPeer);
        }
        if self.all_waiting() >= limits.waiting {
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

    /// Ends the last wait of the peer with most waits, if this peer has fewer.
    fn make_room_for(&mut self, peer: Peer) -> Result<(), Overload> {
        let with_one_more = self.waiting_of(peer).saturating_add(1);
        let most = self.waiting.values_mut().max_by_key(|waiting| waiting.len());
        // It has more than one wait, so the peer stays in the queue.
        let most =
            most.filter(|waiting| waiting.len() > with_one_more).ok_or(Overload::OfServer)?;
        most.pop_back();
        Ok(())
    }

    /// Takes a permit for the first peer in the queue that may have one, and removes its first wait from the queue. The
    /// next turn of that peer comes after those of all others.
    fn next(&mut self, limits: QueueLimits) -> Option<(Peer, Sender<QueuePermit>)> {
        if self.taken >= limits.permits {
            return None;
        }
        let index = self.turns.iter().position(|peer| self.may_have_more(*peer, limits))?;
        let peer = self.turns.remove(index)?;
        let waiting = self.waiting.get_mut(&peer)?;
        let next = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&peer);
        } else {
            self.turns.push_back(peer);
        }
        self.take(peer, limits).then_some((peer, next))
    }

    fn remove_abandoned(&mut self) {
        self.waiting.retain(|_, waiting| {
            waiting.retain(|one| !one.is_closed());
            !waiting.is_empty()
        });
        let Self { waiting, turns, .. } = self;
        turns.retain(|peer| waiting.contains_key(peer));
    }
}

impl Drop for QueuePermit {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.release(self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::net::IpAddr;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// One peer may have all permits, so that the order of the peers can be seen.
    const LIMITS: QueueLimits =
        QueueLimits { permits: 2, permits_of_peer: 2, waiting_of_peer: 4, waiting: 6 };

    fn peer(address: &str) -> Peer {
        address.parse::<IpAddr>().unwrap().into()
    }

    type Waiting<'a> = Pin<Box<dyn Future<Output = Result<QueuePermit, Overload>> + 'a>>;

    fn ask<'a>(queue: &'a FairQueue, of: &str) -> Waiting<'a> {
        let mut waiting: Waiting<'a> = Box::pin(queue.acquire(peer(of)));
        assert!(poll(&mut waiting).is_none(), "there is a permit");
        waiting
    }

    fn poll(waiting: &mut Waiting<'_>) -> Option<Result<QueuePermit, Overload>> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// A permit or a refusal without a wait.
    fn now(queue: &FairQueue, of: &str) -> Result<QueuePermit, Overload> {
        poll(&mut (Box::pin(queue.acquire(peer(of))) as Waiting<'_>)).expect("it waits")
    }

    #[test]
    fn permits_are_handed_to_peers_in_turn() {
        let queue = FairQueue::new(LIMITS);
        let mut permits =
            vec![now(&queue, "192.0.2.1").unwrap(), now(&queue, "192.0.2.1").unwrap()];
        let mut of_one: Vec<_> = (0..4).map(|_| ask(&queue, "192.0.2.1")).collect();
        assert_eq!(now(&queue, "192.0.2.1").err(), Some(Overload::OfPeer));
        let mut of_another = ask(&queue, "192.0.2.2");
        let mut of_a_third = ask(&queue, "2001:db8::1");
        // The last of the peer that has four makes room for one of another.
        let mut of_a_fourth = ask(&queue, "192.0.2.3");
        assert_eq!(poll(&mut of_one[3]).unwrap().err(), Some(Overload::OfPeer));
        of_one.truncate(3);
        let of_a_fifth = ask(&queue, "192.0.2.4");
        of_one.truncate(2);
        // Each peer has as many waits as this one would have.
        assert_eq!(now(&queue, "192.0.2.2").err(), Some(Overload::OfServer));
        drop(of_a_fifth);
        // The first in the queue, then one of each other peer, in turn.
        drop(permits.pop());
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

    #[test]
    fn no_peer_has_all_permits() {
        let queue = FairQueue::new(QueueLimits { permits_of_peer: 1, ..LIMITS });
        let first = now(&queue, "192.0.2.1").unwrap();
        let mut second = ask(&queue, "192.0.2.1");
        let of_another = now(&queue, "192.0.2.2").unwrap();
        let mut third = ask(&queue, "192.0.2.3");
        drop(of_another);
        // The turn of the first peer came before, but it has its permit.
        let third = poll(&mut third).unwrap().unwrap();
        drop(third);
        assert!(poll(&mut second).is_none());
        drop(first);
        drop(poll(&mut second).unwrap().unwrap());
        let state = queue.lock();
        assert!(state.taken == 0 && state.taken_by.is_empty() && state.turns.is_empty());
    }

    #[test]
    fn all_permits_come_back() {
        let queue = FairQueue::new(LIMITS);
        for round in 0..3 {
            let permits = [now(&queue, "192.0.2.1").unwrap(), now(&queue, "192.0.2.1").unwrap()];
            let mut waiting: Vec<_> = (0..3).map(|_| ask(&queue, "192.0.2.1")).collect();
            // One ends its wait, and one was handed a permit before it was polled.
            drop(waiting.remove(1));
            drop(permits);
            drop(waiting.remove(1));
            assert!(poll(&mut waiting[0]).unwrap().is_ok(), "{round}");
            drop(waiting);
            assert_eq!(queue.lock().taken, 0, "{round}");
            assert!(queue.lock().taken_by.is_empty(), "{round}");
            assert!(queue.lock().waiting.is_empty() && queue.lock().turns.is_empty());
        }
    }

    #[test]
    fn an_abandoned_wait_takes_no_room() {
        let queue = FairQueue::new(LIMITS);
        let _permits = [now(&queue, "192.0.2.1").unwrap(), now(&queue, "192.0.2.1").unwrap()];
        let waiting: Vec<_> = (0..4).map(|_| ask(&queue, "192.0.2.1")).collect();
        assert_eq!(now(&queue, "192.0.2.1").err(), Some(Overload::OfPeer));
        drop(waiting);
        let _again: Vec<_> = (0..4).map(|_| ask(&queue, "192.0.2.1")).collect();
        assert_eq!(queue.lock().turns.len(), 1);
    }
}
