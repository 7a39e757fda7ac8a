//! Uploads part by part, for large files.

use std::io;

use bytes::BytesMut;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt, PutMultipartOptions, WriteMultipart};
use tokio::io::AsyncReadExt;

use super::attempts::{Attempts, is_unanswered};
use super::bucket_store::BucketStore;
use super::failure::{Failure, kind_of};
use super::version::Version;
use super::write_error::WriteError;
use crate::repository::{Asset, AssetKind, LocalFile, RepositoryPath, SourceError};

/// The largest file that is uploaded at once, in bytes. It is held in memory, and no store takes more than 5 GiB.
const MAX_AT_ONCE: u64 = 1 << 30;

/// The least size of a part, in bytes.
const PART: u64 = 16 << 20;

/// The most parts of an upload: S3 takes 10,000.
const MAX_PARTS: u64 = 9_000;

/// How many parts of one file are in memory at once.
const PARTS_AT_ONCE: u64 = 4;

/// How much of a file is read at once, in bytes.
const PIECE_OF_FILE: usize = 256 << 10;

/// Why a file was not uploaded part by part.
enum UploadError {
    /// The local file cannot be read.
    Source(SourceError),
    Failed(object_store::Error),
}

impl From<SourceError> for UploadError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<object_store::Error> for UploadError {
    fn from(error: object_store::Error) -> Self {
        Self::Failed(error)
    }
}

/// The largest file that can be written at a path.
pub(super) fn max_size(path: &RepositoryPath) -> Option<u64> {
    (!is_named_by_content(path)).then_some(MAX_AT_ONCE)
}

/// Whether a file is uploaded part by part.
pub(super) fn is_in_parts(path: &RepositoryPath, size: u64) -> bool {
    size > PART && is_named_by_content(path)
}

/// Whether the name of a file depends on its content, so that no other content has the name.
fn is_named_by_content(path: &RepositoryPath) -> bool {
    Asset::at(path.as_str()).is_some_and(|asset| asset.kind == AssetKind::GitObjects)
}

impl BucketStore {
    /// Uploads a file part by part, without a condition: every writer of it writes the same content. So if a response
    /// gets lost, an object of this size is the file.
    pub(super) async fn put_in_parts(
        &self,
        path: &RepositoryPath,
        file: &LocalFile,
        size: u64,
    ) -> Result<Version, WriteError> {
        let key = self.key(path)?;
        let part = size.div_ceil(MAX_PARTS).max(PART);
        let _held = self.uploads.hold(part.saturating_mul(PARTS_AT_ONCE)).await?;
        let mut attempts = Attempts::begin();
        loop {
            let error = match self.put_in_parts_once(path, &key, file, size, part).await {
                Ok(version) => return Ok(version),
                Err(UploadError::Source(error)) => return Err(error.into()),
                Err(UploadError::Failed(error)) => error,
            };
            let may_pass =
                matches!(Failure::of(&error), Failure::Unclear | Failure::ConditionNotMet);
            let error = kind_of(error);
            if !may_pass {
                return Err(attempts.give_up(error).into());
            }
            let looked = self.client.head(&key).await;
            if let Ok(found) = &looked {
                if found.size == size {
                    return Ok(Version::of(found));
                }
            }
            let never_answers = is_unanswered(&error)
                && looked.is_err_and(|looked| is_unanswered(&kind_of(looked)));
            if never_answers || !attempts.next_after(&error).await {
                return Err(attempts.give_up(error).into());
            }
        }
    }

    async fn put_in_parts_once(
        &self,
        path: &RepositoryPath,
        key: &ObjectPath,
        file: &LocalFile,
        size: u64,
        part: u64,
    ) -> Result<Version, UploadError> {
        let local = file.clone();
        let opened = tokio::task::spawn_blocking(move || local.open()).await;
        let opened = opened.map_err(|error| file.error(io::Error::other(error)))??;
        let mut bytes = tokio::fs::File::from_std(opened).take(size);
        let options = PutMultipartOptions {
            attributes: self.attributes(path),
            ..PutMultipartOptions::default()
        };
        let upload = self.client.put_multipart_opts(key, options).await?;
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        let at_once = usize::try_from(PARTS_AT_ONCE).unwrap_or(1);
        let mut upload = WriteMultipart::new_with_chunk_size(upload, part);
        let (mut buffer, mut left) = (BytesMut::new(), size);
        let uploaded = loop {
            buffer.clear();
            buffer.reserve(PIECE_OF_FILE);
            match bytes.read_buf(&mut buffer).await {
                Ok(0) if left == 0 => break Ok(()),
                Ok(0) => break Err(file.error(io::ErrorKind::UnexpectedEof.into()).into()),
                Ok(read) => left = left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX)),
                Err(error) => break Err(file.error(error).into()),
            }
            // One part is filled while the others are sent.
            if let Err(error) = upload.wait_for_capacity(at_once.saturating_sub(1)).await {
                break Err(error.into());
            }
            upload.write(&buffer);
        };
        if let Err(error) = uploaded {
            // The first error is returned.
            let _ = upload.abort().await;
            return Err(error);
        }
        let put = upload.finish().await?;
        Ok(Version::of_put(usize::try_from(size).unwrap_or(usize::MAX), put))
    }
}
