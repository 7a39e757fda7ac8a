//! The time in which the head of a request has to arrive.
//!
//! hyper sets a deadline for each head, which nearly always arrives in time. A timer of the runtime for each of them
//! would be added and removed under a lock that all connections share. So a connection has one timer, which stays set
//! for an earlier deadline: when it fires, it is set again for the current one.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt;

/// The timer of one connection, of which one deadline at a time is waited for.
pub(crate) struct HeadTimer(Arc<Mutex<Alarm>>);

/// Made when a deadline is first waited for.
type Alarm = Option<Pin<Box<tokio::time::Sleep>>>;

struct Deadline {
    at: Instant,
    alarm: Arc<Mutex<Alarm>>,
}

impl HeadTimer {
    pub fn new() -> Self {
        Self(Arc::default())
    }
}

impl rt::Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        let now = self.now();
        self.sleep_until(now.checked_add(duration).unwrap_or(now))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Deadline { at: deadline, alarm: Arc::clone(&self.0) })
    }
}

impl rt::Sleep for Deadline {}

impl Future for Deadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let at = self.at.into();
        // The value is whole at any moment, so it is valid after a panic too.
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let alarm = alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if alarm.deadline() > at {
            alarm.as_mut().reset(at);
        }
        while alarm.deadline() < at {
            ready!(alarm.as_mut().poll(context).map(|()| alarm.as_mut().reset(at)));
        }
        alarm.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use hyper::rt::Timer;
    use tokio::runtime::Runtime;

    use super::*;

    const SHORT: Duration = Duration::from_millis(40);
    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn each_deadline_holds_whatever_the_timer_was_set_to() {
        Runtime::new().unwrap().block_on(async {
            let timer = HeadTimer::new();
            let ends_soon = async |first: Duration, second: Duration| {
                let first = tokio::time::timeout(Duration::ZERO, timer.sleep(first)).await;
                assert!(first.is_err(), "it ended at once");
                let began = Instant::now();
                timer.sleep(second).await;
                (second..LONG).contains(&began.elapsed())
            };
            // After a later one, and twice after an earlier one: the timer has fired before the second.
            assert!(ends_soon(LONG, SHORT).await);
            assert!(ends_soon(SHORT, 3 * SHORT).await);
            tokio::time::sleep(SHORT).await;
            assert!(ends_soon(SHORT, 2 * SHORT).await);
        });
    }
}
