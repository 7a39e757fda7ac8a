use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::*;
use crate::ops::mirror::Options;
use crate::serve::watched_store::WatchedStore;

/// A runner in a new directory, whose runs begin so.
fn start(
    options: impl Fn(usize) -> Result<Options, String> + Send + Sync + 'static,
) -> (MirrorRunner, Arc<MirrorStatus>, Arc<AtomicUsize>, tempfile::TempDir) {
    let directory = tempfile::TempDir::new().unwrap();
    let target = MirrorTarget::Directory(directory.path().to_owned());
    let (runner, status, number) = new(target, Arc::default(), options);
    runner.start().unwrap();
    (runner, status, number, directory)
}

fn new(
    target: MirrorTarget,
    turn: Arc<MirrorTurn>,
    options: impl Fn(usize) -> Result<Options, String> + Send + Sync + 'static,
) -> (MirrorRunner, Arc<MirrorStatus>, Arc<AtomicUsize>) {
    let number = Arc::new(AtomicUsize::new(0));
    let (status, runs) = (Arc::new(MirrorStatus::default()), Arc::clone(&number));
    let schedule = MirrorSchedule {
        every: Duration::from_millis(50),
        options: Arc::new(move || options(runs.fetch_add(1, Ordering::SeqCst))),
        description: String::new(),
    };
    let job = MirrorJob {
        name: "acme".to_owned(),
        schedule,
        target,
        turn,
        status: Arc::clone(&status),
        metrics: MirrorMetrics::default(),
        cancellation: Cancellation::default(),
    };
    (MirrorRunner::new(job), status, number)
}

fn until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "never so");
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
    let thread = runner.thread.lock().unwrap().take().unwrap();
    let begun = runs.load(Ordering::SeqCst);
    until(|| !status.current().is_running);
    drop(runner);
    until(|| thread.is_finished());
    // A run that began since may have been cut off, which is not shown.
    assert!(!status.current().is_running || runs.load(Ordering::SeqCst) > begun);
}

#[test]
fn a_panic_is_an_error_of_the_run() {
    let (_runner, status, _, _directory) = start(|_| panic!("this is a test"));
    until(|| status.current().error.is_some_and(|error| error.contains("a defect of hexreg")));
    assert_eq!(status.current().succeeded, None);
}

/// A runner for a bucket, whose reads panic while the flag is set.
fn start_for_bucket(
    panics: &Arc<AtomicBool>,
    options: impl Fn(usize) -> Result<Options, String> + Send + Sync + 'static,
) -> (MirrorRunner, Arc<MirrorStatus>, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().unwrap();
    let flag = Arc::clone(panics);
    let store = WatchedStore::new(folder.path(), move || {
        assert!(!flag.load(Ordering::SeqCst), "this is a test");
    });
    let directory = folder.path().join("copy");
    let target = MirrorTarget::Bucket { directory, store: Box::new(store) };
    let (runner, status, _) = new(target, Arc::default(), options);
    runner.start().unwrap();
    (runner, status, folder)
}

fn error_of(status: &MirrorStatus) -> String {
    status.current().error.unwrap_or_default()
}

#[test]
fn a_panic_while_the_lease_is_asked_for_is_shown_and_ends_nothing() {
    let panics = Arc::new(AtomicBool::new(true));
    let (_runner, status, _folder) =
        start_for_bucket(&panics, |number| Err(format!("run {number}")));
    until(|| error_of(&status).contains("a defect of hexreg"));
    assert!(!status.current().is_running);
    panics.store(false, Ordering::SeqCst);
    until(|| error_of(&status).starts_with("run "));
}

/// A renewal is due after 1.25 seconds.
#[test]
fn a_panic_of_a_renewal_ends_neither_the_run_nor_the_schedule() {
    let panics = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&panics);
    let (_runner, status, folder) = start_for_bucket(&panics, move |number| {
        flag.store(true, Ordering::SeqCst);
        thread::sleep(Duration::from_secs(2));
        flag.store(false, Ordering::SeqCst);
        Err(format!("run {number}"))
    });
    until(|| error_of(&status) == "run 0");
    until(|| {
        let lease = std::fs::read_to_string(folder.path().join(".hexreg-mirror/lease")).unwrap();
        lease.contains("\"is_held\":false") && lease.contains("run ")
    });
}

#[test]
fn a_runner_begins_once_the_one_before_it_has_ended() {
    let directory = tempfile::TempDir::new().unwrap();
    let (turn, at_work) = (Arc::<MirrorTurn>::default(), Arc::new(AtomicBool::new(false)));
    let may_end = Arc::new(AtomicBool::new(false));
    let target = || MirrorTarget::Directory(directory.path().to_owned());
    let (flag, end) = (Arc::clone(&at_work), Arc::clone(&may_end));
    // It does not notice at once that it is to end.
    let (former, _, begun) = new(target(), Arc::clone(&turn), move |_| {
        flag.store(true, Ordering::SeqCst);
        until(|| end.load(Ordering::SeqCst));
        flag.store(false, Ordering::SeqCst);
        Err("ended".to_owned())
    });
    former.start().unwrap();
    until(|| begun.load(Ordering::SeqCst) == 1);
    let flag = Arc::clone(&at_work);
    let (next, status, _) = new(target(), turn, move |_| {
        Err(if flag.load(Ordering::SeqCst) { "both" } else { "alone" }.to_owned())
    });
    former.end();
    next.start().unwrap();
    next.start().unwrap();
    // It would begin within 50 ms.
    thread::sleep(Duration::from_millis(300));
    may_end.store(true, Ordering::SeqCst);
    until(|| status.current().error.is_some());
    assert_eq!(error_of(&status), "alone");
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    until(|| former.has_ended());
    assert!(!next.has_ended());
}
