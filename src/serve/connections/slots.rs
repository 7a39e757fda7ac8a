//! A bounded number of connections, of which one client has a quarter at most. Where there is no seat for a
//! newcomer, the connection that is idle the longest is closed for it: of the newcomer's own address where that
//! has all that it may have, of all where the house is full. Where none is idle, it is the one whose client lags
//! the furthest behind the least rate at which answers have to be taken.
//!
//! Knows no sockets: a connection tells what it does ([`Activity`]), and is told to close.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::serve::connections::activity::{Activity, Clock, Order, Rank};
use crate::serve::connections::fair_queue::{NoRoom, Peer};

/// For how many microseconds no search is repeated that found none to close: each looks at all connections.
const FRUITLESS: u64 = 5_000;

/// How often a connection that waits for a seat looks for one that can be closed, beside each time that one ends.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// All seats of a house.
pub(crate) struct Seats {
    clock: Clock,
    all: usize,
    of_peer: usize,
    state: Mutex<State>,
    /// A seat was given back.
    freed: Notify,
}

#[derive(Default)]
struct State {
    last_id: u64,
    taken: HashMap<u64, Taken>,
    /// By address; a proxy that is trusted stands for many, and has no entry.
    peers: HashMap<Peer, OfPeer>,
    queue: Queue,
}

struct Taken {
    peer: Option<Peer>,
    activity: Arc<Activity>,
}

#[derive(Default)]
struct OfPeer {
    ids: HashSet<u64>,
    queue: Queue,
}

/// Those that may be closed, as they were when it was made. Who is idle since and still is comes before all that
/// have become idle later, so the order stays right until the queue is empty.
#[derive(Default)]
struct Queue {
    next: VecDeque<(Rank, u64)>,
    fruitless_until: u64,
}

/// A seat, until it is dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    id: u64,
}

impl Seats {
    /// So many at once, of which one address has a quarter.
    pub fn new(all: usize, clock: Clock) -> Self {
        let of_peer = all.div_ceil(4).max(1);
        Self { clock, all, of_peer, state: Mutex::default(), freed: Notify::new() }
    }

    /// How many one address has at most.
    pub fn of_peer(&self) -> usize {
        self.of_peer
    }

    /// A seat for a connection, and the rank of the one that was closed for it. `peer` is none for a proxy.
    ///
    /// # Errors
    /// Why there is none: of those that would have to make room, none is idle or lags.
    pub fn take(
        self: &Arc<Self>,
        peer: Option<Peer>,
        activity: &Arc<Activity>,
    ) -> Result<(Seat, Option<Rank>), NoRoom> {
        let now = self.clock.now();
        let mut state = self.lock();
        let has_all = peer
            .and_then(|peer| state.peers.get(&peer))
            .is_some_and(|of_peer| of_peer.ids.len() >= self.of_peer);
        let closed = if has_all {
            Some(state.close_one_of(peer, now).ok_or(NoRoom::OfThisPeer)?)
        } else if state.taken.len() >= self.all {
            Some(state.close_one(now).ok_or(NoRoom::AtAll)?)
        } else {
            None
        };
        let id = state.add(peer, Arc::clone(activity));
        Ok((Seat { seats: Arc::clone(self), id }, closed))
    }

    /// A seat as soon as there is one.
    ///
    /// # Errors
    /// Why there was none for so long.
    pub async fn wait(
        self: &Arc<Self>,
        peer: Option<Peer>,
        activity: &Arc<Activity>,
        patience: Duration,
    ) -> Result<(Seat, Option<Rank>), NoRoom> {
        let mut why = NoRoom::AtAll;
        let found = tokio::time::timeout(patience, async {
            loop {
                let freed = self.freed.notified();
                match self.take(peer, activity) {
                    Ok(found) => return found,
                    Err(no_room) => why = no_room,
                }
                let _ = tokio::time::timeout(LOOK_AGAIN, freed).await;
            }
        });
        found.await.map_err(|_| why)
    }

