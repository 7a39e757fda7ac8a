//! A bounded number of slots for connections, of which one client has a quarter at most.
//!
//! Where no slot is free for a newcomer, the connection that is idle the longest is closed for it: one of the newcomer's
//! own address if that has as many as it may have, else one of all. Where none is idle, it is the one whose client is
//! the furthest behind the least rate at which responses have to be taken.
//!
//! Nothing here knows sockets: a connection publishes its state in an [`Activity`], and is ordered to close there.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::serve::connections::activity::{Activity, Clock, EvictionRank, Stop};
use crate::serve::connections::peer::{Overload, Peer};

/// For how many microseconds a search that found no connection to close is not repeated, as it looks at all of them.
const SEARCH_PAUSE: u64 = 5_000;

/// How often a connection that waits for a slot searches for one that can be closed. It also searches whenever a
/// connection ends.
const SEARCH_INTERVAL: Duration = Duration::from_millis(100);

/// The slots.
pub(crate) struct Slots {
    clock: Clock,
    limit: usize,
    limit_of_peer: usize,
    connections: Mutex<SlotTable>,
    /// A slot was returned.
    freed: Notify,
}

#[derive(Default)]
struct SlotTable {
    last_id: u64,
    taken: HashMap<u64, TakenSlot>,
    /// By address. A trusted proxy sends the requests of many clients, and has no entry.
    peers: HashMap<Peer, PeerSlots>,
    evictions: EvictionQueue,
}

struct TakenSlot {
    peer: Option<Peer>,
    activity: Arc<Activity>,
}

#[derive(Default)]
struct PeerSlots {
    ids: HashSet<u64>,
    evictions: EvictionQueue,
}

/// The connections that may be closed, as they were when the queue was filled. A connection that has been idle since
/// then comes before all that have become idle later, so the order stays right until the queue is empty.
#[derive(Default)]
struct EvictionQueue {
    next: VecDeque<(EvictionRank, u64)>,
    no_search_until: u64,
}

/// A slot, returned when it is dropped.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    id: u64,
}

impl Slots {
    /// A table of `limit` slots, of which one address has at most a quarter.
    pub fn new(limit: usize, clock: Clock) -> Self {
        let limit_of_peer = limit.div_ceil(4).max(1);
        Self { clock, limit, limit_of_peer, connections: Mutex::default(), freed: Notify::new() }
    }

    /// How many one address has at most.
    pub fn limit_of_peer(&self) -> usize {
        self.limit_of_peer
    }

    /// Takes a slot for a connection; returns it and the rank of the connection that was closed for it. `peer` is
    /// `None` for a proxy.
    ///
    /// # Errors
    /// None of the connections that would have to make room is idle or behind.
    pub fn take(
        self: &Arc<Self>,
        peer: Option<Peer>,
        activity: &Arc<Activity>,
    ) -> Result<(Slot, Option<EvictionRank>), Overload> {
        let now = self.clock.now();
        let mut table = self.lock();
        let has_all = peer
            .and_then(|peer| table.peers.get(&peer))
            .is_some_and(|of_peer| of_peer.ids.len() >= self.limit_of_peer);
        let closed = if has_all {
            Some(table.evict_of_peer(peer, now).ok_or(Overload::OfPeer)?)
        } else if table.taken.len() >= self.limit {
            Some(table.evict(now).ok_or(Overload::OfServer)?)
        } else {
            None
        };
        let id = table.add(peer, Arc::clone(activity));
        Ok((Slot { slots: Arc::clone(self), id }, closed))
    }

    /// Waits for a slot, at most as long as `timeout`.
    ///
    /// # Errors
    /// Why there was none.
    pub async fn wait(
        self: &Arc<Self>,
        peer: Option<Peer>,
        activity: &Arc<Activity>,
        timeout: Duration,
    ) -> Result<(Slot, Option<EvictionRank>), Overload> {
        let mut overload = Overload::OfServer;
        let found = tokio::time::timeout(timeout, async {
            loop {
                let freed = self.freed.notified();
                match self.take(peer, activity) {
                    Ok(found) => return found,
                    Err(why) => overload = why,
                }
                let _ = tokio::time::timeout(SEARCH_INTERVAL, freed).await;
            }
        });
        found.await.map_err(|_| overload)
    }

