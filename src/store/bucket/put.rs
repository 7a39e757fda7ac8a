//! One conditional write.
//!
//! A response may get lost after the server did what was asked. So a write without a clear response is looked up before
//! it is repeated. So is a write whose condition was not met: an earlier attempt of ours may have written the object.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

use super::attempts::{Attempts, is_unanswered};
use super::bucket_store::BucketStore;
use super::failure::{Failure, is_missing, kind_of};
use super::version::Version;
use crate::repository::{Asset, AssetKind, OCTET_STREAM, RepositoryPath, media_type};
use crate::store::error::{ConditionalWriteError, StoreErrorKind};
use crate::store::stamp::Stamp;

/// The condition of a write.
#[derive(Clone, Copy)]
pub(super) enum Condition {
    /// There is none: any object is replaced.
    Always,
    /// No object has the name.
    Missing,
    /// The object has this stamp.
    Unchanged(Stamp),
}

/// What a look at the bucket finds after a failed write.
enum AfterFailedWrite {
    /// The bytes that were to be written.
    Written(Version),
    /// The condition still holds, so the write was not done. With the object, if there is one.
    NotWritten(Option<Version>),
    /// The bytes of another writer.
    Replaced,
}

/// Why one attempt to write an object failed.
enum PutError {
    /// The object has another stamp than the one that was read, so no request was sent.
    Replaced,
    /// The store gives the object nothing that a condition could name.
    NoTag,
    Failed(object_store::Error),
}

impl From<object_store::Error> for PutError {
    fn from(error: object_store::Error) -> Self {
        Self::Failed(error)
    }
}

impl BucketStore {
    /// Writes an object, on a condition.
    pub(super) async fn put(
        &self,
        path: &RepositoryPath,
        condition: Condition,
        bytes: Bytes,
    ) -> Result<Version, StoreErrorKind> {
        let key = self.key(path)?;
        let mut attempts = Attempts::begin();
        loop {
            let (failure, error) = match self.put_once(path, &key, condition, &bytes).await {
                Ok(version) => return Ok(version),
                Err(PutError::Replaced) => (Failure::ConditionNotMet, StoreErrorKind::Conflict),
                Err(PutError::NoTag) => return Err(ConditionalWriteError::NoTag.into()),
                Err(PutError::Failed(error)) => match (Failure::of(&error), &error) {
                    (Failure::Permanent | Failure::Unsupported, _) => return Err(kind_of(error)),
                    (Failure::ConditionNotMet, object_store::Error::Precondition { .. }) => {
                        (Failure::ConditionNotMet, ConditionalWriteError::NeverMet.into())
                    }
                    // S3's response while another write is in progress.
                    (Failure::ConditionNotMet, _) => {
                        (Failure::ConditionNotMet, StoreErrorKind::Conflict)
                    }
                    (Failure::Unclear, _) => (Failure::Unclear, kind_of(error)),
                },
            };
            let error = match self.look(&key, condition, &bytes).await {
                Ok(AfterFailedWrite::Written(version)) => return Ok(version),
                Ok(AfterFailedWrite::Replaced) => return Err(StoreErrorKind::Conflict),
                Ok(AfterFailedWrite::NotWritten(Some(found)))
                    if !self.is_condition_on(path, &found) =>
                {
                    // Another writer wrote the same bytes, so the tag is the same and the generation is not.
                    self.seen.insert(path, found);
                    StoreErrorKind::Conflict
                }
                Err(_) if failure == Failure::ConditionNotMet => StoreErrorKind::Conflict,
                Err(looked) if is_unanswered(&error) && is_unanswered(&looked) => {
                    return Err(attempts.give_up(error));
                }
                Ok(AfterFailedWrite::NotWritten(_)) | Err(_) => error,
            };
            if !attempts.next_after(&error).await {
                return Err(attempts.give_up(error));
            }
        }
    }