    /// Closes the one that is idle the longest, so that the system has a descriptor to spare.
    pub fn close_one(&self) -> Option<Rank> {
        let now = self.clock.now();
        self.lock().close_one(now)
    }

    /// Tells every connection to end.
    pub fn tell_all(&self, order: Order) {
        for taken in self.lock().taken.values() {
            taken.activity.tell(order);
        }
    }

    /// Waits until no seat is taken.
    pub async fn are_empty(&self) {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // From now on, whatever is given back is noticed.
            freed.as_mut().enable();
            if self.lock().taken.is_empty() {
                return;
            }
            freed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, peer: Option<Peer>, activity: Arc<Activity>) -> u64 {
        self.last_id = self.last_id.wrapping_add(1);
        let id = self.last_id;
        self.taken.insert(id, Taken { peer, activity });
        if let Some(peer) = peer {
            self.peers.entry(peer).or_default().ids.insert(id);
        }
        id
    }

    fn remove(&mut self, id: u64) -> Option<Taken> {
        let taken = self.taken.remove(&id)?;
        if let Some(peer) = taken.peer {
            if let Some(of_peer) = self.peers.get_mut(&peer) {
                of_peer.ids.remove(&id);
                if of_peer.ids.is_empty() {
                    self.peers.remove(&peer);
                }
            }
        }
        Some(taken)
    }

    fn close_one_of(&mut self, peer: Option<Peer>, now: u64) -> Option<Rank> {
        let OfPeer { ids, queue } = self.peers.get_mut(&peer?)?;
        let (rank, id) = queue.next(&self.taken, ids.iter().copied(), now)?;
        self.close(id);
        Some(rank)
    }

    fn close_one(&mut self, now: u64) -> Option<Rank> {
        let (rank, id) = self.queue.next(&self.taken, self.taken.keys().copied(), now)?;
        self.close(id);
        Some(rank)
    }

    /// The seat is free at once, though the connection may take a moment to end.
    fn close(&mut self, id: u64) {
        if let Some(taken) = self.remove(id) {
            taken.activity.tell(Order::Close);
        }
    }
}

