//! How changes reach a bucket: many at once, and each only where nobody else was faster.
//!
//! An answer may get lost on its way, and what was asked for is done all the same. So whatever is not
//! plainly an answer is looked into before it is repeated, and so is a condition that was not met: it
//! may be an earlier try of our own that is in its way.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

use super::BucketStore;
use super::answer::{Answer, is_missing, plain};
use super::parts::is_in_parts;
use super::tries::{Tries, is_silence};
use super::version::Version;
use crate::repository::{Asset, AssetKind, ByteSource, Folder, OCTET_STREAM, RepositoryPath};
use crate::store::{Action, Change, ConditionalWriteError, Conflict, Stamp, Store, StoreError};

/// What must stand where an object is to be written.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    Anything,
    Nothing,
    This(Stamp),
}

/// What stands where an object could not be written.
enum Standing {
    /// What was to be written.
    Ours(Version),
    /// What was there before, if anything was.
    AsBefore(Option<Version>),
    Another,
}

/// Why an object was not written.
enum NotPut {
    /// It is another one than was read, so the write was not tried.
    IsAnother,
    /// No condition can be made of what the store says of it.
    NoTag,
    Failed(object_store::Error),
}

impl From<object_store::Error> for NotPut {
    fn from(error: object_store::Error) -> Self {
        Self::Failed(error)
    }
}

/// What changes of the same call have written.
#[derive(Default)]
struct Written(Mutex<HashMap<RepositoryPath, Stamp>>);

impl Written {
    fn stamp(&self, path: &RepositoryPath) -> Option<Stamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied()
    }

    fn insert(&self, path: &RepositoryPath, stamp: Stamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone(), stamp);
    }
}

impl BucketStore {
    pub(super) fn make(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(&Change),
    ) -> Result<(), StoreError> {
        let mut changes = stages.iter().copied().flatten();
        let is_conditional = |change: &Change| change.source().is_some() || change.over.is_some();
        if !self.has_one_writer && changes.any(is_conditional) {
            self.probe()?;
        }
        let written = Written::default();
        for stage in stages {
            let in_order = stage.iter().any(|change| change.path.parent().as_str().is_empty());
            let jobs = if in_order { 1 } else { self.jobs };
            let mut changes = stage.iter();
            let mut under_way = FuturesUnordered::new();
            let mut result = Ok(());
            loop {
                let free = jobs.saturating_sub(under_way.len());
                let begun = changes.by_ref().take(if result.is_ok() { free } else { 0 });
                under_way.extend(begun.map(|change| self.make_one(change, &written)));
                // Nobody but us is called while the runtime is held.
                match self.runtime.block_on(under_way.next()) {
                    Some((change, Ok(()))) => made(change),
                    Some((_, Err(error))) => result = result.and(Err(error)),
                    None => break,
                }
            }
            result?;
        }
        Ok(())
    }

