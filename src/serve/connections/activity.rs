//! The state of a connection, which the connection sets and [`super::slots`] reads to choose which one to close; and
//! the order to end, which goes the other way.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long a client may take nothing of its response before a newcomer may get its slot. This applies only where no
/// other slot is free; otherwise the client has the time that [`super::least_rate`] gives it.
const LAG_GRACE: Duration = Duration::from_secs(1);

/// Microseconds since the server started: an instant that fits into an atomic number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

/// The state of one connection. Other tasks read it without a lock, as each field is meaningful by itself.
#[derive(Debug)]
pub(crate) struct Activity {
    clock: Clock,
    /// Since when it has no request: since it was accepted, or since its last response was written.
    idle_since: AtomicU64,
    request: AtomicU8,
    /// Since when the client has taken too little of its response, or [`NEVER`].
    lags_since: AtomicU64,
    /// Whether a part of the next request has arrived.
    has_received: AtomicBool,
    is_too_slow: AtomicBool,
    may_have_unread_body: AtomicBool,
    /// The order to stop.
    stop: AtomicU8,
    stop_changed: Notify,
}

const NEVER: u64 = u64::MAX;

/// Values of [`Activity::request`].
const NO_REQUEST: u8 = 0;
const RESPONDING: u8 = 1;
/// The last byte of the response was taken from its body, and may not be written yet.
const PRODUCED: u8 = 2;

/// The order in which connections are closed where no slot is left: the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EvictionRank {
    /// It has no request since then. A connection that has not sent a whole head is idle.
    Idle(u64),
    /// Its client has taken its response below the least rate since then.
    Lagging(u64),
}

/// When a connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    AfterResponse,
    Now,
}

/// Values of [`Activity::stop`].
const NO_STOP: u8 = 0;
const STOP_AFTER_RESPONSE: u8 = 1;
const STOP_NOW: u8 = 2;

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(self) -> u64 {
        self.at(Instant::now())
    }

    pub fn at(self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.0).as_micros();
        // It overflows after half a million years.
        since.try_into().unwrap_or(NEVER - 1)
    }
}

impl Activity {
    /// For a connection that begins now.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            idle_since: AtomicU64::new(clock.now()),
            request: AtomicU8::new(NO_REQUEST),
            lags_since: AtomicU64::new(NEVER),
            has_received: AtomicBool::new(false),
            is_too_slow: AtomicBool::new(false),
            may_have_unread_body: AtomicBool::new(false),
            stop: AtomicU8::new(NO_STOP),
            stop_changed: Notify::new(),
        }
    }

    /// Bytes have arrived.
    pub fn received(&self) {
        if self.is_idle() {
            self.has_received.store(true, Ordering::Relaxed);
        }
    }

    /// The bytes that arrived were a TLS handshake, and no part of a request.
    pub fn received_handshake(&self) {
        self.has_received.store(false, Ordering::Relaxed);
    }

    /// Whether a part of a request has arrived, and not its whole head.
    pub fn has_received(&self) -> bool {
        self.has_received.load(Ordering::Relaxed)
    }

    /// The head of a request has arrived.
    pub fn request_began(&self) {
        self.request.store(RESPONDING, Ordering::Relaxed);
        self.may_have_unread_body.store(false, Ordering::Relaxed);
    }

    /// The request was refused, perhaps before its body was read.
    pub fn refused_with_body(&self) {
        self.may_have_unread_body.store(true, Ordering::Relaxed);
    }

    /// Whether the last request was refused, and has a body.
    pub fn may_have_unread_body(&self) -> bool {
        self.may_have_unread_body.load(Ordering::Relaxed)
    }

    /// The body of the response has no more bytes.
    pub fn response_produced(&self) {
        self.request.store(PRODUCED, Ordering::Relaxed);
    }

    /// All bytes to be sent are written.
    pub fn flushed(&self) {
        if self.request.load(Ordering::Relaxed) == PRODUCED {
            self.idle_since.store(self.clock.now(), Ordering::Relaxed);
            self.has_received.store(false, Ordering::Relaxed);
            self.request.store(NO_REQUEST, Ordering::Relaxed);
        }
    }

    /// The request waits for a slot; until it has one, the connection counts as idle.
    pub fn waiting_for_slot(&self) {
        self.request.store(NO_REQUEST, Ordering::Relaxed);
    }

    /// The client takes nothing, and has been behind since then.
    pub fn lagging(&self, since: Instant) {
        self.lags_since.store(self.clock.at(since), Ordering::Relaxed);
    }

    /// The client takes what is sent.
    pub fn caught_up(&self) {
        self.lags_since.store(NEVER, Ordering::Relaxed);
    }

    /// The connection ends because its client is too far behind.
    pub fn mark_too_slow(&self) {
        self.is_too_slow.store(true, Ordering::Relaxed);
    }

    /// Whether its client was too far behind.
    pub fn is_too_slow(&self) -> bool {
        self.is_too_slow.load(Ordering::Relaxed)
    }

    /// Whether it has no request.
    pub fn is_idle(&self) -> bool {
        self.request.load(Ordering::Relaxed) == NO_REQUEST
    }

    /// Its rank among the connections that may be closed for a newcomer; `None` if it may not be closed.
    pub fn eviction_rank(&self, now: u64) -> Option<EvictionRank> {
        if self.is_idle() {
            return Some(EvictionRank::Idle(self.idle_since.load(Ordering::Relaxed)));
        }
        let since = self.lags_since.load(Ordering::Relaxed);
        let behind = Duration::from_micros(now.checked_sub(since)?);
        (behind >= LAG_GRACE).then_some(EvictionRank::Lagging(since))
    }

    /// Orders the connection to end.
    pub fn stop(&self, stop: Stop) {
        let stop = match stop {
            Stop::AfterResponse => STOP_AFTER_RESPONSE,
            Stop::Now => STOP_NOW,
        };
        self.stop.fetch_max(stop, Ordering::Relaxed);
        self.stop_changed.notify_one();
    }

    /// Waits for the next order to end. Only the task of the connection calls this.
    pub async fn stopped(&self) -> Stop {
        loop {
            self.stop_changed.notified().await;
            match self.stop.load(Ordering::Relaxed) {
                NO_STOP => {}
                STOP_AFTER_RESPONSE => return Stop::AfterResponse,
                _ => return Stop::Now,
            }
        }
    }
}