    /// Whether the next condition would name this very version.
    fn is_condition_on(&self, path: &RepositoryPath, found: &Version) -> bool {
        let asked = found.stamp().and_then(|stamp| self.seen.get(path, stamp));
        asked.is_none_or(|asked| asked.generation == found.generation)
    }

    async fn put_once(
        &self,
        path: &RepositoryPath,
        key: &Path,
        condition: Condition,
        bytes: &Bytes,
    ) -> Result<Version, PutError> {
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::Missing => PutMode::Create,
            Condition::Unchanged(stamp) => {
                let version = self.version(path, key, stamp).await?.ok_or(PutError::Replaced)?;
                if !version.takes_condition(self.has_generations) {
                    return Err(PutError::NoTag);
                }
                PutMode::Update(version.condition(self.tag_form()))
            }
        };
        let options =
            PutOptions { mode, attributes: self.attributes(path), ..PutOptions::default() };
        let put = self.client.put_opts(key, PutPayload::from(bytes.clone()), options).await?;
        Ok(Version::of_put(bytes.len(), put))
    }

    /// The version with this stamp, with all that a condition needs; `None` if the object has another one now.
    async fn version(
        &self,
        path: &RepositoryPath,
        key: &Path,
        stamp: Stamp,
    ) -> object_store::Result<Option<Version>> {
        let seen = self.seen.get(path, stamp);
        if let Some(seen) = seen.filter(|seen| !self.has_generations || seen.generation.is_some()) {
            return Ok(Some(seen));
        }
        let version = match self.client.head(key).await {
            Err(error) if is_missing(&error) => return Ok(None),
            found => Version::of(&found?),
        };
        Ok(Some(version).filter(|version| version.stamp() == Some(stamp)))
    }

    /// Reads the object after a write of `ours` failed.
    async fn look(
        &self,
        key: &Path,
        condition: Condition,
        ours: &[u8],
    ) -> Result<AfterFailedWrite, StoreErrorKind> {
        let got = match self.client.get_opts(key, GetOptions::default()).await {
            Err(error) if is_missing(&error) => {
                return Ok(match condition {
                    Condition::Unchanged(_) => AfterFailedWrite::Replaced,
                    Condition::Missing | Condition::Always => AfterFailedWrite::NotWritten(None),
                });
            }
            got => got.map_err(kind_of)?,
        };
        let version = Version::of(&got.meta);
        let stamp = version.stamp();
        if u64::try_from(ours.len()) == Ok(version.size())
            && got.bytes().await.map_err(kind_of)? == ours
        {
            return Ok(AfterFailedWrite::Written(version));
        }
        Ok(match condition {
            Condition::Always => AfterFailedWrite::NotWritten(None),
            Condition::Unchanged(before) if stamp == Some(before) => {
                AfterFailedWrite::NotWritten(Some(version))
            }
            Condition::Unchanged(_) | Condition::Missing => AfterFailedWrite::Replaced,
        })
    }

    /// The headers that the bucket's server sends with a file.
    pub(super) fn attributes(&self, path: &RepositoryPath) -> Attributes {
        let asset = Asset::at(path.as_str()).filter(|asset| asset.path == path.as_str());
        let content_type = asset.as_ref().map_or(OCTET_STREAM, |asset| asset.kind.content_type());
        // The pages of a site: browsers go by their type, and they change with every run.
        let page = if asset.is_none() { media_type(path.as_str()) } else { None };
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, page.unwrap_or(content_type).into());
        if page.is_some() {
            let control = if self.is_private { "private, no-cache" } else { "no-cache" };
            attributes.insert(Attribute::CacheControl, control.into());
        }
        if let Some(asset) = asset {
            // Google Cloud Storage itself caches objects that any cache may keep, and would return the cached copy
            // after another writer replaced the object.
            let is_cached = self.has_generations && asset.kind == AssetKind::Registry;
            let control = asset.kind.cache_control(!self.is_private && !is_cached);
            attributes.insert(Attribute::CacheControl, control.into());
        }
        attributes
    }
}
