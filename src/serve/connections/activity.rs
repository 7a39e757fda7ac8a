//! What a connection does at the moment: told by the connection itself, read by the [`super::slots`] that need
//! room, and the way in which it is told to end.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long a client may take none of its answer before another one may have its seat. Only where there is no
/// other seat: otherwise it has the time that [`super::least_rate`] gives it.
const GRACE: Duration = Duration::from_secs(1);

/// Microseconds since the server began: an instant that fits into an atomic number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

/// What one connection does. Several tasks read it without a lock, and each field is right by itself.
#[derive(Debug)]
pub(crate) struct Activity {
    clock: Clock,
    /// Since when it has no request, which is when it was accepted or when its last answer was written.
    idle_since: AtomicU64,
    request: AtomicU8,
    /// Since when the client has taken too little of its answer, or [`NEVER`].
    lags_since: AtomicU64,
    /// Whether a part of the next request has come.
    has_received: AtomicBool,
    is_too_slow: AtomicBool,
    order: AtomicU8,
    ordered: Notify,
}

const NEVER: u64 = u64::MAX;

/// Values of [`Activity::request`].
const NO_REQUEST: u8 = 0;
const ANSWERING: u8 = 1;
/// The answer's last byte was taken from its body, and may not be written yet.
const ANSWERED: u8 = 2;

/// Who is closed first where there is no seat left: what comes first in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// No request of it is being answered since then. One that has not sent a whole head is idle.
    Idle(u64),
    /// It has not taken its answer at the least rate since then.
    Lagging(u64),
}

/// What a connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// To end once its request is answered.
    Finish,
    /// To end now.
    Close,
}

/// Values of [`Activity::order`].
const GO_ON: u8 = 0;
const FINISH: u8 = 1;
const CLOSE: u8 = 2;

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(self) -> u64 {
        self.at(Instant::now())
    }

    pub fn at(self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.0).as_micros();
        // In half a million years.
        since.try_into().unwrap_or(NEVER - 1)
    }
}

impl Activity {
    /// Of a connection that begins now.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            idle_since: AtomicU64::new(clock.now()),
            request: AtomicU8::new(NO_REQUEST),
            lags_since: AtomicU64::new(NEVER),
            has_received: AtomicBool::new(false),
            is_too_slow: AtomicBool::new(false),
            order: AtomicU8::new(GO_ON),
            ordered: Notify::new(),
        }
    }

    /// Bytes came.
    pub fn received(&self) {
        if self.is_idle() {
            self.has_received.store(true, Ordering::Relaxed);
        }
    }

    /// What came was no part of a request: a handshake.
    pub fn received_no_request(&self) {
        self.has_received.store(false, Ordering::Relaxed);
    }

    /// Whether a part of a request came, and not all of its head.
    pub fn has_received(&self) -> bool {
        self.has_received.load(Ordering::Relaxed)
    }

    /// The head of a request is there.
    pub fn asked(&self) {
        self.request.store(ANSWERING, Ordering::Relaxed);
    }

    /// The body of the answer has no more bytes.
    pub fn answered(&self) {
        self.request.store(ANSWERED, Ordering::Relaxed);
    }

    /// All that was to be written is.
    pub fn flushed(&self) {
        if self.request.load(Ordering::Relaxed) == ANSWERED {
            self.idle_since.store(self.clock.now(), Ordering::Relaxed);
            self.has_received.store(false, Ordering::Relaxed);
            self.request.store(NO_REQUEST, Ordering::Relaxed);
        }
    }

    /// The request waits for a seat, and is as good as none until it has one.
    pub fn waits_for_a_seat(&self) {
        self.request.store(NO_REQUEST, Ordering::Relaxed);
    }

    /// The client takes nothing, and is behind since then.
    pub fn lags(&self, since: Instant) {
        self.lags_since.store(self.clock.at(since), Ordering::Relaxed);
    }

    /// The client takes what is sent.
    pub fn keeps_up(&self) {
        self.lags_since.store(NEVER, Ordering::Relaxed);
    }

    /// The connection ends because its client lags too far behind.
    pub fn is_given_up(&self) {
        self.is_too_slow.store(true, Ordering::Relaxed);
    }

    /// Whether it was given up.
    pub fn is_too_slow(&self) -> bool {
        self.is_too_slow.load(Ordering::Relaxed)
    }

    /// Whether no request is being answered.
    pub fn is_idle(&self) -> bool {
        self.request.load(Ordering::Relaxed) == NO_REQUEST
    }

    /// Its place among those that may be closed for another one, if it may be.
    pub fn rank(&self, now: u64) -> Option<Rank> {
        if self.is_idle() {
            return Some(Rank::Idle(self.idle_since.load(Ordering::Relaxed)));
        }
        let since = self.lags_since.load(Ordering::Relaxed);
        let behind = Duration::from_micros(now.checked_sub(since)?);
        (behind >= GRACE).then_some(Rank::Lagging(since))
    }

    /// Tells it to end.
    pub fn tell(&self, order: Order) {
        let order = match order {
            Order::Finish => FINISH,
            Order::Close => CLOSE,
        };
        self.order.fetch_max(order, Ordering::Relaxed);
        self.ordered.notify_one();
    }

    /// What it is told next. For one task.
    pub async fn order(&self) -> Order {
        loop {
            self.ordered.notified().await;
            match self.order.load(Ordering::Relaxed) {
                GO_ON => {}
                FINISH => return Order::Finish,
                _ => return Order::Close,
            }
        }
    }
}
