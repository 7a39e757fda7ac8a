//! How often a request is repeated.

use std::io;
use std::time::{Duration, Instant};

use crate::store::error::StoreErrorKind;

/// How often a request is sent, beyond the repetitions of the client, which repeats only what cannot have been done.
const MAX_ATTEMPTS: u32 = 5;

/// The longest pause before the second attempt. It doubles before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// After this time no further attempt begins: each may take minutes.
const RETRY_BUDGET: Duration = Duration::from_secs(10 * 60);

/// How often a request is sent to a server that does not answer at all, which takes half a minute each time.
const MAX_UNANSWERED: u32 = 2;

/// Whether the server did not answer.
pub(super) fn is_unanswered(error: &StoreErrorKind) -> bool {
    matches!(error, StoreErrorKind::TimedOut(_))
}

/// The attempts of one request so far.
pub(super) struct Attempts {
    number: u32,
    began: Instant,
}

impl Attempts {
    pub fn begin() -> Self {
        Self { number: 1, began: Instant::now() }
    }

    /// Pauses before another attempt, if one is left. The pause is random, so that two writers do not collide again.
    pub async fn next(&mut self) -> bool {
        if self.number >= MAX_ATTEMPTS || self.began.elapsed() > RETRY_BUDGET {
            return false;
        }
        let longest = FIRST_PAUSE.saturating_mul(1 << self.number.saturating_sub(1));
        tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.number = self.number.saturating_add(1);
        true
    }

    /// As [`next`](Self::next), after this error.
    pub async fn next_after(&mut self, error: &StoreErrorKind) -> bool {
        let is_last = is_unanswered(error) && self.number >= MAX_UNANSWERED;
        !is_last && self.next().await
    }

    /// The error of the last attempt. If the server did not answer, it says how long all attempts took.
    pub fn give_up(&self, error: StoreErrorKind) -> StoreErrorKind {
        let StoreErrorKind::TimedOut(error) = error else { return error };
        let seconds = self.began.elapsed().as_secs();
        let message = format!("{error}; given up after {seconds} seconds");
        StoreErrorKind::TimedOut(io::Error::new(error.kind(), message))
    }
}
