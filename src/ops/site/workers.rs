//! Work on many items, on as many threads as there are in the pool of the caller.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::error::Error;

/// Does the work on each item. The first error ends it.
///
/// The threads are not those of the pool: one that waits for a write would begin with other items meanwhile, and each
/// takes memory until it is done.
pub(super) fn each<T: Sync>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    let run = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = work(item) {
                // The others find no further item.
                next.store(items.len(), Ordering::Relaxed);
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                return;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(run);
        }
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Operation, StoreError};

    #[test]
    fn every_item_is_worked_on_once_until_an_error() {
        let items: Vec<usize> = (0..1_000).collect();
        let sum = AtomicUsize::new(0);
        each(&items, 3, |item| {
            sum.fetch_add(*item, Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
        assert_eq!(sum.into_inner(), 499_500);
        let done = AtomicUsize::new(0);
        let failed = each(&items, 1, |item| {
            done.fetch_add(1, Ordering::Relaxed);
            let conflict = || StoreError::conflict(Operation::Write, item.to_string());
            if *item == 10 { Err(Error::Write(conflict())) } else { Ok(()) }
        });
        assert!(matches!(failed, Err(Error::Write(_))));
        assert_eq!(done.into_inner(), 11);
        assert!(each(&[], 2, |(): &()| Ok(())).is_ok());
    }
}