    /// Closes the connection that is idle the longest, which frees a file descriptor.
    pub fn evict(&self) -> Option<EvictionRank> {
        let now = self.clock.now();
        self.lock().evict(now)
    }

    /// Orders every connection to end.
    pub fn stop_all(&self, stop: Stop) {
        for taken in self.lock().taken.values() {
            taken.activity.stop(stop);
        }
    }

    /// Waits until no slot is taken.
    pub async fn all_free(&self) {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // From now on, each returned slot wakes this task.
            freed.as_mut().enable();
            if self.lock().taken.is_empty() {
                return;
            }
            freed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, SlotTable> {
        // No panic can happen between two changes that belong together.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotTable {
    fn add(&mut self, peer: Option<Peer>, activity: Arc<Activity>) -> u64 {
        self.last_id = self.last_id.wrapping_add(1);
        let id = self.last_id;
        self.taken.insert(id, TakenSlot { peer, activity });
        if let Some(peer) = peer {
            self.peers.entry(peer).or_default().ids.insert(id);
        }
        id
    }

    fn remove(&mut self, id: u64) -> Option<TakenSlot> {
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

    fn evict_of_peer(&mut self, peer: Option<Peer>, now: u64) -> Option<EvictionRank> {
        let PeerSlots { ids, evictions } = self.peers.get_mut(&peer?)?;
        let (rank, id) = evictions.next(&self.taken, ids.iter().copied(), now)?;
        self.close(id);
        Some(rank)
    }

    fn evict(&mut self, now: u64) -> Option<EvictionRank> {
        let ids = self.taken.keys().copied();
        let (rank, id) = self.evictions.next(&self.taken, ids, now)?;
        self.close(id);
        Some(rank)
    }

    /// The slot is free at once, though the connection may take a moment to end.
    fn close(&mut self, id: u64) {
        if let Some(taken) = self.remove(id) {
            taken.activity.stop(Stop::Now);
        }
    }
}

impl EvictionQueue {
    fn next(
        &mut self,
        taken: &HashMap<u64, TakenSlot>,
        ids: impl Iterator<Item = u64>,
        now: u64,
    ) -> Option<(EvictionRank, u64)> {
        let rank = |id: u64| taken.get(&id).and_then(|taken| taken.activity.eviction_rank(now));
        while let Some((was, id)) = self.next.pop_front() {
            // A lagging one is closed only where none is idle, including those that are not in the queue.
            if rank(id) == Some(was) && matches!(was, EvictionRank::Idle(_)) {
                return Some((was, id));
            }
        }
        if now < self.no_search_until {
            return None;
        }
        let mut next: Vec<_> = ids.filter_map(|id| Some((rank(id)?, id))).collect();
        next.sort_unstable();
        self.next = next.into();
        let found = self.next.pop_front();
        if found.is_none() {
            self.no_search_until = now.saturating_add(SEARCH_PAUSE);
        }
        found
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().remove(self.id);
        self.slots.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::thread::sleep;

    use super::*;

    struct TestServer {
        clock: Clock,
        slots: Arc<Slots>,
    }

    struct Connection {
        activity: Arc<Activity>,
        _slot: Slot,
    }

    impl TestServer {
        fn new(limit: usize) -> Self {
            let clock = Clock::start();
            Self { clock, slots: Arc::new(Slots::new(limit, clock)) }
        }

        fn connect(&self, address: &str) -> Result<(Connection, Option<EvictionRank>), Overload> {
            let peer = address.parse::<IpAddr>().ok().map(Peer::from);
            let activity = Arc::new(Activity::new(self.clock));
            // Two that begin in the same microsecond have the same rank.
            sleep(Duration::from_micros(10));
            let (slot, closed) = self.slots.take(peer, &activity)?;
            Ok((Connection { activity, _slot: slot }, closed))
        }

        fn connect_to_free_slot(&self, address: &str) -> Connection {
            let (connection, closed) = self.connect(address).unwrap();
            assert_eq!(closed, None);
            connection
        }
    }

    fn is_closed(connection: &Connection) -> bool {
        let mut stopped = std::pin::pin!(connection.activity.stopped());
        let waker = std::task::Waker::noop();
        let polled = stopped.as_mut().poll(&mut std::task::Context::from_waker(waker));
        polled == std::task::Poll::Ready(Stop::Now)
    }

    #[test]
    fn a_full_server_closes_the_connection_that_is_idle_the_longest() {
        let server = TestServer::new(4);
        let of: Vec<_> =
            (1..5).map(|n| server.connect_to_free_slot(&format!("192.0.2.{n}"))).collect();
        // The first has a request. The second had one, and is idle only since then.
        of[0].activity.request_began();
        of[1].activity.request_began();
        of[1].activity.response_produced();
        of[1].activity.flushed();
        let (fifth, closed) = server.connect("192.0.2.5").unwrap();
        assert!(matches!(closed, Some(EvictionRank::Idle(_))));
        assert_eq!(of.iter().map(is_closed).collect::<Vec<_>>(), [false, false, true, false]);
        // They are closed in the order in which they became idle.
        let (sixth, _) = server.connect("192.0.2.6").unwrap();
        assert!(is_closed(&of[3]));
        let (_seventh, _) = server.connect("192.0.2.7").unwrap();
        assert!(is_closed(&of[1]) && !is_closed(&fifth) && !is_closed(&sixth));
    }

    #[test]
    fn an_address_has_a_quarter_and_a_newcomer_closes_one_of_its_own_address() {
        let server = TestServer::new(16);
        let other = server.connect_to_free_slot("192.0.2.2");
        let own: Vec<_> = (0..4).map(|_| server.connect_to_free_slot("192.0.2.1")).collect();
        own[0].activity.request_began();
        let (next, closed) = server.connect("192.0.2.1").unwrap();
        assert!(matches!(closed, Some(EvictionRank::Idle(_))));
        assert!(is_closed(&own[1]) && !is_closed(&other), "its own");
        for connection in own.iter().skip(2).chain([&next]) {
            connection.activity.request_began();
        }
        assert_eq!(server.connect("192.0.2.1").err(), Some(Overload::OfPeer));
        server.connect_to_free_slot("192.0.2.3");
        // The limit of one peer does not apply to a proxy.
        let of_proxy: Vec<_> = (0..11).map(|_| server.connect_to_free_slot("proxy")).collect();
        for connection in of_proxy.iter().chain([&other]) {
            connection.activity.request_began();
        }
        assert_eq!(server.connect("proxy").err(), Some(Overload::OfServer));
        drop(own);
        server.connect_to_free_slot("192.0.2.1");
    }

    #[test]
    fn a_lagging_connection_is_closed_where_none_is_idle() {
        let server = TestServer::new(4);
        let of: Vec<_> =
            (1..5).map(|n| server.connect_to_free_slot(&format!("192.0.2.{n}"))).collect();
        for connection in &of {
            connection.activity.request_began();
        }
        let long_ago = std::time::Instant::now();
        sleep(Duration::from_millis(1_200));
        of[1].activity.lagging(long_ago);
        of[2].activity.lagging(std::time::Instant::now());
        let (_fifth, closed) = server.connect("192.0.2.5").unwrap();
        assert!(matches!(closed, Some(EvictionRank::Lagging(_))));
        assert!(is_closed(&of[1]) && !is_closed(&of[2]));
    }

    #[test]
    fn all_slots_come_back() {
        let server = TestServer::new(2);
        for _ in 0..3 {
            let (first, _) = server.connect("192.0.2.1").unwrap();
            let (second, closed) = server.connect("192.0.2.1").unwrap();
            assert!(closed.is_some() && is_closed(&first));
            drop((first, second));
            assert!(server.slots.lock().taken.is_empty() && server.slots.lock().peers.is_empty());
        }
    }
}
