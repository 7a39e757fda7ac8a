//! Which runner mirrors into a directory: one at a time. After a reload, the runner of the former configuration may still
//! be ending its run when the one of the new configuration starts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::Duration;

use crate::ops::mirror::Cancellation;

/// How often a runner that waits looks whether the other one has ended.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// The turns at all directories of a server, whatever its configuration is.
#[derive(Default)]
pub(crate) struct MirrorTurns(Mutex<HashMap<PathBuf, Weak<MirrorTurn>>>);

/// The turn at one directory.
#[derive(Default)]
pub(crate) struct MirrorTurn(Mutex<()>);

impl MirrorTurns {
    /// The turn at a directory: the same one for as long as a runner has it.
    pub fn of(&self, directory: &Path) -> Arc<MirrorTurn> {
        // Each entry is replaced in one step, so that all are valid after a panic too.
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(directory).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(MirrorTurn::default());
        turns.insert(directory.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

impl MirrorTurn {
    /// Waits until no other runner has the turn; `None` if the runner itself is to end.
    pub fn take(&self, cancellation: &Cancellation) -> Option<MutexGuard<'_, ()>> {
        loop {
            let turn = match self.0.try_lock() {
                Ok(turn) => Some(turn),
                Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            };
            if turn.is_some() && !cancellation.is_cancelled() {
                return turn;
            }
            drop(turn);
            if !cancellation.pause(ASK_EVERY) {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_turn_outlives_a_configuration_without_its_mirror() {
        let (turns, one, other) = (MirrorTurns::default(), Path::new("one"), Path::new("other"));
        let turn = turns.of(one);
        assert!(Arc::ptr_eq(&turn, &turns.of(one)));
        assert!(!Arc::ptr_eq(&turn, &turns.of(other)));
        assert_eq!(turns.0.lock().unwrap().len(), 2);
        drop(turn);
        turns.of(other);
        assert_eq!(turns.0.lock().unwrap().len(), 1, "what no runner has is forgotten");
    }

    #[test]
    fn a_turn_is_waited_for_unless_the_runner_ends() {
        let (turn, going, ended) =
            (MirrorTurn::default(), Cancellation::default(), Cancellation::default());
        let held = turn.take(&going).unwrap();
        ended.cancel();
        assert!(turn.take(&ended).is_none());
        thread::scope(|scope| {
            let waits = scope.spawn(|| turn.take(&going).is_some());
            thread::sleep(ASK_EVERY * 3);
            assert!(!waits.is_finished());
            drop(held);
            assert!(waits.join().unwrap());
        });
        assert!(turn.take(&ended).is_none());
    }
}
