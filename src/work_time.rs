//! How long a thread works, however busy the machine is with other tests.

use std::fs;
use std::time::{Duration, Instant};

/// Does some work on this thread. Returns its CPU time too, or the time that passes where no `/proc` has the former.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let (used, began) = (cpu_time(), Instant::now());
    let done = work();
    let used = cpu_time().zip(used).map(|(now, before)| now.saturating_sub(before));
    (done, used.unwrap_or_else(|| began.elapsed()))
}

/// The CPU time of this thread, of which Linux counts hundredths of a second for its users: proc(5).
fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/stat").ok()?;
    // The name of the thread is in parentheses, and may have spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Some(Duration::from_millis(ticks.sum::<Result<u64, _>>().ok()?.saturating_mul(10)))
}

#[test]
fn work_counts_and_waiting_does_not() {
    let (began, mut turns) = (Instant::now(), 0_u64);
    let ((), worked) = timed(|| {
        while began.elapsed() < Duration::from_millis(200) {
            turns = turns.wrapping_add(1);
        }
    });
    assert!(worked > Duration::ZERO, "{turns} turns");
    if cpu_time().is_some() {
        let ((), waited) = timed(|| std::thread::sleep(Duration::from_millis(200)));
        assert!(waited < Duration::from_millis(100), "{waited:?}");
    }
}
