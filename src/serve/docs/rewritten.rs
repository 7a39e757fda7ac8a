//! Files of documentation as they are sent where their links were changed: those that were asked for last, compressed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;

use crate::bounded_cache::BoundedCache;
use crate::docs::pack::gzip;

/// In bytes: how much is kept, at least.
const KEPT: usize = 16 << 20;

/// In bytes: what an entry weighs beside its bytes.
const ENTRY: usize = 256;

/// How long one is sent. What is here may have changed then, other than archives of documentation.
const HOLDS: Duration = Duration::from_secs(60);

/// Names a file, and what its links were made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RewrittenKey {
    /// The unpacked archive.
    pub pack: u64,
    pub path: String,
    /// The digest of what is here, and where it is.
    pub context: [u8; 32],
}

/// A file whose links were looked at.
#[derive(Clone, Debug)]
pub(super) enum Rewritten {
    /// It is sent as it is.
    Unchanged,
    Changed(SentBytes),
}

/// Bytes that are sent.
#[derive(Clone, Debug)]
pub(super) struct SentBytes {
    /// A gzip stream, if `is_gzip`.
    pub bytes: Bytes,
    pub is_gzip: bool,
    /// In bytes, without compression.
    pub size: usize,
    /// Names them.
    pub tag: [u8; 16],
}

/// Keeps files.
pub(crate) struct RewrittenFiles(Mutex<BoundedCache<RewrittenKey, (Instant, Rewritten)>>);

impl RewrittenFiles {
    pub fn new() -> Self {
        Self(Mutex::new(BoundedCache::new(KEPT)))
    }

    pub fn get(&self, key: &RewrittenKey) -> Option<Rewritten> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, rewritten) = kept.get(key)?;
        (at.elapsed() < HOLDS).then_some(rewritten)
    }

    pub fn keep(&self, key: RewrittenKey, rewritten: Rewritten) {
        let bytes = match &rewritten {
            Rewritten::Unchanged => 0,
            Rewritten::Changed(sent) => sent.bytes.len(),
        };
        let weight = bytes.saturating_add(key.path.len()).saturating_add(ENTRY);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let evicted = kept.insert(key, (Instant::now(), rewritten), weight);
        drop(kept);
        drop(evicted);
    }
}

impl SentBytes {
    /// Bytes that were made here.
    pub fn of(bytes: Vec<u8>) -> Self {
        let mut tag = [0; 16];
        blake3::Hasher::new().update(&bytes).finalize_xof().fill(&mut tag);
        let size = bytes.len();
        match gzip(&bytes) {
            Some(compressed) => Self { bytes: compressed.into(), is_gzip: true, size, tag },
            None => Self { bytes: bytes.into(), is_gzip: false, size, tag },
        }
    }
}
