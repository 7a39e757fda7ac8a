//! How long a request may take, and how often it is repeated.

use std::time::Duration;

/// The limits of one request and of its repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How many times a file is requested before the mirror gives it up.
    pub attempts: u32,
    /// About how long to pause before the second attempt. Each further pause is twice as long.
    pub pause: Duration,
    /// The longest of those pauses, and the longest `Retry-After` that is respected.
    pub longest_pause: Duration,
    /// How long a connection may deliver no byte.
    pub stall: Duration,
    /// How long a body may come slowly. After that, it has to come at 4 KiB a second.
    pub patience: Duration,
    /// How long a large body waits for memory that others have.
    pub memory: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            attempts: 5,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            patience: Duration::from_secs(10 * 60),
            memory: Duration::from_secs(60 * 60),
        }
    }
}