impl Queue {
    fn next(
        &mut self,
        taken: &HashMap<u64, Taken>,
        ids: impl Iterator<Item = u64>,
        now: u64,
    ) -> Option<(Rank, u64)> {
        let rank = |id: u64| taken.get(&id).and_then(|taken| taken.activity.rank(now));
        while let Some((was, id)) = self.next.pop_front() {
            // One that lags gives way only where none is idle, of those too that are not in the queue.
            if rank(id) == Some(was) && matches!(was, Rank::Idle(_)) {
                return Some((was, id));
            }
        }
        if now < self.fruitless_until {
            return None;
        }
        let mut next: Vec<_> = ids.filter_map(|id| Some((rank(id)?, id))).collect();
        next.sort_unstable();
        self.next = next.into();
        let found = self.next.pop_front();
        if found.is_none() {
            self.fruitless_until = now.saturating_add(FRUITLESS);
        }
        found
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().remove(self.id);
        self.seats.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::thread::sleep;

    use super::*;

    struct House {
        clock: Clock,
        seats: Arc<Seats>,
    }

    struct Connection {
        activity: Arc<Activity>,
        _seat: Seat,
    }

    impl House {
        fn new(all: usize) -> Self {
            let clock = Clock::start();
            Self { clock, seats: Arc::new(Seats::new(all, clock)) }
        }

        fn enter(&self, address: &str) -> Result<(Connection, Option<Rank>), NoRoom> {
            let peer = address.parse::<IpAddr>().ok().map(Peer::from);
            let activity = Arc::new(Activity::new(self.clock));
            // Two that begin in one microsecond would be as good as each other.
            sleep(Duration::from_micros(10));
            let (seat, closed) = self.seats.take(peer, &activity)?;
            Ok((Connection { activity, _seat: seat }, closed))
        }

        fn enter_at_once(&self, address: &str) -> Connection {
            let (connection, closed) = self.enter(address).unwrap();
            assert_eq!(closed, None);
            connection
        }
    }

    fn is_closed(connection: &Connection) -> bool {
        let mut order = std::pin::pin!(connection.activity.order());
        let waker = std::task::Waker::noop();
        let polled = order.as_mut().poll(&mut std::task::Context::from_waker(waker));
        polled == std::task::Poll::Ready(Order::Close)
    }

    #[test]
    fn a_full_house_closes_the_one_that_is_idle_the_longest() {
        let house = House::new(4);
        let of: Vec<_> = (1..5).map(|n| house.enter_at_once(&format!("192.0.2.{n}"))).collect();
        // The first is at work, and the second was: it is idle only since then.
        of[0].activity.asked();
        of[1].activity.asked();
        of[1].activity.answered();
        of[1].activity.flushed();
        let (fifth, closed) = house.enter("192.0.2.5").unwrap();
        assert!(matches!(closed, Some(Rank::Idle(_))));
        assert_eq!(of.iter().map(is_closed).collect::<Vec<_>>(), [false, false, true, false]);
        // In the order in which they became idle, and no other connection.
        let (sixth, _) = house.enter("192.0.2.6").unwrap();
        assert!(is_closed(&of[3]));
        let (_seventh, _) = house.enter("192.0.2.7").unwrap();
        assert!(is_closed(&of[1]) && !is_closed(&fifth) && !is_closed(&sixth));
    }

    #[test]
    fn an_address_has_a_quarter_and_a_newcomer_of_it_closes_its_own() {
        let house = House::new(16);
        let other = house.enter_at_once("192.0.2.2");
        let own: Vec<_> = (0..4).map(|_| house.enter_at_once("192.0.2.1")).collect();
        own[0].activity.asked();
        let (next, closed) = house.enter("192.0.2.1").unwrap();
        assert!(matches!(closed, Some(Rank::Idle(_))));
        assert!(is_closed(&own[1]) && !is_closed(&other), "its own");
        for connection in own.iter().skip(2).chain([&next]) {
            connection.activity.asked();
        }
        assert_eq!(house.enter("192.0.2.1").err(), Some(NoRoom::OfThisPeer));
        house.enter_at_once("192.0.2.3");
        // What is not one address, as a proxy, has as many as there are.
        let of_proxy: Vec<_> = (0..11).map(|_| house.enter_at_once("proxy")).collect();
        for connection in of_proxy.iter().chain([&other]) {
            connection.activity.asked();
        }
        assert_eq!(house.enter("proxy").err(), Some(NoRoom::AtAll));
        drop(own);
        house.enter_at_once("192.0.2.1");
    }

    #[test]
    fn one_that_lags_gives_way_where_none_is_idle() {
        let house = House::new(4);
        let of: Vec<_> = (1..5).map(|n| house.enter_at_once(&format!("192.0.2.{n}"))).collect();
        for connection in &of {
            connection.activity.asked();
        }
        let long_ago = std::time::Instant::now();
        sleep(Duration::from_millis(1_200));
        of[1].activity.lags(long_ago);
        of[2].activity.lags(std::time::Instant::now());
        let (_fifth, closed) = house.enter("192.0.2.5").unwrap();
        assert!(matches!(closed, Some(Rank::Lagging(_))));
        assert!(is_closed(&of[1]) && !is_closed(&of[2]));
    }

    #[test]
    fn all_seats_come_back() {
        let house = House::new(2);
        for _ in 0..3 {
            let (first, _) = house.enter("192.0.2.1").unwrap();
            let (second, closed) = house.enter("192.0.2.1").unwrap();
            assert!(closed.is_some() && is_closed(&first));
            drop((first, second));
            assert!(house.seats.lock().taken.is_empty() && house.seats.lock().peers.is_empty());
        }
    }
}
