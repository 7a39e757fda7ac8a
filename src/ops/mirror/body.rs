//! Reads response bodies: bounded in size, in time, and all together in memory.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::timeouts::Timeouts;

/// In bytes a second: a slower body would keep other files from being fetched. Sixteen concurrent requests get
/// this much on a line of 33 kbit/s.
pub(super) const SLOWEST: u64 = 256;

/// The same after `patience` of [`Timeouts`]. Such a line gives this to a single request, and even the largest body
/// ends within some hours.
const SLOWEST_LATER: u64 = 4 << 10;

/// The speed is measured over this many stall timeouts.
pub(super) const STRETCH: u32 = 4;

/// In bytes: smaller bodies need no permit. There may be 256 of them at once.
const SMALL: usize = 128 << 10;

/// In KiB: the memory that all larger bodies share. Besides, each connection has a buffer of up to 400 KiB.
const SHARED: u32 = 64 << 10;

/// In KiB: how much of it a body takes at once.
const STEP: usize = 256;

/// The same in bytes.
const SEGMENT: usize = STEP << 10;

/// The memory for large bodies: what they share, and a reserve in which one of them may grow to its end while all of that
/// is taken. So a body never waits for another one that waits too.
#[derive(Clone)]
pub(super) struct BodyMemory {
    shared: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
}

/// The part of [`BodyMemory`] that a body holds: as much as has come of it. A small body holds none.
#[derive(Default)]
pub(super) struct MemoryPermit {
    shared: Option<OwnedSemaphorePermit>,
    reserve: Option<OwnedSemaphorePermit>,
}

/// Why a body was not read to its end.
pub(super) enum BodyError {
    TooLarge,
    TooSlow {
        /// The required speed, in bytes a second.
        least: u64,
    },
    /// Other bodies had all the memory for too long.
    NoMemory,
    Broken(reqwest::Error),
}

/// Bytes with the permit for their memory.
struct PermittedBytes {
    bytes: Bytes,
    _permit: MemoryPermit,
}

impl AsRef<[u8]> for PermittedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl MemoryPermit {
    /// The bytes, which hold the permit until the last reference to them is dropped.
    pub fn with(self, bytes: Bytes) -> Bytes {
        if self.shared.is_none() && self.reserve.is_none() {
            return bytes;
        }
        Bytes::from_owner(PermittedBytes { bytes, _permit: self })
    }

    /// How many KiB of the shared memory a body of this many bytes lacks.
    fn lacks(&self, bytes: usize) -> u32 {
        if bytes <= SMALL || self.reserve.is_some() {
            return 0;
        }
        let has = self.shared.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let lacks = bytes.div_ceil(1 << 10).saturating_sub(has).next_multiple_of(STEP);
        u32::try_from(lacks).unwrap_or(SHARED)
    }

    fn add(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.shared {
            Some(shared) => shared.merge(more),
            None => self.shared = Some(more),
        }
    }
}

impl BodyMemory {
    pub fn new() -> Self {
        let shared = Semaphore::new(usize::try_from(SHARED).unwrap_or(usize::MAX));
        Self { shared: Arc::new(shared), reserve: Arc::new(Semaphore::new(1)) }
    }

    /// Takes this many KiB more of what is shared, or else the reserve.
    async fn take(&self, permit: &mut MemoryPermit, more: u32) {
        let shared = Arc::clone(&self.shared).acquire_many_owned(more);
        let reserve = Arc::clone(&self.reserve).acquire_owned();
        // Neither is ever closed.
        tokio::select! {
            biased;
            Ok(shared) = shared => permit.add(shared),
            Ok(reserve) = reserve => permit.reserve = Some(reserve),
            else => {}
        }
    }
}

/// Reads a whole body of at most `limit` bytes. A large one takes memory as it grows, and waits for it. `received` is told
/// how many bytes came.
pub(super) async fn read(
    mut response: Response,
    limit: usize,
    timeouts: &Timeouts,
    memory: &BodyMemory,
    received: impl Fn(u64),
) -> Result<(Bytes, MemoryPermit), BodyError> {
    let announced = response.content_length().unwrap_or(0).try_into().unwrap_or(usize::MAX);
    if announced > limit {
        return Err(BodyError::TooLarge);
    }
    let (mut permit, mut body) = (MemoryPermit::default(), Segments::new(announced));
    let mut speed = SpeedCheck::new(timeouts, Instant::now());
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        received(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        let length = body.length.saturating_add(chunk.len());
        if length > limit {
            return Err(BodyError::TooLarge);
        }
        let now = Instant::now();
        if !speed.is_enough(chunk.len(), now) {
            return Err(BodyError::TooSlow { least: speed.least(now) });
        }
        let more = permit.lacks(length);
        if more > 0 {
            let taken = timeout(timeouts.memory, memory.take(&mut permit, more)).await;
            taken.map_err(|_| BodyError::NoMemory)?;
            speed.pause(now, Instant::now());
        }
        body.extend(&chunk);
    }
    Ok((body.into_bytes(), permit))
}

/// A body as it grows. In one piece, it would be moved each time it outgrows its place, and the allocator would keep
/// the former places: with many bodies at once, these take more memory than the bodies.
struct Segments {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
    /// Of all segments, in bytes.
    length: usize,
}

