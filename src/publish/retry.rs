//! Trying again where somebody else was faster.

use std::thread;
use std::time::{Duration, Instant};

use super::observer::{Observer, Warning};
use crate::store::StoreError;

/// The first pause is up to this long, and each further one up to twice as long as the one before.
const FIRST: Duration = Duration::from_millis(50);

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(2);

/// How often something that is half done is looked at again before nobody is thought to be at it: for some
/// seconds, as the pauses grow.
pub(crate) const UNTIL_DONE: usize = 7;

/// Why an attempt failed that may go well the next time.
pub(crate) trait Contended {
    /// What went wrong in the store, if it was there.
    fn in_store(&self) -> Option<&StoreError>;

    /// The same, where something may have been written before.
    #[must_use]
    fn after_writing(self) -> Self;

    /// Whether somebody else was faster, and nothing else is wrong.
    fn is_conflict(&self) -> bool {
        self.in_store().is_some_and(StoreError::is_conflict)
    }
}

/// Attempts something, counted from nought, again and again until nobody comes between, for as long as that
/// may go on. Pauses are of random length, so that those who came between one another do not do so each time.
/// Where it is waited for a removal, the observer hears of it.
///
/// # Errors
/// Of the first attempt that failed for another reason, or of the last one when `patience` has ended.
pub(crate) fn until_undisturbed<T, E: Contended>(
    patience: Duration,
    observer: &dyn Observer,
    mut attempt: impl FnMut(usize) -> Result<T, E>,
) -> Result<T, E> {
    // The work itself may take longer than anybody is waited for.
    let mut disturbed = None;
    let (mut pause, mut number, mut is_told) = (FIRST, 0_usize, false);
    loop {
        let error = match attempt(number) {
            Err(error) if error.is_conflict() => error,
            done if number == 0 => return done,
            done => return done.map_err(E::after_writing),
        };
        if disturbed.get_or_insert_with(Instant::now).elapsed() >= patience {
            return Err(if number == 0 { error } else { error.after_writing() });
        }
        if let Some(store) = error.in_store().filter(|store| store.is_being_removed() && !is_told) {
            observer.warn(Warning::Leaving { location: store.location.clone() });
            is_told = true;
        }
        thread::sleep(pause.mul_f64(fastrand::f64()));
        pause = pause.saturating_mul(2).min(LONGEST);
        number = number.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Wrong {
        Conflict,
        Else,
        Later,
    }

    impl Contended for Wrong {
        fn is_conflict(&self) -> bool {
            *self == Self::Conflict
        }

        fn in_store(&self) -> Option<&StoreError> {
            None
        }

        fn after_writing(self) -> Self {
            if self == Self::Else { Self::Later } else { self }
        }
    }

    #[test]
    fn it_is_tried_again_until_it_goes_well_or_something_else_is_wrong() {
        let third = |number| if number < 2 { Err(Wrong::Conflict) } else { Ok(number) };
        assert_eq!(until_undisturbed(Duration::from_secs(60), &(), third), Ok(2));
        let wrong = |number| Err::<(), _>(if number < 2 { Wrong::Conflict } else { Wrong::Else });
        assert_eq!(until_undisturbed(Duration::from_secs(60), &(), wrong), Err(Wrong::Later));
        let at_once = until_undisturbed(Duration::ZERO, &(), |_| Err::<(), _>(Wrong::Else));
        assert_eq!(at_once, Err(Wrong::Else));
    }

    /// Somebody may well come between in a minute's work.
    #[test]
    fn patience_begins_when_somebody_comes_between() {
        let slow = |number| {
            thread::sleep(Duration::from_millis(if number == 0 { 300 } else { 0 }));
            if number == 0 { Err(Wrong::Conflict) } else { Ok(number) }
        };
        assert_eq!(until_undisturbed(Duration::from_millis(200), &(), slow), Ok(1));
    }

    #[test]
    fn patience_has_an_end() {
        let mut attempts = 0;
        let never = until_undisturbed(Duration::from_millis(200), &(), |_| {
            attempts += 1;
            Err::<(), _>(Wrong::Conflict)
        });
        assert_eq!(never, Err(Wrong::Conflict));
        assert!(attempts > 1);
    }
}
