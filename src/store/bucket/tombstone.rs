//! How a package's file leaves a bucket.
//!
//! Object storage does not remove an object on conditions, not everywhere. So whoever adds a release to a package
//! that is about to be removed would lose it: between a last look and the removal it may have been written.
//! Therefore the file is written over first, on the usual condition, with a tombstone, which nobody writes over
//! for a while; and what is removed then is the tombstone.
//!
//! To clients it is what stood there: the same bytes, compressed again, with a comment that none of them reads
//! (RFC 1952, section 2.3). One that stays was left by whoever was killed, and the next who writes there takes
//! its place.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::BucketStore;
use super::answer::{Answer, is_missing, plain};
use super::tries::Tries;
use super::version::Version;
use super::write::Expected;
use crate::registry::MAX_PACKAGE;
use crate::repository::RepositoryPath;
use crate::store::{ConditionalWriteError, Conflict, Leaving, Stamp};

/// How the comment begins. What follows tells it from any other.
const BEGINS: &str = "hexreg removes this: ";

/// In letters.
const NONCE: usize = 16;

/// The flag of a gzip header that has a comment.
const FCOMMENT: u8 = 0x10;

/// Whether a file is one.
pub fn is_tombstone(bytes: &[u8]) -> bool {
    if bytes.get(3).is_none_or(|flags| flags & FCOMMENT == 0) {
        return false;
    }
    let decoder = GzDecoder::new(bytes);
    let comment = decoder.header().and_then(|header| header.comment());
    comment.is_some_and(|comment| comment.starts_with(BEGINS.as_bytes()))
}

/// What stands in the place of these bytes for a moment.
fn tombstone(bytes: &[u8]) -> io::Result<Bytes> {
    let mut message = Vec::new();
    let limit = u64::try_from(MAX_PACKAGE).unwrap_or(u64::MAX);
    let read = GzDecoder::new(bytes).take(limit).read_to_end(&mut message);
    if read.is_err() || bytes.len() > MAX_PACKAGE {
        // It was damaged, or no package ever: nobody misses it.
        message.clear();
    }
    let nonce = (0..NONCE).map(|_| fastrand::alphanumeric());
    let comment: String = BEGINS.chars().chain(nonce).collect();
    let mut gzip = GzBuilder::new().comment(comment).write(Vec::new(), Compression::fast());
    gzip.write_all(&message)?;
    gzip.finish().map(Bytes::from)
}

/// The tombstones that were met, each since when.
#[derive(Debug, Default)]
pub(super) struct Met(Mutex<HashMap<RepositoryPath, (Stamp, Instant)>>);

impl Met {
    /// Keeps in mind that one stands there.
    pub fn note(&self, path: &RepositoryPath, stamp: Stamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let met = all.entry(path.clone()).or_insert((stamp, Instant::now()));
        if met.0 != stamp {
            *met = (stamp, Instant::now());
        }
    }

    /// For how long what has this stamp is known to be one, if it is.
    fn since(&self, path: &RepositoryPath, stamp: Stamp) -> Option<Duration> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(path).filter(|met| met.0 == stamp).map(|met| met.1.elapsed())
    }
}

impl BucketStore {
    /// What is being removed is not written over, unless whoever began that must have come to an end.
    pub(super) fn refuse_tombstone(&self, path: &RepositoryPath, stamp: Stamp) -> io::Result<()> {
        match self.met.since(path, stamp) {
            Some(since) if since < self.patience => Err(Leaving.into()),
            _ => Ok(()),
        }
    }

    /// Removes a file where it still is the one that has this stamp.
    pub(super) async fn bury(
        &self,
        path: &RepositoryPath,
        key: &Path,
        stamp: Stamp,
    ) -> io::Result<()> {
        let mut stands = Vec::new();
        let Some(version) = self.fetch(path, MAX_PACKAGE, &mut stands).await? else {
            return Ok(());
        };
        if version.stamp() != Some(stamp) {
            return Err(Conflict.into());
        }
        self.seen.insert(path, version);
        self.refuse_tombstone(path, stamp)?;
        let (mut over, mut tries) = (stamp, Tries::begin());
        loop {
            let began = Instant::now();
            let put = self.put(path, Expected::This(over), tombstone(&stands)?).await?;
            over = put.stamp().ok_or(ConditionalWriteError::NoTag)?;
            // Long before anybody else takes its place.
            let left = self.patience.div_f64(2.0).checked_sub(began.elapsed());
            let deleted = async { tokio::time::timeout(left?, self.inner.delete(key)).await.ok() };
            let error = match deleted.await {
                Some(Ok(())) => return Ok(()),
                Some(Err(error)) if is_missing(&error) => return Ok(()),
                Some(Err(error)) if Answer::of(&error) == Answer::Final => {
                    if stands.len() <= MAX_PACKAGE {
                        // Whoever may not remove it had better leave no tombstone. What failed first is told.
                        let _ = self.put(path, Expected::This(over), stands.into()).await;
                    }
                    return Err(plain(error));
                }
                Some(Err(error)) => plain(error),
                None => io::Error::new(ErrorKind::TimedOut, "the server took too long to answer"),
            };
            if !tries.again().await {
                return Err(error);
            }
            match self.inner.head(key).await {
                // It is gone, and what there may be by now is somebody else's.
                Err(error) if is_missing(&error) => return Ok(()),
                Ok(found) if Version::of(&found).stamp() != Some(over) => return Ok(()),
                _ => {}
            }
        }
    }
}
