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

/// The same once a body has come for [`LONG`]: such a line has it for one request, so that even the largest body
/// comes to its end in some hours.
const SLOWEST_LATER: u64 = 4 << 10;

/// After which time a body has to come faster.
const LONG: Duration = Duration::from_secs(10 * 60);

/// Over how many times the longest pause that is.
pub(super) const STRETCH: u32 = 4;

/// In bytes: bodies that are smaller need no room. There may be 256 of them at once.
const SMALL: usize = 128 << 10;

/// In KiB: how much all bodies that are larger may have at once. Beside it, each connection has a buffer of up to
/// 400 KiB.
const ROOM: u32 = 64 << 10;

/// Room in memory for large bodies.
#[derive(Clone)]
pub(super) struct BodyMemory(Arc<Semaphore>);

/// What a body takes of it: nothing, where it is small.
pub(super) struct MemoryPermit(Option<OwnedSemaphorePermit>);

/// Why a body did not come.
pub(super) enum BodyError {
    TooLarge,
    TooSlow {
        /// How many bytes a second there had to be.
        least: u64,
    },
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

impl MemoryPermit {
    /// The bytes, which have the room until the last of them is dropped.
    pub fn with(self, bytes: Bytes) -> Bytes {
        match self.0 {
            Some(room) => Bytes::from_owner(Held { bytes, _room: room }),
            None => bytes,
        }
    }
}

impl BodyMemory {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(ROOM).unwrap_or(usize::MAX))))
    }

    /// Waits for room for so many bytes, or for as many as there can be.
    async fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let needed = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(ROOM).min(ROOM);
        Arc::clone(&self.0).acquire_many_owned(needed).await.ok()
    }
}

/// Reads all of a body, if it has no more than so many bytes. A large one waits for room.
pub(super) async fn read(
    mut response: Response,
    limit: usize,
    stall: Duration,
    memory: &BodyMemory,
    counted: &AtomicU64,
) -> Result<(Bytes, MemoryPermit), BodyError> {
    let said = response.content_length().unwrap_or(0).try_into().unwrap_or(usize::MAX);
    if said > limit {
        return Err(BodyError::TooLarge);
    }
    let mut room = if said > SMALL { memory.room(said).await } else { None };
    let mut body = BytesMut::with_capacity(said);
    let mut pace = Pace::new(stall, Instant::now());
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        counted.fetch_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let length = body.len().saturating_add(chunk.len());
        if length > limit {
            return Err(BodyError::TooLarge);
        }
        let now = Instant::now();
        if !pace.goes_on(chunk.len(), now) {
            return Err(BodyError::TooSlow { least: pace.least(now) });
        }
        if room.is_none() && length > SMALL {
            // All at once: two that have a part of what they need could wait for each other.
            room = memory.room(limit).await;
            pace.waited(now, Instant::now());
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body.freeze(), MemoryPermit(room)))
}

/// How fast a body comes.
struct Pace {
    stretch: Duration,
    began: Instant,
    since: Instant,
    came: u64,
}

impl Pace {
    fn new(stall: Duration, now: Instant) -> Self {
        Self { stretch: stall.saturating_mul(STRETCH), began: now, since: now, came: 0 }
    }

    /// How many bytes a second there have to be by now.
    fn least(&self, now: Instant) -> u64 {
        let is_early = now.saturating_duration_since(self.began) < LONG;
        if is_early { SLOWEST } else { SLOWEST_LATER }
    }

    /// Counts bytes that came; whether they come fast enough.
    fn goes_on(&mut self, bytes: usize, now: Instant) -> bool {
        self.came = self.came.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let took = now.saturating_duration_since(self.since);
        if took < self.stretch {
            return true;
        }
        let is_enough = self.came >= self.least(now).saturating_mul(took.as_secs().max(1));
        (self.since, self.came) = (now, 0);
        is_enough
    }

    /// Leaves out a time in which nothing was read.
    fn waited(&mut self, from: Instant, to: Instant) {
        let waited = to.saturating_duration_since(from);
        self.began = self.began.checked_add(waited).unwrap_or(to);
        (self.since, self.came) = (to, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many seconds a body is given up of which so many bytes come each second.
    fn given_up_after(each: u64) -> Option<u64> {
        let began = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(30), began);
        let mut seconds = 1..3600;
        seconds.find(|second| {
            let now = began.checked_add(Duration::from_secs(*second)).unwrap();
            !pace.goes_on(each.try_into().unwrap(), now)
        })
    }

    #[test]
    fn what_drips_is_given_up_and_what_is_slow_is_not() {
        for (each, seconds) in [
            (0, Some(120)),
            (SLOWEST - 1, Some(120)),
            // The stretch that has ten minutes behind it.
            (SLOWEST, Some(600)),
            (SLOWEST_LATER - 1, Some(600)),
            (SLOWEST_LATER, None),
            (100 * SLOWEST_LATER, None),
        ] {
            assert_eq!(given_up_after(each), seconds, "{each}");
        }
    }

    /// However long it waits for room.
    #[test]
    fn waiting_for_room_is_not_the_servers_fault() {
        let began = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(30), began);
        let hour = began + Duration::from_secs(3600);
        pace.waited(began, hour);
        assert!(pace.goes_on(1, hour + Duration::from_secs(119)));
        assert_eq!(pace.least(hour + Duration::from_secs(599)), SLOWEST);
        assert_eq!(pace.least(hour + Duration::from_secs(600)), SLOWEST_LATER);
    }

    #[tokio::test]
    async fn large_bodies_wait_for_room() {
        let memory = BodyMemory::new();
        let some = [memory.room(16 << 20).await, memory.room(16 << 20).await];
        let more = memory.room(32 << 20).await;
        assert!(tokio::time::timeout(Duration::from_millis(20), memory.room(1)).await.is_err());
        // The room goes with the last of its bytes.
        let bytes = MemoryPermit(more).with(Bytes::from_static(b"x"));
        let part = bytes.slice(..1);
        drop(bytes);
        assert!(tokio::time::timeout(Duration::from_millis(20), memory.room(1)).await.is_err());
        drop(part);
        assert!(memory.room(1).await.is_some());
        drop(some);
    }
}
