//! How often what failed is tried again.

use std::io;
use std::time::{Duration, Instant};

/// How often a request is repeated, beyond what the client does of itself where nothing can have
/// happened.
const TRIES: u32 = 5;

/// Before the second try; doubled before each that follows.
const PAUSE: Duration = Duration::from_millis(100);

/// After which no further try is begun: each may take minutes.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// How often it is repeated where the server said nothing at all, which took half a minute each time.
const TRIES_IN_SILENCE: u32 = 2;

/// Whether a server said nothing.
pub(super) fn is_silence(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut
}

/// How often something was tried.
pub(super) struct Tries {
    number: u32,
    began: Instant,
}

impl Tries {
    pub fn begin() -> Self {
        Self { number: 1, began: Instant::now() }
    }

    /// Waits for a while that no two writers share, if another try is worth it.
    pub async fn again(&mut self) -> bool {
        if self.number >= TRIES || self.began.elapsed() > PATIENCE {
            return false;
        }
        let longest = PAUSE.saturating_mul(1 << self.number.saturating_sub(1));
        tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.number = self.number.saturating_add(1);
        true
    }

    /// The same after this error.
    pub async fn again_after(&mut self, error: &io::Error) -> bool {
        let is_last = is_silence(error) && self.number >= TRIES_IN_SILENCE;
        !is_last && self.again().await
    }

    /// An error of the last try, with how long all of them took, where that is long.
    pub fn tell(&self, error: io::Error) -> io::Error {
        if !is_silence(&error) {
            return error;
        }
        let seconds = self.began.elapsed().as_secs();
        io::Error::new(error.kind(), format!("{error}; it was given up after {seconds} seconds"))
    }
}
