//! Trying again after a conflict with another writer.

use std::thread;
use std::time::{Duration, Instant};

use super::observer::{Observer, Warning};
use crate::store::StoreError;

/// The first pause is up to this long, and each further one up to twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Attempts before the unfinished change of another writer is considered abandoned. They take some seconds, as the
/// pauses grow.
pub(crate) const ATTEMPTS_UNTIL_ABANDONED: usize = 7;

/// An error of an attempt, some of which another attempt may not meet.
pub(crate) trait Contended {
    /// What the store reported, if it is at fault.
    fn store_error(&self) -> Option<&StoreError>;

    /// The same error, where something may have been written before.
    #[must_use]
    fn after_writing(self) -> Self;

    /// Whether another writer was faster, and nothing else is wrong.
    fn is_conflict(&self) -> bool {
        self.store_error().is_some_and(StoreError::is_conflict)
    }

    /// Whether another writer may be in the middle of a change, so that what was found is not yet, or no longer, whole.
    fn may_be_unfinished(&self) -> bool {
        false
    }
}

/// Attempts something until it meets no error that `may_succeed_later`, for at most `timeout` after the first such
/// error. Attempts are counted from nought. Pauses are of random length, so that writers that were in conflict once are
/// not in conflict each time. The observer is warned if a removal by another writer is waited for.
///
/// # Errors
/// The first error of another kind, or the last error before the timeout.
pub(crate) fn on_conflict<T, E: Contended>(
    timeout: Duration,
    observer: &dyn Observer,
    may_succeed_later: impl Fn(&E, usize) -> bool,
    mut attempt: impl FnMut(usize) -> Result<T, E>,
) -> Result<T, E> {
    // The timeout begins with the first conflict: the work itself may take longer.
    let mut first_conflict = None;
    let (mut pause, mut number, mut has_warned) = (FIRST_PAUSE, 0_usize, false);
    loop {
        let error = match attempt(number) {
            Err(error) if may_succeed_later(&error, number) => error,
            done if number == 0 => return done,
            done => return done.map_err(E::after_writing),
        };
        if first_conflict.get_or_insert_with(Instant::now).elapsed() >= timeout {
            return Err(if number == 0 { error } else { error.after_writing() });
        }
        if let Some(error) =
            error.store_error().filter(|error| error.is_being_removed() && !has_warned)
        {
            observer.warn(Warning::BeingRemoved { location: error.location.clone() });
            has_warned = true;
        }
        thread::sleep(pause.mul_f64(fastrand::f64()));
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        number = number.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum TestError {
        Conflict,
        Other,
        OtherAfterWriting,
    }

    impl Contended for TestError {
        fn store_error(&self) -> Option<&StoreError> {
            None
        }

        fn after_writing(self) -> Self {
            if self == Self::Other { Self::OtherAfterWriting } else { self }
        }

        fn is_conflict(&self) -> bool {
            *self == Self::Conflict
        }
    }

    fn retry<T>(
        timeout: Duration,
        attempt: impl FnMut(usize) -> Result<T, TestError>,
    ) -> Result<T, TestError> {
        on_conflict(timeout, &(), |error, _| error.is_conflict(), attempt)
    }

    #[test]
    fn attempts_end_with_success_or_an_error_of_another_kind() {
        let third = |number| if number < 2 { Err(TestError::Conflict) } else { Ok(number) };
        assert_eq!(retry(Duration::from_secs(60), third), Ok(2));
        let other =
            |number| Err::<(), _>(if number < 2 { TestError::Conflict } else { TestError::Other });
        assert_eq!(retry(Duration::from_secs(60), other), Err(TestError::OtherAfterWriting));
        let at_once = retry(Duration::ZERO, |_| Err::<(), _>(TestError::Other));
        assert_eq!(at_once, Err(TestError::Other));
    }

    /// Another writer may well be faster during a minute's work.
    #[test]
    fn the_timeout_begins_with_the_first_conflict() {
        let slow = |number| {
            thread::sleep(Duration::from_millis(if number == 0 { 1_600 } else { 0 }));
            if number == 0 { Err(TestError::Conflict) } else { Ok(number) }
        };
        assert_eq!(retry(Duration::from_millis(1_500), slow), Ok(1));
    }

    #[test]
    fn attempts_end_with_the_timeout() {
        let mut attempts = 0;
        let never = retry(Duration::from_secs(1), |_| {
            attempts += 1;
            Err::<(), _>(TestError::Conflict)
        });
        assert_eq!(never, Err(TestError::Conflict));
        assert!(attempts > 1);
    }
}
