//! What was refused or closed, and why: a number for each reason among the metrics, and one line in the log for
//! each interval in which there was any, however many there were.

use std::fmt::Write;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;

use crate::serve::connections::activity::Rank;
use crate::serve::connections::fair_queue::NoRoom;

/// Why a request or a connection was refused, or a connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// As many connections are open as may be, and none could be closed.
    HouseFull,
    /// One address has as many connections or requests as it may, and none could be closed.
    AddressFull,
    /// A connection was idle the longest, and another one took its seat.
    IdleClosed,
    /// A client took its answer more slowly than the least rate.
    TooSlow,
    /// A request's head did not come in time.
    HeadTimeout,
    /// There was no connection by TLS, or not in time.
    TlsHandshake,
    /// What came was no request: 400.
    Malformed,
    /// A request's head was too large: 431.
    HeadTooLarge,
    /// A host was asked for that this server is not: 421.
    OtherHost,
    /// Too many passwords waited to be checked: 429 or 503.
    Passwords,
    /// Too many pages were asked for: 429 or 503.
    Pages,
    /// The system had no descriptor for one more connection.
    NoDescriptor,
}

impl Reason {
    pub const ALL: [Self; 12] = [
        Self::HouseFull,
        Self::AddressFull,
        Self::IdleClosed,
        Self::TooSlow,
        Self::HeadTimeout,
        Self::TlsHandshake,
        Self::Malformed,
        Self::HeadTooLarge,
        Self::OtherHost,
        Self::Passwords,
        Self::Pages,
        Self::NoDescriptor,
    ];

    /// Its name in metrics and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HouseFull => "house_full",
            Self::AddressFull => "address_full",
            Self::IdleClosed => "idle_closed",
            Self::TooSlow => "too_slow",
            Self::HeadTimeout => "head_timeout",
            Self::TlsHandshake => "tls_handshake",
            Self::Malformed => "malformed",
            Self::HeadTooLarge => "head_too_large",
            Self::OtherHost => "other_host",
            Self::Passwords => "passwords",
            Self::Pages => "pages",
            Self::NoDescriptor => "no_descriptor",
        }
    }
}

impl From<NoRoom> for Reason {
    fn from(no_room: NoRoom) -> Self {
        match no_room {
            NoRoom::OfThisPeer => Self::AddressFull,
            NoRoom::AtAll => Self::HouseFull,
        }
    }
}

impl From<Rank> for Reason {
    fn from(closed: Rank) -> Self {
        match closed {
            Rank::Idle(_) => Self::IdleClosed,
            Rank::Lagging(_) => Self::TooSlow,
        }
    }
}

/// How long the first refusal waits for others before a line is written.
const GATHER: Duration = Duration::from_secs(1);

/// How long there is no other line then.
const INTERVAL: Duration = Duration::from_secs(30);

/// Counts refusals.
pub(crate) struct Refusals {
    counts: [Count; Reason::ALL.len()],
    last_client: Mutex<Option<IpAddr>>,
    last_error: Mutex<Option<String>>,
    any: Notify,
}

struct Count {
    reason: Reason,
    all: Counter,
    /// Of them, those that stand in no line yet.
    untold: AtomicU64,
}

impl Refusals {
    /// With the counter that `counter` has for each reason.
    pub fn new(counter: impl Fn(Reason) -> Counter) -> Self {
        let counts =
            Reason::ALL.map(|reason| Count { reason, all: counter(reason), untold: 0.into() });
        Self {
            counts,
            last_client: Mutex::default(),
            last_error: Mutex::default(),
            any: Notify::new(),
        }
    }

    /// Counts one, of a client if it is known.
    pub fn count(&self, reason: Reason, client: Option<IpAddr>) {
        let Some(count) = self.counts.iter().find(|count| count.reason == reason) else { return };
        count.all.inc();
        if count.untold.fetch_add(1, Ordering::Relaxed) == 0 {
            self.any.notify_one();
        }
        if let Some(client) = client {
            *self.last_client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
        }
    }

    /// Counts a connection that the system did not hand over.
    pub fn failed_to_accept(&self, error: &io::Error) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        self.count(Reason::NoDescriptor, None);
    }

    /// Writes the lines, for as long as the runtime lives.
    pub async fn log(self: Arc<Self>) {
        loop {
            self.any.notified().await;
            tokio::time::sleep(GATHER).await;
            let mut reasons = String::new();
            for count in &self.counts {
                let untold = count.untold.swap(0, Ordering::Relaxed);
                if untold > 0 {
                    let space = if reasons.is_empty() { "" } else { " " };
                    // Nothing fails that writes into memory.
                    let _ = write!(reasons, "{space}{}={untold}", count.reason.as_str());
                }
            }
            let last_client = *self.last_client.lock().unwrap_or_else(PoisonError::into_inner);
            let last_client =
                last_client.map_or_else(|| "-".to_owned(), |client| client.to_string());
            let last_error = self.last_error.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(error) = last_error {
                tracing::error!(error, "could not accept connections");
            }
            if !reasons.is_empty() {
                tracing::warn!(reasons, last_client, "refused or closed");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}
