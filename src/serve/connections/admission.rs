//! Admission: which connections get a slot.
//!
//! ```text
//! accept ─► a slot ─────────────────────────────────────► connection::serve
//!        └► none: a slot in the reserve, for one request ─► /healthz is answered; any other request waits for a
//!           slot, and is refused if it gets none (503)
//! ```
//!
//! The reserve is as fair as the slots, and each connection in it gives way to the next one. So connections that only
//! hold its slots cannot fill it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use prometheus_client::metrics::gauge::Gauge;

use crate::serve::connections::activity::{Activity, Clock, EvictionRank, Stop};
use crate::serve::connections::peer::{Overload, Peer};
use crate::serve::connections::proxies::{TrustedProxies, loopback};
use crate::serve::connections::refusals::RefusalReason;
use crate::serve::connections::slots::{Slot, Slots};
use crate::serve::metrics::Metrics;

/// How many slots the reserve has beside the slots of `connections`: as many as connections arrive while one that was
/// admitted sends its head.
pub(crate) fn reserve_size(connections: usize) -> usize {
    (connections / 4).clamp(16, 256)
}

/// How long a request in the reserve waits for a slot.
const SLOT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the head of a request in the reserve may take.
const RESERVE_HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to accept no connection after the system had no file descriptor for one.
const NO_DESCRIPTOR_PAUSE: Duration = Duration::from_millis(50);

/// How many connections are closed then: each of the next ones needs a descriptor.
const DESCRIPTORS_TO_FREE: usize = 4;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// How many there are at once.
    pub connections: usize,
    /// In bytes: the head of a request.
    pub head: usize,
    /// How long a head may take to arrive, and a connection may be idle.
    pub idle: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub stall: Duration,
}

/// Admits connections.
pub(crate) struct Admission {
    pub limits: ConnectionLimits,
    pub metrics: Arc<Metrics>,
    /// How many connections are open.
    pub open: Gauge,
    proxies: TrustedProxies,
    slots: Arc<Slots>,
    reserve: Option<Arc<Slots>>,
    clock: Clock,
}

/// A connection that was admitted. It holds its slot until it is dropped.
pub(crate) struct ClientConnection {
    pub address: SocketAddr,
    pub activity: Arc<Activity>,
    pub admission: Arc<Admission>,
    /// `None` for a proxy, or a program on this machine.
    peer: Option<Peer>,
    /// Whether its slot is not one of the reserve.
    has_slot: AtomicBool,
    slot: Mutex<Slot>,
}

impl Admission {
    /// With a reserve.
    pub fn new(limits: ConnectionLimits, proxies: TrustedProxies, metrics: Arc<Metrics>) -> Self {
        let clock = Clock::start();
        let reserve = Some(Arc::new(Slots::new(reserve_size(limits.connections), clock)));
        let slots = Arc::new(Slots::new(limits.connections, clock));
        let open = metrics.connections.clone();
        Self { limits, metrics, open, proxies, slots, reserve, clock }
    }

    /// For metrics: without a reserve, and a program on this machine may have all slots.
    pub fn for_metrics(limits: ConnectionLimits, metrics: Arc<Metrics>) -> Self {
        let proxies = TrustedProxies::new(&loopback());
        // Connections that ask for metrics are not counted among them.
        Self { reserve: None, open: Gauge::default(), ..Self::new(limits, proxies, metrics) }
    }

    /// How many connections one address has at most.
    pub fn limit_of_peer(&self) -> usize {
        self.slots.limit_of_peer()
    }

    /// Admits a connection; `None` if it is refused.
    pub fn admit(self: &Arc<Self>, address: SocketAddr) -> Option<Arc<ClientConnection>> {
        let activity = Arc::new(Activity::new(self.clock));
        let ip = address.ip();
        let peer = (!self.proxies.trusts(ip)).then(|| Peer::from(ip));
        let (has_slot, taken) = match (self.slots.take(peer, &activity), &self.reserve) {
            (Err(_), Some(reserve)) => (false, reserve.take(peer, &activity)),
            (taken, _) => (true, taken),
        };
        match taken {
            Ok((slot, closed)) => {
                self.count_closed(closed);
                let slot = Mutex::new(slot);
                let (has_slot, admission) = (has_slot.into(), Arc::clone(self));
                Some(Arc::new(ClientConnection {
                    address,
                    activity,
                    admission,
                    peer,
                    has_slot,
                    slot,
                }))
            }
            Err(overload) => {
                self.count(overload, ip);
                None
            }
        }
    }

    /// Waits after a connection could not be accepted, and makes room for the next one.
    pub async fn accept_failed(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        // The client has closed the connection, and the next one can be accepted.
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        self.metrics.refusals.failed_to_accept(error);
        for _ in 0..DESCRIPTORS_TO_FREE {
            self.count_closed(self.slots.evict());
        }
        tokio::time::sleep(NO_DESCRIPTOR_PAUSE).await;
    }

    /// Orders every connection to end.
    pub fn stop_all(&self, stop: Stop) {
        self.all_slots().for_each(|slots| slots.stop_all(stop));
    }

    /// Waits until every connection has ended.
    pub async fn all_ended(&self) {
        for slots in self.all_slots() {
            slots.all_free().await;
        }
    }

    fn all_slots(&self) -> impl Iterator<Item = &Arc<Slots>> {
        [&self.slots].into_iter().chain(&self.reserve)
    }

    fn count_closed(&self, closed: Option<EvictionRank>) {
        if let Some(closed) = closed {
            self.metrics.refusals.count(closed.into(), None);
        }
    }

    fn count(&self, reason: impl Into<RefusalReason>, client: IpAddr) {
        self.metrics.refusals.count(reason.into(), Some(client));
    }
}

impl ClientConnection {
    /// The client of a request: that of its connection, or the one that a trusted proxy names.
    pub fn client_of(&self, headers: &HeaderMap) -> IpAddr {
        // Most connections do not come from a proxy.
        if self.peer.is_some() {
            self.address.ip()
        } else {
            self.admission.proxies.client(self.address.ip(), headers)
        }
    }

    /// Whether the client of a request is another one than that of its connection.
    pub fn is_proxied(&self, client: IpAddr) -> bool {
        self.peer.is_none() && !self.admission.proxies.trusts(client)
    }

    /// Whether its slot is not one of the reserve, where a connection has one request.
    pub fn has_slot(&self) -> bool {
        self.has_slot.load(Ordering::Relaxed)
    }

    /// Waits for a slot, if it has one of the reserve.
    ///
    /// # Errors
    /// Why it got none.
    pub async fn wait_for_slot(&self) -> Result<(), Overload> {
        if self.has_slot() {
            return Ok(());
        }
        self.activity.waiting_for_slot();
        let found = self.admission.slots.wait(self.peer, &self.activity, SLOT_TIMEOUT).await;
        self.activity.request_began();
        let (slot, closed) =
            found.inspect_err(|overload| self.admission.count(*overload, self.address.ip()))?;
        self.admission.count_closed(closed);
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = slot;
        self.has_slot.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// How long a head may take.
    pub fn head_timeout(&self) -> Duration {
        let idle = self.admission.limits.idle;
        if self.has_slot() { idle } else { idle.min(RESERVE_HEAD_TIMEOUT) }
    }

    /// Counts a refusal of it.
    pub fn count_refusal(&self, reason: RefusalReason) {
        self.admission.count(reason, self.address.ip());
    }
}
