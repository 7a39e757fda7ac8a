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
    running: GaugeFamily,
    ended: GaugeFamily,
    failed: GaugeFamily,
    succeeded: GaugeFamily,
}

type SharedGauge = Gauge<i64, AtomicI64>;

type GaugeFamily = Family<MirrorLabel, SharedGauge>;

/// The metrics of one mirror. Once the mirror [is removed](MirrorMetrics::remove), nothing shows them.
#[derive(Clone)]
pub(crate) struct ShownMirror {
    runs: [Counter; 3],
    /// Whether a run is going on, here or on another server: 0 or 1.
    pub running: SharedGauge,
    /// When the last run ended, in seconds since 1970; 0 if none has.
    pub ended: SharedGauge,
    /// Whether the last run failed: 0 or 1.
    pub failed: SharedGauge,
    /// When the last run ended that did not fail, in seconds since 1970; 0 if none has.
    pub succeeded: SharedGauge,
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

/// Each result, and its label.
const RESULTS: [(RunResult, &str); 3] =
    [(RunResult::Done, "done"), (RunResult::HeldBack, "held_back"), (RunResult::Failed, "failed")];

impl MirrorMetrics {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Runs of mirrors, by how they ended";
        registry.register("mirror_runs", help, self.runs.clone());
        let help =
            "Whether a mirror is brought up to date at this moment, here or on another server";
        registry.register("mirror_running", help, self.running.clone());
        let help = "When the last run of a mirror ended, in seconds since 1970";
        let ended = self.ended.clone();
        registry.register_with_unit("mirror_last_run_timestamp", help, Unit::Seconds, ended);
        let help = "Whether the last run of a mirror failed";
        registry.register("mirror_last_run_failed", help, self.failed.clone());
        let help = "When a mirror was brought up to date, in seconds since 1970";
        let succeeded = self.succeeded.clone();
        registry.register_with_unit("mirror_succeeded_timestamp", help, Unit::Seconds, succeeded);
    }

    /// The metrics of a mirror. They are shown from now on: an alarm sees a mirror that has never succeeded.
    pub fn of(&self, repository: &str) -> ShownMirror {
        let repository = repository.to_owned();
        let runs = RESULTS.map(|(_, result)| {
            let labels = RunLabels { repository: repository.clone(), result };
            self.runs.get_or_create(&labels).clone()
        });
        let label = MirrorLabel { repository };
        let gauge = |family: &GaugeFamily| family.get_or_create(&label).clone();
        ShownMirror {
            runs,
            running: gauge(&self.running),
            ended: gauge(&self.ended),
            failed: gauge(&self.failed),
            succeeded: gauge(&self.succeeded),
        }
    }

    /// Forgets a mirror that there is no longer: an alarm of its age would never end.
    pub fn remove(&self, repository: &str) {
        let repository = repository.to_owned();
        for (_, result) in RESULTS {
            self.runs.remove(&RunLabels { repository: repository.clone(), result });
        }
        let label = MirrorLabel { repository };
        for family in [&self.running, &self.ended, &self.failed, &self.succeeded] {
            family.remove(&label);
        }
    }
}

impl ShownMirror {
    pub fn count_run(&self, result: RunResult) {
        let counters = RESULTS.iter().zip(&self.runs);
        for (_, counter) in counters.filter(|((one, _), _)| *one == result) {
            counter.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_mirror_is_shown_from_its_start_to_its_end() {
        let (mut registry, metrics) = (Registry::default(), MirrorMetrics::default());
        metrics.register(&mut registry);
        let shown = |registry: &Registry| {
            let mut text = String::new();
            encode(&mut text, registry).unwrap();
            let lines = text.lines().filter(|line| line.contains("repository=\"acme\""));
            let mut lines: Vec<_> = lines.map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let mirror = metrics.of("acme");
        let zeros = [
            "mirror_last_run_failed{repository=\"acme\"} 0",
            "mirror_last_run_timestamp_seconds{repository=\"acme\"} 0",
            "mirror_running{repository=\"acme\"} 0",
            "mirror_runs_total{repository=\"acme\",result=\"done\"} 0",
            "mirror_runs_total{repository=\"acme\",result=\"failed\"} 0",
            "mirror_runs_total{repository=\"acme\",result=\"held_back\"} 0",
            "mirror_succeeded_timestamp_seconds{repository=\"acme\"} 0",
        ];
        assert_eq!(shown(&registry), zeros);
        mirror.count_run(RunResult::HeldBack);
        let counted = "mirror_runs_total{repository=\"acme\",result=\"held_back\"} 1".to_owned();
        assert!(shown(&registry).contains(&counted));
        metrics.remove("acme");
        assert_eq!(shown(&registry), Vec::<String>::new());
        // Its thread may not have ended yet.
        mirror.count_run(RunResult::Done);
        mirror.succeeded.set(1);
        assert_eq!(shown(&registry), Vec::<String>::new());
        metrics.of("acme");
        assert_eq!(shown(&registry), zeros);
    }
}
