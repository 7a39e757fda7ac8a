//! The time between two runs of a mirror that keeps itself up to date.

use std::time::Duration;

/// By which part an interval varies, so that many mirrors do not ask upstream at one moment.
const JITTER: f64 = 0.1;

/// The time from the end of a run to the start of the next one, for a random number from 0 to 1.
#[must_use]
pub fn pause(every: Duration, random: f64) -> Duration {
    every.mul_f64((random - 0.5).mul_add(2.0 * JITTER, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_vary_by_a_tenth() {
        let every = Duration::from_secs(1000);
        assert_eq!(pause(every, 0.0), Duration::from_secs(900));
        assert_eq!(pause(every, 0.5), every);
        assert_eq!(pause(every, 1.0), Duration::from_secs(1100));
    }
}
