//! How often a repository is mirrored, and what of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ops::mirror;

/// How often a repository is mirrored, and what of it.
#[derive(Clone)]
pub struct MirrorSchedule {
    /// From the end of a run to the start of the next one. It varies by a tenth, so that many servers do not ask upstream
    /// at one moment.
    pub every: Duration,
    /// Makes the options of a run: lock files and secrets are read again for each.
    pub options: Arc<OptionsOfRun>,
    /// What the options are made of. Schedules are the same if their texts are.
    pub description: String,
}

/// Makes the options of a run, or says why it cannot.
pub type OptionsOfRun = dyn Fn() -> Result<mirror::Options, String> + Send + Sync;

/// A tenth of an interval is how much it varies.
const JITTER: f64 = 0.1;

impl MirrorSchedule {
    /// The time until the next run, for a random number from 0 to 1.
    #[must_use]
    pub fn pause(&self, random: f64) -> Duration {
        self.every.mul_f64((random - 0.5).mul_add(2.0 * JITTER, 1.0))
    }
}

impl PartialEq for MirrorSchedule {
    fn eq(&self, other: &Self) -> bool {
        (self.every, &self.description) == (other.every, &other.description)
    }
}

impl fmt::Debug for MirrorSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { every, description, .. } = self;
        f.debug_struct("MirrorSchedule")
            .field("every", every)
            .field("description", description)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_vary_by_a_tenth() {
        let options = Arc::new(|| Err("unused".to_owned()));
        let every = Duration::from_secs(1000);
        let schedule = MirrorSchedule { every, options, description: String::new() };
        assert_eq!(schedule.pause(0.0), Duration::from_secs(900));
        assert_eq!(schedule.pause(0.5), every);
        assert_eq!(schedule.pause(1.0), Duration::from_secs(1100));
    }
}
