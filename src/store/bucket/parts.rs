//! Large files: how much of them is in memory at once, and which are written part by part.

use std::io;

use bytes::BytesMut;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt, PutMultipartOptions, WriteMultipart};
use tokio::io::AsyncReadExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::BucketStore;
use super::answer::{Answer, plain};
use super::tries::{Tries, is_silence};
use super::version::Version;
use crate::repository::{Asset, AssetKind, LocalFile, RepositoryPath, SourceError};

/// The largest file that is written at once, in bytes: it is held in memory, and no store takes more than 5 GiB.
const MAX_AT_ONCE: u64 = 1 << 30;

/// The least size of a part, in bytes.
const PART: u64 = 16 << 20;

/// How many parts an upload may have: S3 takes 10,000.
const MAX_PARTS: u64 = 9_000;

/// How many parts of one file are in memory at once.
const PARTS_AT_ONCE: u64 = 4;

/// In bytes: in which memory is counted.
const PIECE: u64 = 64 << 10;

/// In bytes: how much of a file is read at once.
const PIECE_OF_FILE: usize = 256 << 10;

/// Why a file was not written part by part.
enum NotUploaded {
    /// It cannot be read.
    Source(SourceError),
    Failed(object_store::Error),
}

impl From<SourceError> for NotUploaded {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<object_store::Error> for NotUploaded {
    fn from(error: object_store::Error) -> Self {
        Self::Failed(error)
    }
}

/// The largest file that can be written at a path.
pub(super) fn max_size(path: &RepositoryPath) -> Option<u64> {
    (!is_named_by_content(path)).then_some(MAX_AT_ONCE)
}

/// Whether a file is written part by part.
pub(super) fn is_in_parts(path: &RepositoryPath, size: u64) -> bool {
    size > PART && is_named_by_content(path)
}

/// Whether a file has its name from what is in it, so that there is no other one of that name.
fn is_named_by_content(path: &RepositoryPath) -> bool {
    Asset::at(path.as_str()).is_some_and(|asset| asset.kind == AssetKind::GitObjects)
}

/// Room for so many bytes, in pieces.
pub(super) fn room(memory: u64) -> Semaphore {
    let pieces = usize::try_from(memory.div_ceil(PIECE)).unwrap_or(usize::MAX);
    Semaphore::new(pieces.min(Semaphore::MAX_PERMITS))
}

impl BucketStore {
    /// Waits until there is room for so many bytes in memory, which is there until the answer is dropped.
    pub(super) async fn hold(&self, size: u64) -> io::Result<SemaphorePermit<'_>> {
        let pieces = size.min(self.memory).div_ceil(PIECE);
        let pieces = u32::try_from(pieces).unwrap_or(u32::MAX);
        self.room.acquire_many(pieces).await.map_err(io::Error::other)
    }

    /// Writes a file part by part, on no condition: every writer of it writes the same. So where an answer gets
    /// lost, an object of this size is that file.
    pub(super) async fn put_in_parts(
        &self,
        path: &RepositoryPath,
        file: &LocalFile,
        size: u64,
    ) -> io::Result<Version> {
        let key = self.key(path)?;
        let part = size.div_ceil(MAX_PARTS).max(PART);
        let _held = self.hold(part.saturating_mul(PARTS_AT_ONCE)).await?;
        let mut tries = Tries::begin();
        loop {
            let error = match self.put_in_parts_once(path, &key, file, size, part).await {
                Ok(version) => return Ok(version),
                Err(NotUploaded::Source(error)) => return Err(error.into()),
                Err(NotUploaded::Failed(error)) => error,
            };
            let is_final = !matches!(Answer::of(&error), Answer::Unclear | Answer::Refused);
            let error = plain(error);
            if is_final {
                return Err(tries.tell(error));
            }
            let looked = self.inner.head(&key).await;
            if let Ok(found) = &looked {
                if found.size == size {
                    return Ok(Version::of(found));
                }
            }
            let is_silent =
                is_silence(&error) && looked.is_err_and(|looked| is_silence(&plain(looked)));
            if is_silent || !tries.again_after(&error).await {
                return Err(tries.tell(error));
            }
        }
    }

    /// The same, all of it once.
    async fn put_in_parts_once(
        &self,
        path: &RepositoryPath,
        key: &ObjectPath,
        file: &LocalFile,
        size: u64,
        part: u64,
    ) -> Result<Version, NotUploaded> {
        let failed = |source| SourceError { path: file.location(), source };
        let local = file.clone();
        let opened = tokio::task::spawn_blocking(move || local.open()).await;
        let opened = opened.map_err(|error| failed(io::Error::other(error)))??;
        let mut bytes = tokio::fs::File::from_std(opened).take(size);
        let options = PutMultipartOptions {
            attributes: self.attributes(path),
            ..PutMultipartOptions::default()
        };
        let upload = self.inner.put_multipart_opts(key, options).await?;
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        let at_once = usize::try_from(PARTS_AT_ONCE).unwrap_or(1);
        let mut upload = WriteMultipart::new_with_chunk_size(upload, part);
        let (mut buffer, mut left) = (BytesMut::new(), size);
        let uploaded = loop {
            buffer.clear();
            buffer.reserve(PIECE_OF_FILE);
            match bytes.read_buf(&mut buffer).await {
                Ok(0) if left == 0 => break Ok(()),
                Ok(0) => break Err(failed(io::ErrorKind::UnexpectedEof.into()).into()),
                Ok(read) => left = left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX)),
                Err(error) => break Err(failed(error).into()),
            }
            // One is filled while the others are under way.
            if let Err(error) = upload.wait_for_capacity(at_once.saturating_sub(1)).await {
                break Err(error.into());
            }
            upload.write(&buffer);
        };
        if let Err(error) = uploaded {
            // What failed first is told.
            let _ = upload.abort().await;
            return Err(error);
        }
        let put = upload.finish().await?;
        Ok(Version::of_put(usize::try_from(size).unwrap_or(usize::MAX), put))
    }
}