    async fn make_one<'a>(
        &self,
        change: &'a Change,
        written: &Written,
    ) -> (&'a Change, Result<(), StoreError>) {
        let over = written.stamp(&change.path).or(change.over);
        let (action, result) = match (&change.action, change.source()) {
            (_, Some(source)) => ("write", self.write(change, over, source, written).await),
            (Action::Remove, None) => ("remove", self.remove(&change.path, over).await),
            // There are no folders.
            (_, None) => ("create", Ok(())),
        };
        let failed = |error| match action {
            "write" => {
                let mut error = StoreError::of_write(self.locate(&change.path), error);
                // Else the file that was to be copied is at fault, of which the store knows nothing.
                if error.action == action {
                    error.source = self.with_asked(error.source);
                }
                error
            }
            _ => self.error(action, &change.path)(error),
        };
        (change, result.map_err(failed))
    }

    async fn write(
        &self,
        change: &Change,
        over: Option<Stamp>,
        source: &ByteSource,
        written: &Written,
    ) -> io::Result<()> {
        let expected = match (&change.action, over) {
            _ if self.has_one_writer => Expected::Anything,
            (Action::Create(_), _) => Expected::Nothing,
            (_, Some(stamp)) => {
                self.refuse_tombstone(&change.path, stamp)?;
                Expected::This(stamp)
            }
            (_, None) => return Err(ConditionalWriteError::NoTag.into()),
        };
        let size = source.size()?;
        let in_parts = source.as_file().filter(|_| is_in_parts(&change.path, size));
        let version = if let Some(file) = in_parts {
            self.put_in_parts(&change.path, file, size).await?
        } else {
            let _held = self.hold(size).await?;
            let source = source.clone();
            let bytes = tokio::task::spawn_blocking(move || source.into_bytes()).await;
            let bytes = Bytes::from(bytes.map_err(io::Error::other)??);
            self.put(&change.path, expected, bytes).await?
        };
        if let Some(stamp) = version.stamp() {
            written.insert(&change.path, stamp);
        }
        self.seen.insert(&change.path, version);
        Ok(())
    }

    pub(super) async fn put(
        &self,
        path: &RepositoryPath,
        expected: Expected,
        bytes: Bytes,
    ) -> io::Result<Version> {
        let key = self.key(path)?;
        let mut tries = Tries::begin();
        loop {
            let (answer, error) = match self.put_once(path, &key, expected, &bytes).await {
                Ok(version) => return Ok(version),
                Err(NotPut::IsAnother) => (Answer::Refused, Conflict.into()),
                Err(NotPut::NoTag) => return Err(ConditionalWriteError::NoTag.into()),
                Err(NotPut::Failed(error)) => match (Answer::of(&error), &error) {
                    (Answer::Final | Answer::Unsupported, _) => return Err(plain(error)),
                    (Answer::Refused, object_store::Error::Precondition { .. }) => {
                        (Answer::Refused, ConditionalWriteError::NeverMet.into())
                    }
                    // S3 answers so while another write is under way.
                    (Answer::Refused, _) => (Answer::Refused, Conflict.into()),
                    (Answer::Unclear, _) => (Answer::Unclear, plain(error)),
                },
            };
            let error = match self.look(&key, expected, &bytes).await {
                Ok(Standing::Ours(version)) => return Ok(version),
                Ok(Standing::Another) => return Err(Conflict.into()),
                Ok(Standing::AsBefore(Some(found))) if !self.was_asked_of(path, &found) => {
                    // What was written over by the same bytes has the same tag, and another generation.
                    self.seen.insert(path, found);
                    Conflict.into()
                }
                Err(_) if answer == Answer::Refused => Conflict.into(),
                Err(looked) if is_silence(&error) && is_silence(&looked) => {
                    return Err(tries.tell(error));
                }
                Ok(Standing::AsBefore(_)) | Err(_) => error,
            };
            if !tries.again_after(&error).await {
                return Err(tries.tell(error));
            }
        }
    }

    /// Whether a condition is made of this very version.
    fn was_asked_of(&self, path: &RepositoryPath, found: &Version) -> bool {
        let asked = found.stamp().and_then(|stamp| self.seen.get(path, stamp));
        asked.is_none_or(|asked| asked.generation == found.generation)
    }

    async fn put_once(
        &self,
        path: &RepositoryPath,
        key: &Path,
        expected: Expected,
        bytes: &Bytes,
    ) -> Result<Version, NotPut> {
        let mode = match expected {
            Expected::Anything => PutMode::Overwrite,
            Expected::Nothing => PutMode::Create,
            Expected::This(stamp) => {
                let version = self.version(path, key, stamp).await?.ok_or(NotPut::IsAnother)?;
                if !version.takes_condition(self.has_generations) {
                    return Err(NotPut::NoTag);
                }
                PutMode::Update(version.condition(self.tag_form()))
            }
        };
        let options =
            PutOptions { mode, attributes: self.attributes(path), ..PutOptions::default() };
        let put = self.inner.put_opts(key, PutPayload::from(bytes.clone()), options).await?;
        Ok(Version::of_put(bytes.len(), put))
    }

    /// What has this stamp, if it still stands, with all that a condition takes.
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
        let version = match self.inner.head(key).await {
            Err(error) if is_missing(&error) => return Ok(None),
            found => Version::of(&found?),
        };
        Ok(Some(version).filter(|version| version.stamp() == Some(stamp)))
    }

    /// What stands now.
    async fn look(&self, key: &Path, expected: Expected, ours: &[u8]) -> io::Result<Standing> {
        let got = match self.inner.get_opts(key, GetOptions::default()).await {
            Err(error) if is_missing(&error) => {
                return Ok(match expected {
                    Expected::This(_) => Standing::Another,
                    Expected::Nothing | Expected::Anything => Standing::AsBefore(None),
                });
            }
            got => got.map_err(plain)?,
        };
        let version = Version::of(&got.meta);
        let stamp = version.stamp();
        if u64::try_from(ours.len()) == Ok(version.size())
            && got.bytes().await.map_err(plain)? == ours
        {
            return Ok(Standing::Ours(version));
        }
        Ok(match expected {
            Expected::Anything => Standing::AsBefore(None),
            Expected::This(before) if stamp == Some(before) => Standing::AsBefore(Some(version)),
            Expected::This(_) | Expected::Nothing => Standing::Another,
        })
    }

    async fn remove(&self, path: &RepositoryPath, over: Option<Stamp>) -> io::Result<()> {
        let key = self.key(path)?;
        let over = over.filter(|_| !self.has_one_writer);
        if let Some(stamp) = over.filter(|_| path.folder() == Folder::Packages) {
            self.bury(path, &key, stamp).await?;
            self.seen.remove(path);
            return Ok(());
        }
        let mut tries = Tries::begin();
        loop {
            let error = match self.remove_once(&key, over).await {
                Ok(true) => {
                    self.seen.remove(path);
                    return Ok(());
                }
                Ok(false) => return Err(Conflict.into()),
                Err(error) => error,
            };
            // There is no condition that the server could refuse: somebody else is at it.
            let is_worth_it = matches!(Answer::of(&error), Answer::Unclear | Answer::Refused);
            let error = plain(error);
            if !is_worth_it || !tries.again_after(&error).await {
                return Err(tries.tell(error));
            }
        }
    }

    /// Whether it is gone; otherwise it is another one. That is looked at just before: who adds a tarball looks
    /// for it once more after it is named, and who removes one looks once more at what is named.
    async fn remove_once(&self, key: &Path, over: Option<Stamp>) -> object_store::Result<bool> {
        if let Some(stamp) = over {
            match self.inner.head(key).await {
                Err(error) if is_missing(&error) => return Ok(true),
                found => {
                    if Version::of(&found?).stamp() != Some(stamp) {
                        return Ok(false);
                    }
                }
            }
        }
        match self.inner.delete(key).await {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(true),
        }
    }

    /// What whoever serves the bucket sends with a file.
    pub(super) fn attributes(&self, path: &RepositoryPath) -> Attributes {
        let asset = Asset::at(path.as_str()).filter(|asset| asset.path == path.as_str());
        let content_type = asset.as_ref().map_or(OCTET_STREAM, |asset| asset.kind.content_type());
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, content_type.into());
        if let Some(asset) = asset {
            // Google Cloud Storage itself keeps copies of what it may hand to anybody, and would show us those
            // in place of what somebody wrote since.
            let is_copied = self.has_generations && asset.kind == AssetKind::Registry;
            let control = asset.kind.cache_control(!self.is_private && !is_copied);
            attributes.insert(Attribute::CacheControl, control.into());
        }
        attributes
    }
}
