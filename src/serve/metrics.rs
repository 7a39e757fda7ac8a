//! Metrics for Prometheus.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::audit::ChangeCounters;
use super::connections::refusals::Refusals;
#[cfg(feature = "buckets")]
use super::files::bucket::counters::BucketCounters;
#[cfg(feature = "mirror")]
use super::mirrors::metrics::MirrorMetrics;
#[cfg(feature = "mirror")]
use super::pull::metrics::PullMetrics;

/// The counters of a server.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    /// Those of `requests` with the labels in [`FREQUENT`], once each was counted: it is not looked up again.
    frequent: [OnceLock<Counter>; FREQUENT.len()],
    bytes: Counter,
    seconds: Histogram,
    /// How many connections are open.
    pub connections: Gauge,
    /// Refused requests and closed connections.
    pub refusals: Arc<Refusals>,
    /// How often a changed configuration, certificate or auth file was invalid, and the former one was kept.
    pub failed_reloads: Counter,
    /// How mirrors are kept up to date.
    #[cfg(feature = "mirror")]
    pub mirrors: MirrorMetrics,
    /// What is fetched from upstreams when clients ask for it.
    #[cfg(feature = "mirror")]
    pub pulls: PullMetrics,
    /// What became of changes that clients asked for.
    pub changes: ChangeCounters,
    /// What buckets and their caches do.
    #[cfg(feature = "buckets")]
    pub buckets: BucketCounters,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
    status: u16,
}

/// The labels of most responses.
const FREQUENT: [Labels; 3] = [
    Labels { kind: "registry", status: 200 },
    Labels { kind: "tarball", status: 200 },
    Labels { kind: "registry", status: 304 },
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// In seconds: from a file in memory to a large tarball over a slow line.
const BUCKETS: [f64; 9] = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0, 30.0];

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("hexreg");
        let requests = Family::default();
        registry.register("requests", "Requests answered", requests.clone());
        let bytes = Counter::default();
        registry.register_with_unit("sent", "Bytes of bodies sent", Unit::Bytes, bytes.clone());
        let seconds = Histogram::new(BUCKETS);
        let help = "From a request's head to the end of its answer";
        registry.register_with_unit("answering", help, Unit::Seconds, seconds.clone());
        let connections = Gauge::default();
        registry.register("connections", "Connections that are open", connections.clone());
        let by_reason = Family::<ReasonLabel, Counter>::default();
        let help = "Requests and connections that were refused, and connections closed, by reason";
        registry.register("refusals", help, by_reason.clone());
        let refusals = Refusals::new(|reason| {
            let counter = by_reason.get_or_create(&ReasonLabel { reason: reason.as_str() });
            counter.clone()
        });
        let refusals = Arc::new(refusals);
        let failed_reloads = Counter::default();
        let help = "Times that changed files were no good, and what was read before was kept";
        registry.register("failed_reloads", help, failed_reloads.clone());
        let changes = ChangeCounters::default();
        changes.register(&mut registry);
        #[cfg(feature = "buckets")]
        let buckets = BucketCounters::default();
        #[cfg(feature = "buckets")]
        buckets.register(&mut registry);
        #[cfg(feature = "mirror")]
        let mirrors = MirrorMetrics::default();
        #[cfg(feature = "mirror")]
        mirrors.register(&mut registry);
        #[cfg(feature = "mirror")]
        let pulls = PullMetrics::default();
        #[cfg(feature = "mirror")]
        pulls.register(&mut registry);
        Self {
            registry,
            requests,
            frequent: Default::default(),
            bytes,
            seconds,
            connections,
            refusals,
            failed_reloads,
            #[cfg(feature = "mirror")]
            mirrors,
            #[cfg(feature = "mirror")]
            pulls,
            changes,
            #[cfg(feature = "buckets")]
            buckets,
        }
    }

    /// Counts a response.
    pub fn count_response(
        &self,
        kind: &'static str,
        status: StatusCode,
        bytes: u64,
        took: Duration,
    ) {
        let labels = Labels { kind, status: status.as_u16() };
        let frequent = FREQUENT.iter().zip(&self.frequent).find(|(one, _)| **one == labels);
        let new = || self.requests.get_or_create(&labels).clone();
        match frequent {
            Some((_, counter)) => counter.get_or_init(new).inc(),
            None => new().inc(),
        };
        self.bytes.inc_by(bytes);
        self.seconds.observe(took.as_secs_f64());
    }

    /// The text that Prometheus reads, in the format of `OpenMetrics`.
    pub fn encode(&self) -> Option<String> {
        let mut text = String::new();
        encode(&mut text, &self.registry).ok()?;
        Some(text)
    }
}
