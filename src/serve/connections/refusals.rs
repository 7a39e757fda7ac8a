//! Refused requests and closed connections: a number for each reason in the metrics, and at most one line in the log
//! for each interval, however many there were.

use std::fmt::Write;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;

use crate::serve::connections::activity::EvictionRank;
use crate::serve::connections::peer::Overload;

/// Why a request or a connection was refused, or a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusalReason {
    /// All slots are taken, and no connection could be closed.
    ServerFull,
    /// One address has as many connections or requests as it may have, and no connection could be closed.
    AddressFull,
    /// The connection was idle the longest, and a newcomer got its slot.
    IdleClosed,
    /// The client took its response below the least rate.
    TooSlow,
    /// The head of a request did not arrive in time.
    HeadTimeout,
    /// The TLS handshake failed, or did not end in time.
    TlsHandshake,
    /// The bytes are not a request: 400.
    Malformed,
    /// The head of a request was too large: 431.
    HeadTooLarge,
    /// The request was for another host: 421.
    OtherHost,
    /// Too many passwords wait for their check: 429 or 503.
    Passwords,
    /// Too many requests wait for a page: 429 or 503.
    Pages,
    /// The system had no file descriptor for another connection.
    NoDescriptor,
}

impl RefusalReason {
    pub const ALL: [Self; 12] = [
        Self::ServerFull,
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

    /// The label in metrics and in the log. Dashboards go by these, so they do not change.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServerFull => "house_full",
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

impl From<Overload> for RefusalReason {
    fn from(overload: Overload) -> Self {
        match overload {
            Overload::OfPeer => Self::AddressFull,
            Overload::OfServer => Self::ServerFull,
        }
    }
}

impl From<EvictionRank> for RefusalReason {
    fn from(closed: EvictionRank) -> Self {
        match closed {
            EvictionRank::Idle(_) => Self::IdleClosed,
            EvictionRank::Lagging(_) => Self::TooSlow,
        }
    }
}

/// How long to wait after the first refusal before a line is written, so that the line has others too.
const GATHER: Duration = Duration::from_secs(1);

/// The least time between two lines.
const INTERVAL: Duration = Duration::from_secs(30);

/// Counts refusals.
pub(crate) struct Refusals {
    counts: [ReasonCount; RefusalReason::ALL.len()],
    last_client: Mutex<Option<IpAddr>>,
    last_error: Mutex<Option<String>>,
    any: Notify,
}

struct ReasonCount {
    reason: RefusalReason,
    total: Counter,
    /// Those that no line in the log has counted yet.
    unlogged: AtomicU64,
}

impl Refusals {
    /// Counts with the counter that `counter` returns for each reason.
    pub fn new(counter: impl Fn(RefusalReason) -> Counter) -> Self {
        let counts = RefusalReason::ALL.map(|reason| ReasonCount {
            reason,
            total: counter(reason),
            unlogged: 0.into(),
        });
        Self {
            counts,
            last_client: Mutex::default(),
            last_error: Mutex::default(),
            any: Notify::new(),
        }
    }

    /// Counts a refusal, and the client if it is known.
    pub fn count(&self, reason: RefusalReason, client: Option<IpAddr>) {
        let Some(count) = self.counts.iter().find(|count| count.reason == reason) else { return };
        count.total.inc();
        if count.unlogged.fetch_add(1, Ordering::Relaxed) == 0 {
            self.any.notify_one();
        }
        if let Some(client) = client {
            *self.last_client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
        }
    }

    /// Counts a connection that the system could not hand over.
    pub fn failed_to_accept(&self, error: &io::Error) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        self.count(RefusalReason::NoDescriptor, None);
    }

    /// Writes the lines in the log, as long as the runtime lives.
    pub async fn log(self: Arc<Self>) {
        loop {
            self.any.notified().await;
            tokio::time::sleep(GATHER).await;
            let mut reasons = String::new();
            for count in &self.counts {
                let unlogged = count.unlogged.swap(0, Ordering::Relaxed);
                if unlogged > 0 {
                    let space = if reasons.is_empty() { "" } else { " " };
                    // Writing into memory cannot fail.
                    let _ = write!(reasons, "{space}{}={unlogged}", count.reason.as_str());
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
