//! A body as it comes: no more of it than there may be, not too slowly, and no more of all of them at once than
//! there is memory for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes each second: what comes more slowly keeps others from being fetched. Sixteen requests at once have
/// as much of a line of 33 kbit/s.
pub(super) const SLOWEST: u64 = 256;

/// Over how many times the longest pause that is.
pub(super) const STRETCH: u32 = 4;

/// In bytes: bodies that are smaller need no room.
const SMALL: usize = 1 << 20;

/// In KiB: how much all bodies that are larger may have at once, until they are put in place.
const ROOM: u32 = 256 << 10;

/// Room in memory for large bodies.
#[derive(Clone)]
pub(super) struct Memory(Arc<Semaphore>);

/// Why a body did not come.
pub(super) enum Ended {
    TooLarge,
    TooSlow,
    Broken(reqwest::Error),
}

/// Bytes, and the room that is theirs.
struct Held {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Memory {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(ROOM).unwrap_or(usize::MAX))))
    }

    /// Waits for room for so many bytes, or for as many as there can be.
    async fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let needed = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(ROOM).min(ROOM);
        Arc::clone(&self.0).acquire_many_owned(needed).await.ok()
    }
}

/// Reads all of a body, if it has no more than so many bytes. With `memory`, a large one waits for room, and has it
/// until its bytes are dropped.
pub(super) async fn read(
    mut response: Response,
    limit: usize,
    stall: Duration,
    memory: Option<&Memory>,
    counted: &AtomicU64,
) -> Result<Bytes, Ended> {
    let said = response.content_length().unwrap_or(0).try_into().unwrap_or(usize::MAX);
    if said > limit {
        return Err(Ended::TooLarge);
    }
    let memory = memory.filter(|_| limit > SMALL);
    let mut room = match memory {
        Some(memory) if said > SMALL => memory.room(said).await,
        _ => None,
    };
    let mut body = BytesMut::with_capacity(said);
    let mut pace = Pace::new(stall, Instant::now());
    while let Some(chunk) = response.chunk().await.map_err(Ended::Broken)? {
        counted.fetch_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let length = body.len().saturating_add(chunk.len());
        if length > limit {
            return Err(Ended::TooLarge);
        }
        if !pace.goes_on(chunk.len(), Instant::now()) {
            return Err(Ended::TooSlow);
        }
        if let Some(memory) = memory.filter(|_| room.is_none() && length > SMALL) {
            // All at once: two that have a part of what they need could wait for each other.
            room = memory.room(limit).await;
            pace = Pace::new(stall, Instant::now());
        }
        body.extend_from_slice(&chunk);
    }
    let bytes = body.freeze();
    Ok(match room {
        Some(room) => Bytes::from_owner(Held { bytes, _room: room }),
        None => bytes,
    })
}

/// How fast a body comes.
struct Pace {
    stretch: Duration,
    since: Instant,
    came: u64,
}

impl Pace {
    fn new(stall: Duration, now: Instant) -> Self {
        Self { stretch: stall.saturating_mul(STRETCH), since: now, came: 0 }
    }

    /// Counts bytes that came; whether they come fast enough.
    fn goes_on(&mut self, bytes: usize, now: Instant) -> bool {
        self.came = self.came.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if now.saturating_duration_since(self.since) < self.stretch {
            return true;
        }
        let is_enough = self.came >= SLOWEST.saturating_mul(self.stretch.as_secs().max(1));
        (self.since, self.came) = (now, 0);
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drips_is_given_up_and_what_is_slow_is_not() {
        for (each, is_given_up) in [(SLOWEST - 1, true), (SLOWEST, false), (100 * SLOWEST, false)] {
            let began = Instant::now();
            let mut pace = Pace::new(Duration::from_secs(30), began);
            let mut is_too_slow = false;
            for second in 1..600 {
                let now = began + Duration::from_secs(second);
                is_too_slow |= !pace.goes_on(each.try_into().unwrap(), now);
            }
            assert_eq!(is_too_slow, is_given_up, "{each}");
        }
    }

    #[tokio::test]
    async fn large_bodies_wait_for_room() {
        let memory = Memory::new();
        let four = [memory.room(64 << 20).await, memory.room(64 << 20).await];
        let more = memory.room(128 << 20).await;
        assert!(tokio::time::timeout(Duration::from_millis(20), memory.room(1)).await.is_err());
        // The room goes with the last of its bytes.
        let held = Held { bytes: Bytes::from_static(b"x"), _room: more.unwrap() };
        let bytes = Bytes::from_owner(held);
        let part = bytes.slice(..1);
        drop(bytes);
        assert!(tokio::time::timeout(Duration::from_millis(20), memory.room(1)).await.is_err());
        drop(part);
        assert!(memory.room(1).await.is_some());
        drop(four);
    }
}
