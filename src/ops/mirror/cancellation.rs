//! How a run is asked to end before it is done.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Asks runs to end before they are done. A clone asks the same runs.
#[derive(Clone, Default)]
pub struct Cancellation(Arc<Shared>);

#[derive(Default)]
struct Shared {
    is_cancelled: Mutex<bool>,
    /// For threads that wait.
    changed: Condvar,
    /// For tasks that wait.
    notify: Notify,
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancellation").field(&self.is_cancelled()).finish()
    }
}

impl Cancellation {
    /// Asks the runs to end.
    pub fn cancel(&self) {
        *self.lock() = true;
        self.0.changed.notify_all();
        self.0.notify.notify_waiters();
    }

    /// Whether the runs were asked to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.lock()
    }

    /// Waits on this thread; `false` if the runs were asked to end.
    #[must_use]
    pub fn pause(&self, duration: Duration) -> bool {
        let waited =
            self.0.changed.wait_timeout_while(self.lock(), duration, |is_cancelled| !*is_cancelled);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until the runs are asked to end.
    pub(crate) async fn cancelled(&self) {
        loop {
            // It is notified from here on, also before it is polled.
            let notified = self.0.notify.notified();
            if self.is_cancelled() {
                return;
            }
            notified.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        // It is replaced in one step, so it is valid after a panic too.
        self.0.is_cancelled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    #[test]
    fn threads_and_tasks_that_wait_are_woken() {
        let cancellation = Cancellation::default();
        assert!(cancellation.pause(Duration::from_millis(1)));
        let began = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| assert!(!cancellation.pause(Duration::from_secs(60))));
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(cancellation.cancelled());
            });
            thread::sleep(Duration::from_millis(50));
            cancellation.clone().cancel();
        });
        assert!(began.elapsed() < Duration::from_secs(30));
        assert!(!cancellation.pause(Duration::from_secs(60)) && cancellation.is_cancelled());
    }
}
