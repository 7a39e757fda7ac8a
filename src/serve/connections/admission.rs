//! The door: who is let in, and where to.
//!
//! ```text
//! accept ─► a seat in the house ─────────────────────────► connection::converse
//!        └► none: a seat in the reserve, for one request ─► /healthz is answered; all else waits for a seat
//!           in the house, and is refused where it gets none (503)
//! ```
//!
//! The reserve is as fair as the house, and each of its connections gives way to the next one, so that it is
//! never full of those who only hold it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpListener;

use crate::serve::connection::{self, Application};
use crate::serve::connections::activity::{Activity, Clock, Order, Rank};
use crate::serve::connections::fair_queue::{NoRoom, Peer};
use crate::serve::connections::proxies::{TrustedProxies, loopback};
use crate::serve::connections::refusals::Reason;
use crate::serve::connections::slots::{Seat, Seats};
use crate::serve::metrics::Metrics;
use crate::serve::shutdown::Ending;
use crate::serve::tls::Certificates;

/// How many connections the reserve of a house with so many seats has: as many as come while one that was let in
/// sends its head.
pub(crate) fn reserve(connections: usize) -> usize {
    (connections / 4).clamp(16, 256)
}

/// How long a request in the reserve waits for a seat in the house.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a head may take there.
const RESERVE_HEAD: Duration = Duration::from_secs(5);

/// How long no connection is accepted after the system had no descriptor for one.
const NO_DESCRIPTOR: Duration = Duration::from_millis(50);

/// How many are closed then: those that come next need a file each.
const SPARE: usize = 4;

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// How many there are at once.
    pub connections: usize,
    /// In bytes, a request's head.
    pub head: usize,
    /// How long a head may take to arrive, and a connection may be idle.
    pub idle: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub stall: Duration,
}

/// Lets connections in.
pub(crate) struct Door {
    pub limits: ConnectionLimits,
    pub metrics: Arc<Metrics>,
    /// How many connections there are.
    pub open: Gauge,
    proxies: TrustedProxies,
    house: Arc<Seats>,
    reserve: Option<Arc<Seats>>,
    clock: Clock,
}

/// A connection that was let in.
pub(crate) struct Visit {
    pub client: SocketAddr,
    pub activity: Arc<Activity>,
    pub door: Arc<Door>,
    /// None where it is a proxy's, or a program's on this machine.
    peer: Option<Peer>,
    is_in_house: AtomicBool,
    seat: Mutex<Seat>,
}

impl Door {
    /// With a reserve.
    pub fn new(limits: ConnectionLimits, proxies: TrustedProxies, metrics: Arc<Metrics>) -> Self {
        let clock = Clock::start();
        let reserve = Some(Arc::new(Seats::new(reserve(limits.connections), clock)));
        let house = Arc::new(Seats::new(limits.connections, clock));
        let open = metrics.connections.clone();
        Self { limits, metrics, open, proxies, house, reserve, clock }
    }

    /// For programs on this machine, with no reserve, where all may have all seats.
    pub fn for_this_machine(limits: ConnectionLimits, metrics: Arc<Metrics>) -> Self {
        let proxies = TrustedProxies::new(&loopback());
        // Who asks for numbers is none of them.
        Self { reserve: None, open: Gauge::default(), ..Self::new(limits, proxies, metrics) }
    }

    /// Serves every client, until the server is to end and the requests that came are answered.
    ///
    /// # Errors
    /// What the system says, before anybody is let in.
    pub async fn serve<A: Application>(
        self: Arc<Self>,
        listener: std::net::TcpListener,
        certificates: Option<Certificates>,
        application: Arc<A>,
        mut ending: Ending,
    ) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let accepted = tokio::select! {
                biased;
                () = ending.begins() => break,
                accepted = listener.accept() => accepted,
            };
            let (stream, client) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.could_not_accept(&error).await;
                    continue;
                }
            };
            if let Some(visit) = self.let_in(client) {
                let tls = certificates.as_ref().map(Certificates::config);
                let application = Arc::clone(&application);
                tokio::spawn(connection::converse(application, visit, stream, tls));
            }
        }
        drop(listener);
        let rooms = || [&self.house].into_iter().chain(&self.reserve);
        rooms().for_each(|seats| seats.tell_all(Order::Finish));
        tokio::select! {
            () = async { for seats in rooms() { seats.are_empty().await } } => {}
            () = ending.is_over() => {}
        }
        Ok(())
    }

    /// How many connections one address has at most.
    pub fn of_peer(&self) -> usize {
        self.house.of_peer()
    }

    fn let_in(self: &Arc<Self>, client: SocketAddr) -> Option<Arc<Visit>> {
        let activity = Arc::new(Activity::new(self.clock));
        let address = client.ip();
        let peer = (!self.proxies.trusts(address)).then(|| Peer::from(address));
        let (is_in_house, taken) = match (self.house.take(peer, &activity), &self.reserve) {
            (Err(_), Some(reserve)) => (false, reserve.take(peer, &activity)),
            (taken, _) => (true, taken),
        };
        match taken {
            Ok((seat, closed)) => {
                self.count_closed(closed);
                let seat = Mutex::new(seat);
                let (is_in_house, door) = (is_in_house.into(), Arc::clone(self));
                Some(Arc::new(Visit { client, activity, door, peer, is_in_house, seat }))
            }
            Err(no_room) => {
                self.count(no_room, address);
                None
            }
        }
    }

    fn count_closed(&self, closed: Option<Rank>) {
        if let Some(closed) = closed {
            self.metrics.refusals.count(closed.into(), None);
        }
    }

    fn count(&self, reason: impl Into<Reason>, client: IpAddr) {
        self.metrics.refusals.count(reason.into(), Some(client));
    }

    async fn could_not_accept(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        // The client's end of it; there is another one to accept.
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        self.metrics.refusals.failed_to_accept(error);
        for _ in 0..SPARE {
            self.count_closed(self.house.close_one());
        }
        tokio::time::sleep(NO_DESCRIPTOR).await;
    }
}

impl Visit {
    /// The client of a request: its connection's, or who a trusted proxy says it is.
    pub fn client_of(&self, headers: &axum::http::HeaderMap) -> IpAddr {
        // Most connections are no proxy's.
        if self.peer.is_some() {
            self.client.ip()
        } else {
            self.door.proxies.client(self.client.ip(), headers)
        }
    }

    /// Whether a request's client is another one than its connection's.
    pub fn is_proxied(&self, client: IpAddr) -> bool {
        self.peer.is_none() && !self.door.proxies.trusts(client)
    }

    /// Whether it is let into the house: those in the reserve are answered only once.
    pub fn is_in_house(&self) -> bool {
        self.is_in_house.load(Ordering::Relaxed)
    }

    /// Waits for a seat in the house, where it has none.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn be_seated(&self) -> Result<(), NoRoom> {
        if self.is_in_house() {
            return Ok(());
        }
        self.activity.waits_for_a_seat();
        let found = self.door.house.wait(self.peer, &self.activity, PATIENCE).await;
        self.activity.asked();
        let (seat, closed) =
            found.inspect_err(|no_room| self.door.count(*no_room, self.client.ip()))?;
        self.door.count_closed(closed);
        *self.seat.lock().unwrap_or_else(PoisonError::into_inner) = seat;
        self.is_in_house.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// How long a head may take.
    pub fn head_time(&self) -> Duration {
        let idle = self.door.limits.idle;
        if self.is_in_house() { idle } else { idle.min(RESERVE_HEAD) }
    }

    /// Counts what was refused of it.
    pub fn count(&self, reason: Reason) {
        self.door.count(reason, self.client.ip());
    }
}
