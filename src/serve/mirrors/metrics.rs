//! What the metrics show of mirrors.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The metrics of all mirrors.
#[derive(Clone, Default)]
pub(crate) struct MirrorMetrics {
    runs: Family<RunLabels, Counter>,
    succeeded: Family<MirrorLabel, Gauge<i64, AtomicI64>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunLabels {
    repository: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MirrorLabel {
    repository: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunResult {
    /// All is as upstream has it.
    Done,
    /// Some packages were held back, and the rest is as upstream has it.
    HeldBack,
    Failed,
}

impl MirrorMetrics {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Runs of mirrors, by how they ended";
        registry.register("mirror_runs", help, self.runs.clone());
        let help = "When a mirror was brought up to date, in seconds since 1970";
        let succeeded = self.succeeded.clone();
        registry.register_with_unit("mirror_succeeded_timestamp", help, Unit::Seconds, succeeded);
    }

    pub fn count_run(&self, repository: &str, result: RunResult) {
        self.runs.get_or_create(&labels(repository, result)).inc();
    }

    /// Notes when a mirror was brought up to date, in seconds since 1970.
    pub fn set_succeeded(&self, repository: &str, time: i64) {
        let repository = repository.to_owned();
        self.succeeded.get_or_create(&MirrorLabel { repository }).set(time);
    }

    /// Forgets a mirror that there is no longer: an alarm of its age would never end.
    pub fn remove(&self, repository: &str) {
        self.succeeded.remove(&MirrorLabel { repository: repository.to_owned() });
        for result in [RunResult::Done, RunResult::HeldBack, RunResult::Failed] {
            self.runs.remove(&labels(repository, result));
        }
    }
}

fn labels(repository: &str, result: RunResult) -> RunLabels {
    let result = match result {
        RunResult::Done => "done",
        RunResult::HeldBack => "held_back",
        RunResult::Failed => "failed",
    };
    RunLabels { repository: repository.to_owned(), result }
}
