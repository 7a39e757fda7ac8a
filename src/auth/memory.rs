//! Memory for argon2: all checks share a fixed amount, which is allocated once and reused.
//!
//! Each argon2 hash says how much memory its check takes. If each check allocated its own, clients that send wrong
//! passwords would decide how much memory the process has, as the allocator keeps much of the freed memory: 64
//! checks at once came to 877 MB.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use argon2::Block;

/// The most memory that all checks take together, in KiB, which is argon2's unit: 64 MiB.
pub(super) const MAX_MEMORY: u32 = 1 << 16;

/// How many checks run at once, where none needs more than its share of the memory.
const SHARES: usize = 2;

/// In blocks of 1 KiB.
const SHARE: usize = MAX_MEMORY as usize / SHARES;

/// Two buffers of half the memory, or one of all of it.
#[derive(Default)]
pub(super) struct PasswordMemory {
    state: Mutex<Usage>,
    returned: Condvar,
}

#[derive(Default)]
struct Usage {
    shares_in_use: usize,
    /// A check that needs all shares waits. New checks wait behind it, or it might wait for ever.
    is_reserved: bool,
    /// Buffers that no check uses.
    buffers: Vec<Vec<Block>>,
}

/// Blocks for one check, returned when dropped.
pub(super) struct Blocks<'a> {
    memory: &'a PasswordMemory,
    shares: usize,
    buffer: Vec<Block>,
}

/// The system has no memory left to check a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is not enough memory to check a password")]
pub struct NotEnoughMemory;

impl PasswordMemory {
    /// Takes at least `count` blocks, and waits until other checks have returned enough of theirs.
    pub fn take(&self, count: usize) -> Result<Blocks<'_>, NotEnoughMemory> {
        let needs_all = count > SHARE;
        let mut state = self.lock();
        while state.shares_in_use > if needs_all { 0 } else { SHARES.saturating_sub(1) }
            || (state.is_reserved && !needs_all)
        {
            state.is_reserved |= needs_all;
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let shares = if needs_all { SHARES } else { 1 };
        if needs_all {
            state.is_reserved = false;
            state.buffers.clear();
        }
        state.shares_in_use = state.shares_in_use.saturating_add(shares);
        let buffer = state.buffers.pop().unwrap_or_default();
        drop(state);
        let mut taken = Blocks { memory: self, shares, buffer };
        taken.grow(count)?;
        Ok(taken)
    }

    fn lock(&self) -> MutexGuard<'_, Usage> {
        // No panic can happen between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blocks<'_> {
    /// Reserves the full capacity of a buffer at once; the system commits memory only as it is filled. If a buffer were
    /// reallocated for each larger count, the allocator would keep the former memory.
    fn grow(&mut self, count: usize) -> Result<(), NotEnoughMemory> {
        if self.buffer.len() < count {
            let more = count.max(SHARE).saturating_sub(self.buffer.len());
            self.buffer.try_reserve_exact(more).map_err(|_| NotEnoughMemory)?;
            self.buffer.resize(count, Block::new());
        }
        Ok(())
    }
}

impl AsMut<[Block]> for Blocks<'_> {
    fn as_mut(&mut self) -> &mut [Block] {
        &mut self.buffer
    }
}

impl Drop for Blocks<'_> {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut state = self.memory.lock();
        state.shares_in_use = state.shares_in_use.saturating_sub(self.shares);
        // A larger buffer leaves no room for a second one.
        if buffer.len() <= SHARE {
            state.buffers.push(buffer);
        }
        drop(state);
        self.memory.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn two_buffers_are_reused() {
        let memory = PasswordMemory::default();
        let (one, two) = (memory.take(100).unwrap(), memory.take(SHARE).unwrap());
        let pointer = one.buffer.as_ptr();
        drop(one);
        assert_eq!(memory.take(50).unwrap().buffer.as_ptr(), pointer);
        drop(two);
        for _ in 0..10 {
            drop((memory.take(100).unwrap(), memory.take(70).unwrap()));
        }
        let state = memory.lock();
        assert_eq!((state.buffers.len(), state.shares_in_use), (2, 0));
        assert!(state.buffers.iter().all(|buffer| buffer.capacity() <= SHARE));
    }

    #[test]
    fn failed_allocation_is_an_error_and_returns_its_share() {
        let memory = PasswordMemory::default();
        assert_eq!(memory.take(usize::MAX).err(), Some(NotEnoughMemory));
        drop((memory.take(1).unwrap(), memory.take(1).unwrap()));
    }

    #[test]
    fn all_checks_together_never_take_more_than_the_limit() {
        let memory = PasswordMemory::default();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for thread in 0..8 {
                let (memory, now, most) = (&memory, &now, &most);
                scope.spawn(move || {
                    for round in 0..6 {
                        let count = if (thread + round) % 3 == 0 { 2 * SHARE } else { 64 + round };
                        let blocks = memory.take(count).unwrap();
                        let size = blocks.buffer.capacity();
                        most.fetch_max(
                            now.fetch_add(size, Ordering::SeqCst) + size,
                            Ordering::SeqCst,
                        );
                        thread::sleep(Duration::from_millis(1));
                        now.fetch_sub(size, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 2 * SHARE);
        assert_eq!(memory.lock().shares_in_use, 0);
    }

    #[test]
    fn a_check_that_needs_all_memory_is_not_starved() {
        let memory = PasswordMemory::default();
        let first = memory.take(1).unwrap();
        thread::scope(|scope| {
            let large = scope.spawn(|| drop(memory.take(2 * SHARE).unwrap()));
            while !memory.lock().is_reserved {
                thread::yield_now();
            }
            let small = scope.spawn(|| drop(memory.take(1).unwrap()));
            thread::sleep(Duration::from_millis(50));
            assert!(!large.is_finished() && !small.is_finished());
            drop(first);
            large.join().unwrap();
            small.join().unwrap();
        });
    }
}
