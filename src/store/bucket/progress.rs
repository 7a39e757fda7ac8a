//! How long a request may take.
//!
//! A large file over a slow line takes minutes, and a server that does not answer should be given up after seconds. So no
//! request has a limit in all: it fails if neither side moves a byte for a while, or if it is slower than any line that is
//! of use.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use object_store::client::{HttpError, HttpErrorKind};
use tokio::time::Instant;

/// How long a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// The longest time to connect.
    pub connect: Duration,
    /// The longest time without a byte in either direction.
    pub stall: Duration,
    /// The fewest bytes a second, after the first `stall`.
    pub floor: u32,
}

impl Default for RequestLimits {
    /// Ten seconds, half a minute, and 8 KiB a second: sixteen uploads at once over a line of 1 Mbit/s.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), stall: Duration::from_secs(30), floor: 8 << 10 }
    }
}

impl RequestLimits {
    /// For a service on the machine or in its network that hands out credentials: it answers at once, or is missing.
    pub(super) const OF_MACHINE: Self =
        Self { connect: Duration::from_secs(2), stall: Duration::from_secs(5), floor: 1 << 10 };

    /// How long this many bytes may take.
    fn duration(&self, bytes: u64) -> Duration {
        // Larger sizes than a `u32` have no limit: no single file has one.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Duration::from_secs_f64(f64::from(bytes) / f64::from(self.floor.max(1)))
    }
}

/// Why a request was given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum Overdue {
    #[error("{host} has neither taken nor sent a byte for {}", Seconds(*.after))]
    Stalled { host: String, after: Duration },
    #[error("{host} is too slow: {moved} bytes in {}", Seconds(*.after))]
    Slow { host: String, moved: u64, after: Duration },
    #[error("{host} did not answer within {}", Seconds(*.after))]
    Connect { host: String, after: Duration },
}

/// A duration in seconds, or in milliseconds if it is shorter than one.
pub(super) struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{} ms", self.0.as_millis()),
            1 => f.write_str("a second"),
            seconds => write!(f, "{seconds} seconds"),
        }
    }
}

/// How many bytes a request has moved so far, in one direction.
#[derive(Debug)]
pub(super) struct Progress {
    limits: RequestLimits,
    /// Whether the bytes may still be in a buffer of the system, which sends an upload later.
    is_buffered: bool,
    began: Instant,
    moved: Mutex<Moved>,
}

#[derive(Clone, Copy, Debug)]
struct Moved {
    bytes: u64,
    last: Instant,
}

impl Progress {
    pub fn begin(limits: RequestLimits, is_buffered: bool) -> Self {
        let now = Instant::now();
        Self { limits, is_buffered, began: now, moved: Mutex::new(Moved { bytes: 0, last: now }) }
    }

    pub fn note(&self, bytes: usize) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.bytes = moved.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        moved.last = Instant::now();
    }

    fn moved(&self) -> Moved {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the request fails unless it moves more bytes.
    pub fn deadline(&self) -> Instant {
        let moved = self.moved();
        let stall = self.limits.stall;
        // The size of the system's buffer is unknown. It holds little more than the line does, so bytes that it took at
        // once are sent within `stall`; on a slow line within twice that.
        let taking = moved.last.saturating_duration_since(self.began);
        let leaving = if self.is_buffered { taking.min(stall) } else { Duration::ZERO };
        let stalled = later(moved.last, stall.saturating_add(leaving));
        stalled.min(later(later(self.began, self.limits.stall), self.limits.duration(moved.bytes)))
    }

    /// The error, if the deadline is over.
    pub fn overdue(&self, host: &str) -> Option<HttpError> {
        let now = Instant::now();
        if now < self.deadline() {
            return None;
        }
        let (moved, host) = (self.moved(), host.to_owned());
        let silence = now.duration_since(moved.last);
        let error = if silence < self.limits.stall {
            let after = now.duration_since(self.began);
            Overdue::Slow { host, moved: moved.bytes, after }
        } else {
            Overdue::Stalled { host, after: silence }
        };
        Some(HttpError::new(HttpErrorKind::Timeout, error))
    }
}

/// The sum, without an overflow.
fn later(moment: Instant, duration: Duration) -> Instant {
    moment.checked_add(duration).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(30);

    /// How long after its last byte an upload is given up, of which `bytes` were taken evenly in `taking`.
    fn given_up_after(bytes: u64, taking: Duration) -> Duration {
        let mut progress = Progress::begin(RequestLimits::default(), true);
        let last = progress.began;
        progress.began = last.checked_sub(taking).unwrap();
        progress.moved = Mutex::new(Moved { bytes, last });
        progress.deadline().saturating_duration_since(last)
    }

    #[test]
    fn a_silent_server_is_given_up_after_half_a_minute() {
        assert_eq!(given_up_after(0, Duration::ZERO), STALL);
        // However many bytes the system took at once.
        for bytes in [100, 100 << 10, 4 << 20] {
            assert_eq!(given_up_after(bytes, Duration::ZERO), STALL, "{bytes}");
        }
        assert_eq!(given_up_after(16 << 20, Duration::from_secs(2)), Duration::from_secs(32));
        let download =
            Progress { is_buffered: false, ..Progress::begin(RequestLimits::default(), true) };
        assert_eq!(download.deadline().saturating_duration_since(download.began), STALL);
    }

    /// Sixteen at once, of 16 MiB each, over a line of 5 Mbit/s.
    #[test]
    fn an_upload_over_a_slow_line_is_not_given_up() {
        let rate = 5_000_000 / 8 / 16;
        // A piece takes less than two seconds, and half a MiB in the system's buffer takes fourteen.
        for mib in 1..=16 {
            let bytes = mib << 20;
            let left = given_up_after(bytes, Duration::from_secs(bytes / rate));
            assert!(left >= STALL.mul_f64(1.8) && left <= STALL * 2, "{mib}: {left:?}");
        }
        // An upload below the floor is given up, though it moves.
        let slow = Duration::from_secs(16 * 60);
        assert_eq!(given_up_after(4 << 20, slow), Duration::ZERO);
        assert!(given_up_after(8 << 20, slow) > STALL);
    }
}
