use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::*;
use crate::ops::mirror::Options;

/// A runner in a new directory, whose runs begin so.
fn start(
    options: impl Fn(usize) -> Result<Options, String> + Send + Sync + 'static,
) -> (MirrorRunner, Arc<MirrorStatus>, Arc<AtomicUsize>, tempfile::TempDir) {
    let (directory, number) = (tempfile::TempDir::new().unwrap(), Arc::new(AtomicUsize::new(0)));
    let (status, runs) = (Arc::new(MirrorStatus::default()), Arc::clone(&number));
    let schedule = MirrorSchedule {
        every: Duration::from_millis(50),
        options: Arc::new(move || options(runs.fetch_add(1, Ordering::SeqCst))),
        description: String::new(),
    };
    let job = MirrorJob {
        name: "acme".to_owned(),
        schedule,
        target: MirrorTarget::Directory(directory.path().to_owned()),
        status: Arc::clone(&status),
        metrics: MirrorMetrics::default(),
        cancellation: Cancellation::default(),
    };
    (MirrorRunner::start(job).unwrap(), status, number, directory)
}

fn until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "never so");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_panic_ends_one_run_and_not_the_schedule() {
    let (runner, status, runs, _directory) = start(|number| match number {
        0 => panic!("this is a test"),
        _ => Err(format!("run {number}")),
    });
    until(|| runs.load(Ordering::SeqCst) > 3);
    until(|| status.current().error.is_some_and(|error| error.starts_with("run ")));
    drop(runner);
    thread::sleep(Duration::from_millis(200));
    let ended = runs.load(Ordering::SeqCst);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(runs.load(Ordering::SeqCst), ended, "it is dropped, and goes on");
    assert!(!status.current().is_running);
}

#[test]
fn a_panic_is_an_error_of_the_run() {
    let (_runner, status, _, _directory) = start(|_| panic!("this is a test"));
    until(|| status.current().error.is_some_and(|error| error.contains("a defect of hexreg")));
    assert_eq!(status.current().succeeded, None);
}
