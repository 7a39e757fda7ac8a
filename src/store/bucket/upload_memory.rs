//! How many bytes of uploads are in memory at once.

use std::io;

use tokio::sync::{Semaphore, SemaphorePermit};

/// The unit in which memory is counted, in bytes.
const PIECE: u64 = 64 << 10;

/// Memory for uploads, handed out in pieces.
#[derive(Debug)]
pub(super) struct UploadMemory {
    bytes: u64,
    pieces: Semaphore,
}

impl UploadMemory {
    pub fn of(bytes: u64) -> Self {
        let pieces = usize::try_from(bytes.div_ceil(PIECE)).unwrap_or(usize::MAX);
        Self { bytes, pieces: Semaphore::new(pieces.min(Semaphore::MAX_PERMITS)) }
    }

    /// Waits until there is memory for this many bytes, or until all of it is free for a larger upload. Dropping the
    /// permit gives it back.
    pub async fn hold(&self, bytes: u64) -> io::Result<SemaphorePermit<'_>> {
        let pieces = bytes.min(self.bytes).div_ceil(PIECE);
        let pieces = u32::try_from(pieces).unwrap_or(u32::MAX);
        self.pieces.acquire_many(pieces).await.map_err(io::Error::other)
    }
}
