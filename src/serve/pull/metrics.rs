//! What the metrics show of repositories that pull from an upstream.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metrics of all upstreams.
#[derive(Clone, Default)]
pub(crate) struct PullMetrics {
    answers: Family<PullLabels, Counter>,
    pulls: Family<PullLabels, Counter>,
    reachable: Family<UpstreamLabel, Gauge<i64, AtomicI64>>,
    evicted: Family<UpstreamLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PullLabels {
    repository: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabel {
    repository: String,
}

/// The metrics of one upstream. Their counters are made once, so that all are there from the start.
pub(crate) struct UpstreamCounters {
    pub fresh: Counter,
    pub fetched: Counter,
    pub stale: Counter,
    pub missing: Counter,
    pub failed: Counter,
    pub written: Counter,
    pub unchanged: Counter,
    pub absent: Counter,
    /// Files that upstream sent, and that were refused.
    pub refused: Counter,
    pub unreachable: Counter,
    pub not_kept: Counter,
    pub evicted: Counter,
    pub reachable: Gauge<i64, AtomicI64>,
}

impl PullMetrics {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Files that clients asked for of an upstream, by where they came from";
        registry.register("pull_through_answers", help, self.answers.clone());
        let help = "Requests to upstreams, by what came of them";
        registry.register("pull_through_requests", help, self.pulls.clone());
        let help = "Whether an upstream answered when it was last asked";
        registry.register("upstream_reachable", help, self.reachable.clone());
        let help = "Files that were removed to keep within the size";
        registry.register("pull_through_evicted", help, self.evicted.clone());
    }

    /// The metrics of one upstream.
    pub fn of(&self, repository: &str) -> UpstreamCounters {
        let repository = repository.to_owned();
        let labels = |result| PullLabels { repository: repository.clone(), result };
        let answer = |result| self.answers.get_or_create(&labels(result)).clone();
        let pull = |result| self.pulls.get_or_create(&labels(result)).clone();
        let label = UpstreamLabel { repository: repository.clone() };
        let counters = UpstreamCounters {
            fresh: answer("fresh"),
            fetched: answer("fetched"),
            stale: answer("stale"),
            missing: answer("missing"),
            failed: answer("failed"),
            written: pull("written"),
            unchanged: pull("unchanged"),
            absent: pull("missing"),
            refused: pull("refused"),
            unreachable: pull("unreachable"),
            not_kept: pull("not_kept"),
            evicted: self.evicted.get_or_create(&label).clone(),
            reachable: self.reachable.get_or_create(&label).clone(),
        };
        counters.reachable.set(1);
        counters
    }
}
