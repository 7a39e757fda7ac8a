//! Reads response bodies: bounded in size, in time, and all together in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// In bytes a second: a slower body would keep other files from being fetched. Sixteen concurrent requests get
/// this much on a line of 33 kbit/s.
pub(super) const SLOWEST: u64 = 256;

/// The same once a body has taken [`LONG`]. Such a line gives this to a single request, and even the largest body
/// ends within some hours.
const SLOWEST_LATER: u64 = 4 << 10;

/// How long a body may come at [`SLOWEST`].
const LONG: Duration = Duration::from_secs(10 * 60);

/// The speed is measured over this many stall timeouts.
pub(super) const STRETCH: u32 = 4;

/// In bytes: smaller bodies need no permit. There may be 256 of them at once.
const SMALL: usize = 128 << 10;

/// In KiB: the memory of all larger bodies together. Besides, each connection has a buffer of up to 400 KiB.
const MEMORY: u32 = 64 << 10;

/// The memory for large bodies.
#[derive(Clone)]
pub(super) struct BodyMemory(Arc<Semaphore>);

/// The part of [`BodyMemory`] that a body holds. A small body holds none.
pub(super) struct MemoryPermit(Option<OwnedSemaphorePermit>);

/// Why a body was not read to its end.
pub(super) enum BodyError {
    TooLarge,
    TooSlow {
        /// The required speed, in bytes a second.
        least: u64,
    },
    Broken(reqwest::Error),
}

/// Bytes with the permit for their memory.
struct PermittedBytes {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for PermittedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl MemoryPermit {
    /// The bytes, which hold the permit until the last reference to them is dropped.
    pub fn with(self, bytes: Bytes) -> Bytes {
        match self.0 {
            Some(permit) => Bytes::from_owner(PermittedBytes { bytes, _permit: permit }),
            None => bytes,
        }
    }
}

impl BodyMemory {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(MEMORY).unwrap_or(usize::MAX))))
    }

    /// Waits for memory for this many bytes, or for all of it if they are more.
    async fn permit(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let needed = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(MEMORY).min(MEMORY);
        Arc::clone(&self.0).acquire_many_owned(needed).await.ok()
    }
}

/// Reads a whole body of at most `limit` bytes. A large one waits for memory.
pub(super) async fn read(
    mut response: Response,
    limit: usize,
    stall: Duration,
    memory: &BodyMemory,
    received: &AtomicU64,
) -> Result<(Bytes, MemoryPermit), BodyError> {
    let announced = response.content_length().unwrap_or(0).try_into().unwrap_or(usize::MAX);
    if announced > limit {
        return Err(BodyError::TooLarge);
    }
    let mut permit = if announced > SMALL { memory.permit(announced).await } else { None };
    let mut body = BytesMut::with_capacity(announced);
    let mut speed = SpeedCheck::new(stall, Instant::now());
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        received.fetch_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let length = body.len().saturating_add(chunk.len());
        if length > limit {
            return Err(BodyError::TooLarge);
        }
        let now = Instant::now();
        if !speed.is_enough(chunk.len(), now) {
            return Err(BodyError::TooSlow { least: speed.least(now) });
        }
        if permit.is_none() && length > SMALL {
            // Taken all at once: two bodies that each hold a part of what they need would wait for each other.
            permit = memory.permit(limit).await;
            speed.pause(now, Instant::now());
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body.freeze(), MemoryPermit(permit)))
}

/// Measures how fast a body comes.
struct SpeedCheck {
    stretch: Duration,
    began: Instant,
    /// The start of the current stretch, and the bytes received in it.
    since: Instant,
    bytes: u64,
}

impl SpeedCheck {
    fn new(stall: Duration, now: Instant) -> Self {
        Self { stretch: stall.saturating_mul(STRETCH), began: now, since: now, bytes: 0 }
    }

    /// The required speed at a time, in bytes a second.
    fn least(&self, now: Instant) -> u64 {
        let is_early = now.saturating_duration_since(self.began) < LONG;
        if is_early { SLOWEST } else { SLOWEST_LATER }
    }

    /// Counts received bytes, and returns whether they come fast enough.
    fn is_enough(&mut self, bytes: usize, now: Instant) -> bool {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let took = now.saturating_duration_since(self.since);
        if took < self.stretch {
            return true;
        }
        let is_enough = self.bytes >= self.least(now).saturating_mul(took.as_secs().max(1));
        (self.since, self.bytes) = (now, 0);
        is_enough
    }

    /// Leaves out a time in which nothing was read.
    fn pause(&mut self, from: Instant, to: Instant) {
        let waited = to.saturating_duration_since(from);
        self.began = self.began.checked_add(waited).unwrap_or(to);
        (self.since, self.bytes) = (to, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many seconds a body with this many bytes a second is given up.
    fn given_up_after(each: u64) -> Option<u64> {
        let began = Instant::now();
        let mut speed = SpeedCheck::new(Duration::from_secs(30), began);
        let mut seconds = 1..3600;
        seconds.find(|second| {
            let now = began.checked_add(Duration::from_secs(*second)).unwrap();
            !speed.is_enough(each.try_into().unwrap(), now)
        })
    }

    #[test]
    fn a_dripping_body_is_given_up_and_a_slow_one_is_not() {
        for (each, seconds) in [
            (0, Some(120)),
            (SLOWEST - 1, Some(120)),
            // The first stretch that ends after ten minutes.
            (SLOWEST, Some(600)),
            (SLOWEST_LATER - 1, Some(600)),
            (SLOWEST_LATER, None),
            (100 * SLOWEST_LATER, None),
        ] {
            assert_eq!(given_up_after(each), seconds, "{each}");
        }
    }

    #[test]
    fn the_time_spent_waiting_for_memory_is_not_counted() {
        let began = Instant::now();
        let mut speed = SpeedCheck::new(Duration::from_secs(30), began);
        let hour = began + Duration::from_secs(3600);
        speed.pause(began, hour);
        assert!(speed.is_enough(1, hour + Duration::from_secs(119)));
        assert_eq!(speed.least(hour + Duration::from_secs(599)), SLOWEST);
        assert_eq!(speed.least(hour + Duration::from_secs(600)), SLOWEST_LATER);
    }

    #[tokio::test]
    async fn large_bodies_wait_for_memory() {
        let memory = BodyMemory::new();
        let some = [memory.permit(16 << 20).await, memory.permit(16 << 20).await];
        let more = memory.permit(32 << 20).await;
        assert!(tokio::time::timeout(Duration::from_millis(20), memory.permit(1)).await.is_err());
        // The permit lives as long as the last of its bytes.
        let bytes = MemoryPermit(more).with(Bytes::from_static(b"x"));
        let part = bytes.slice(..1);
        drop(bytes);
        assert!(tokio::time::timeout(Duration::from_millis(20), memory.permit(1)).await.is_err());
        drop(part);
        assert!(memory.permit(1).await.is_some());
        drop(some);
    }
}
