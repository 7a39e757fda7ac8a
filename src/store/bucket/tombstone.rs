//! How a package's file is removed from a bucket.
//!
//! A DELETE has no condition that every store honours: Ceph, rclone and `JuiceFS` ignore `If-Match` on it. A plain DELETE
//! could remove a release that another writer adds between the last look and the removal. So the file is first replaced,
//! on the usual condition, by a tombstone, which no other writer replaces for some seconds; then the tombstone is
//! removed.
//!
//! Clients read a tombstone as the file that it replaced: it has the same content, compressed again, with a comment that
//! no client reads (RFC 1952, section 2.3). A writer that was killed leaves its tombstone, and the next writer of the file
//! replaces it.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::attempts::Attempts;
use super::bucket_store::BucketStore;
use super::failure::{Failure, is_missing, kind_of};
use super::put::Condition;
use super::version::Version;
use crate::registry::MAX_PACKAGE;
use crate::repository::RepositoryPath;
use crate::store::error::{ConditionalWriteError, StoreErrorKind};
use crate::store::stamp::Stamp;
use crate::store::tombstone::COMMENT_START;

/// The length of the nonce after the start of the comment.
const NONCE: usize = 16;

/// The tombstone for a file with these bytes.
fn tombstone(bytes: &[u8]) -> io::Result<Bytes> {
    let mut message = Vec::new();
    let limit = u64::try_from(MAX_PACKAGE).unwrap_or(u64::MAX);
    let read = GzDecoder::new(bytes).take(limit).read_to_end(&mut message);
    if read.is_err() || bytes.len() > MAX_PACKAGE {
        // The file is damaged or was never a package, so no client can read it.
        message.clear();
    }
    let nonce = (0..NONCE).map(|_| fastrand::alphanumeric());
    let comment: String = COMMENT_START.chars().chain(nonce).collect();
    let mut gzip = GzBuilder::new().comment(comment).write(Vec::new(), Compression::fast());
    gzip.write_all(&message)?;
    gzip.finish().map(Bytes::from)
}

impl BucketStore {
    /// Fails if the object is a tombstone that is too young to be abandoned.
    pub(super) fn refuse_tombstone(
        &self,
        path: &RepositoryPath,
        stamp: Stamp,
    ) -> Result<(), StoreErrorKind> {
        match self.tombstones.age(path, stamp) {
            Some(age) if age < self.abandoned_after => Err(StoreErrorKind::BeingRemoved),
            _ => Ok(()),
        }
    }

    /// Removes a package's file, if it still has this stamp.
    pub(super) async fn bury(
        &self,
        path: &RepositoryPath,
        key: &Path,
        stamp: Stamp,
    ) -> Result<(), StoreErrorKind> {
        let mut package = Vec::new();
        let Some(version) = self.fetch(path, MAX_PACKAGE, &mut package).await? else {
            return Ok(());
        };
        if version.stamp() != Some(stamp) {
            return Err(StoreErrorKind::Conflict);
        }
        self.seen.insert(path, version);
        self.refuse_tombstone(path, stamp)?;
        let (mut over, mut attempts) = (stamp, Attempts::begin());
        loop {
            let began = Instant::now();
            let put = self.put(path, Condition::Unchanged(over), tombstone(&package)?).await?;
            over = put.stamp().ok_or(ConditionalWriteError::NoTag)?;
            // Give up long before another writer may take the tombstone for an abandoned one.
            let left = self.abandoned_after.div_f64(2.0).checked_sub(began.elapsed());
            let deleted = async { tokio::time::timeout(left?, self.client.delete(key)).await.ok() };
            let error = match deleted.await {
                Some(Ok(())) => return Ok(()),
                Some(Err(error)) if is_missing(&error) => return Ok(()),
                Some(Err(error)) if Failure::of(&error) == Failure::Permanent => {
                    if package.len() <= MAX_PACKAGE {
                        // Without the right to remove objects no tombstone should stay. The first error is returned.
                        let restored = Condition::Unchanged(over);
                        let _ = self.put(path, restored, package.into()).await;
                    }
                    return Err(kind_of(error));
                }
                Some(Err(error)) => kind_of(error),
                None => {
                    let message = "the server took too long to answer";
                    io::Error::new(ErrorKind::TimedOut, message).into()
                }
            };
            if !attempts.next().await {
                return Err(error);
            }
            match self.client.head(key).await {
                // The tombstone is gone. If there is an object, it is another writer's.
                Err(error) if is_missing(&error) => return Ok(()),
                Ok(found) if Version::of(&found).stamp() != Some(over) => return Ok(()),
                _ => {}
            }
        }
    }
}
