//! Whether the store can be asked at this moment. While it cannot, clients get files as they were read last, and do not
//! wait for each file until the store has not answered once more.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::request_failure::RequestFailure;

/// How long after a failure files are used without waiting for the store.
const LASTS: Duration = Duration::from_secs(5);

/// How often the log says that the store cannot be asked.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The last failures of a store.
#[derive(Default)]
pub(crate) struct Outage(Mutex<LastFailures>);

#[derive(Default)]
struct LastFailures {
    /// The last one, if the store has answered nothing since.
    last: Option<Instant>,
    logged: Option<Instant>,
}

impl Outage {
    /// Whether the store failed a short time ago, and has answered nothing since.
    pub fn lasts(&self) -> bool {
        self.lock().last.is_some_and(|last| last.elapsed() < LASTS)
    }

    /// Notes that the store could not be asked for a file that is used as it was read last.
    pub fn note(&self, location: &str, failure: &RequestFailure) {
        let mut failures = self.lock();
        failures.last = Some(Instant::now());
        if failures.logged.is_none_or(|logged| logged.elapsed() >= LOG_EVERY) {
            failures.logged = Some(Instant::now());
            drop(failures);
            tracing::warn!(
                path = location,
                error = failure.reason(),
                "storage cannot be asked: files are served as they were read last"
            );
        }
    }

    /// Notes that the store has answered.
    pub fn end(&self) {
        self.lock().last = None;
    }

    fn lock(&self) -> MutexGuard<'_, LastFailures> {
        // Each value is replaced in one step, so it is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