impl Segments {
    fn new(announced: usize) -> Self {
        Self { full: Vec::new(), last: Vec::with_capacity(announced.min(SEGMENT)), length: 0 }
    }

    fn extend(&mut self, mut bytes: &[u8]) {
        self.length = self.length.saturating_add(bytes.len());
        while !bytes.is_empty() {
            let room = SEGMENT.saturating_sub(self.last.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.last.extend_from_slice(now);
            if !later.is_empty() {
                let full = mem::replace(&mut self.last, Vec::with_capacity(SEGMENT));
                self.full.push(full);
            }
            bytes = later;
        }
    }

    /// All of it in one piece, for which it takes twice its memory for a moment.
    fn into_bytes(self) -> Bytes {
        if self.full.is_empty() {
            return self.last.into();
        }
        let mut whole = Vec::with_capacity(self.length);
        for segment in self.full.into_iter().chain([self.last]) {
            whole.extend_from_slice(&segment);
        }
        whole.into()
    }
}

/// Measures how fast a body comes.
struct SpeedCheck {
    stretch: Duration,
    patience: Duration,
    began: Instant,
    /// The start of the current stretch, and the bytes received in it.
    since: Instant,
    bytes: u64,
}

impl SpeedCheck {
    fn new(timeouts: &Timeouts, now: Instant) -> Self {
        let (stretch, patience) = (timeouts.stall.saturating_mul(STRETCH), timeouts.patience);
        Self { stretch, patience, began: now, since: now, bytes: 0 }
    }

    /// The required speed at a time, in bytes a second.
    fn least(&self, now: Instant) -> u64 {
        let is_early = now.saturating_duration_since(self.began) < self.patience;
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
        self.since = self.since.checked_add(waited).unwrap_or(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many seconds a body with this many bytes a second is given up.
    fn given_up_after(each: u64) -> Option<u64> {
        let began = Instant::now();
        let mut speed = SpeedCheck::new(&Timeouts::default(), began);
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
        let mut speed = SpeedCheck::new(&Timeouts::default(), began);
        let hour = began + Duration::from_secs(3600);
        speed.pause(began, hour);
        assert!(speed.is_enough(1, hour + Duration::from_secs(119)));
        assert_eq!(speed.least(hour + Duration::from_secs(599)), SLOWEST);
        assert_eq!(speed.least(hour + Duration::from_secs(600)), SLOWEST_LATER);
    }

    /// Whether a body of this many bytes gets memory at once.
    async fn grows(memory: &BodyMemory, permit: &mut MemoryPermit, bytes: usize) -> bool {
        let more = permit.lacks(bytes);
        more == 0 || timeout(Duration::from_millis(20), memory.take(permit, more)).await.is_ok()
    }

    #[tokio::test]
    async fn bodies_that_have_grown_half_way_come_to_their_end_one_after_the_other() {
        let memory = BodyMemory::new();
        let mut permits: [MemoryPermit; 4] = Default::default();
        for permit in &mut permits {
            assert!(grows(&memory, permit, SMALL).await && permit.shared.is_none());
            for part in 1..=16 {
                assert!(grows(&memory, permit, part << 20).await);
            }
            assert!(permit.reserve.is_none());
        }
        let [mut first, mut second, _third, _fourth] = permits;
        // All is taken. One of them goes on in the reserve, as far as it likes.
        assert!(grows(&memory, &mut first, 17 << 20).await);
        assert!(grows(&memory, &mut first, 64 << 20).await);
        assert!(!grows(&memory, &mut second, 17 << 20).await);
        // Its memory is free with the last of its bytes.
        let bytes = first.with(Bytes::from_static(b"x"));
        let part = bytes.slice(..1);
        drop(bytes);
        assert!(!grows(&memory, &mut second, 17 << 20).await);
        drop(part);
        assert!(grows(&memory, &mut second, 64 << 20).await);
    }

    #[test]
    fn a_body_is_put_together_of_its_segments() {
        for (announced, sizes) in [
            (0, &[3, 5][..]),
            (8, &[3, 5]),
            (0, &[SEGMENT - 1, 1]),
            (2 * SEGMENT, &[SEGMENT, SEGMENT]),
            (0, &[1, 3 * SEGMENT, 0, 7]),
        ] {
            let (mut body, mut whole) = (Segments::new(announced), Vec::new());
            for (number, size) in sizes.iter().enumerate() {
                let chunk: Vec<u8> =
                    (0..*size).map(|at| ((at + number) % 251).try_into().unwrap()).collect();
                body.extend(&chunk);
                whole.extend(chunk);
            }
            assert!(body.full.iter().all(|full| full.len() == SEGMENT));
            assert!(body.into_bytes() == whole, "{sizes:?}");
        }
    }

    #[tokio::test]
    async fn a_body_holds_what_has_come_of_it() {
        let memory = BodyMemory::new();
        let mut permit = MemoryPermit::default();
        assert!(grows(&memory, &mut permit, 200 << 10).await);
        assert!(grows(&memory, &mut permit, 256 << 10).await);
        assert_eq!(permit.shared.as_ref().unwrap().num_permits(), STEP);
        assert!(grows(&memory, &mut permit, (256 << 10) + 1).await);
        assert_eq!(permit.shared.as_ref().unwrap().num_permits(), 2 * STEP);
    }
}
