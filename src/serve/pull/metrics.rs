//! What the metrics show of repositories that pull from an upstream.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// The repositories that are shown.
    shown: Arc<Mutex<BTreeSet<String>>>,
}

const ANSWERS: [&str; 5] = ["fresh", "fetched", "stale", "missing", "failed"];

const PULLS: [&str; 6] = ["written", "unchanged", "missing", "refused", "unreachable", "not_kept"];

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
        let help = "Whether an upstream answered when it was last asked, and not all of its files are refused";
        registry.register("upstream_reachable", help, self.reachable.clone());
        let help = "Files that were removed to keep within the size";
        registry.register("pull_through_evicted", help, self.evicted.clone());
    }

    /// The metrics of one upstream. They are shown from now on.
    pub fn of(&self, repository: &str) -> UpstreamCounters {
        let repository = repository.to_owned();
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).insert(repository.clone());
        let labels = |result| PullLabels { repository: repository.clone(), result };
        let [fresh, fetched, stale, missing, failed] =
            ANSWERS.map(|result| self.answers.get_or_create(&labels(result)).clone());
        let [written, unchanged, absent, refused, unreachable, not_kept] =
            PULLS.map(|result| self.pulls.get_or_create(&labels(result)).clone());
        let label = UpstreamLabel { repository: repository.clone() };
        UpstreamCounters {
            fresh,
            fetched,
            stale,
            missing,
            failed,
            written,
            unchanged,
            absent,
            refused,
            unreachable,
            not_kept,
            evicted: self.evicted.get_or_create(&label).clone(),
            reachable: self.reachable.get_or_create(&label).clone(),
        }
    }

    /// Forgets all repositories but these: an alarm of one that there is no longer would never end.
    pub fn keep(&self, repositories: &BTreeSet<String>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for repository in shown.difference(repositories) {
            let labels = |result| PullLabels { repository: repository.clone(), result };
            for result in ANSWERS {
                self.answers.remove(&labels(result));
            }
            for result in PULLS {
                self.pulls.remove(&labels(result));
            }
            let label = UpstreamLabel { repository: repository.clone() };
            self.reachable.remove(&label);
            self.evicted.remove(&label);
        }
        shown.retain(|repository| repositories.contains(repository));
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_repository_that_is_gone_is_not_shown() {
        let (mut registry, metrics) = (Registry::default(), PullMetrics::default());
        metrics.register(&mut registry);
        let shown = |of: &str| {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            text.matches(&format!("repository=\"{of}\"")).count()
        };
        let (_acme, gone) = (metrics.of("acme"), metrics.of("gone"));
        assert_eq!((shown("acme"), shown("gone")), (13, 13));
        metrics.keep(&BTreeSet::from(["acme".to_owned()]));
        // A request may not have ended yet.
        gone.fresh.inc();
        gone.reachable.set(1);
        assert_eq!((shown("acme"), shown("gone")), (13, 0));
        metrics.of("gone");
        assert_eq!(shown("gone"), 13);
    }
}
