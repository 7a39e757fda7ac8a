//! What the metrics say of mirrors.

use std::time::Duration;

use super::directory::ALL;
use super::{Upstream, until};
use crate::support::unruly::Fault;

/// The line of a number without the prefix that all have.
fn has(metrics: &str, line: &str) -> bool {
    metrics.lines().any(|one| one.strip_prefix("hexreg_") == Some(line))
}

#[test]
fn metrics_have_the_state_of_a_mirror_from_its_start() {
    let upstream = Upstream::samples();
    upstream.fail("/", Fault::Drop);
    upstream.configure("hexreg.toml", "copy", ALL, &[]);
    let server = upstream.serve("hexreg.toml");
    let metrics = server.metrics();
    for line in [
        "mirror_runs_total{repository=\"acme\",result=\"done\"} 0",
        "mirror_runs_total{repository=\"acme\",result=\"held_back\"} 0",
        "mirror_succeeded_timestamp_seconds{repository=\"acme\"} 0",
        "changes_total{action=\"publish\",result=\"failed\"} 0",
        "changes_total{action=\"revert docs\",result=\"refused\"} 0",
        "storage_requests_total{result=\"failed\"} 0",
        "cache_lookups_total{result=\"stale\"} 0",
    ] {
        assert!(has(&metrics, line), "{line} is not in {metrics}");
    }
    let failed = "mirror_last_run_failed{repository=\"acme\"} 1";
    until("it failed", || has(&server.metrics(), failed));
    let metrics = server.metrics();
    assert!(has(&metrics, "mirror_succeeded_timestamp_seconds{repository=\"acme\"} 0"));
    let ended = "mirror_last_run_timestamp_seconds{repository=\"acme\"} ";
    let ended = metrics.lines().find_map(|line| line.strip_prefix("hexreg_")?.strip_prefix(ended));
    assert!(ended.unwrap().parse::<u64>().unwrap() > 1_700_000_000, "{metrics}");
    upstream.fail("/", Fault::None);
    let failed = "mirror_last_run_failed{repository=\"acme\"} 0";
    until("it did not fail", || has(&server.metrics(), failed));
    // The numbers are set one after the other.
    let never = "mirror_succeeded_timestamp_seconds{repository=\"acme\"} 0";
    until("it succeeded", || !has(&server.metrics(), never));
    upstream.fail("/tarballs/new", Fault::Drip(Duration::from_millis(300)));
    upstream.publish("new", "1.0.0");
    let running = "mirror_running{repository=\"acme\"} 1";
    until("it runs", || upstream.unruly.count("/tarballs/new") > 0);
    assert!(has(&server.metrics(), running), "{}", server.metrics());
}
