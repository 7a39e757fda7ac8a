//! How changes reach a bucket: many at once, and each only where nobody else was faster.
//!
//! An answer may get lost on its way, and what was asked for is done all the same. So whatever is not
//! plainly an answer is looked into before it is repeated, and so is a condition that was not met: it
//! may be an earlier try of our own that is in its way.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions,
    PutPayload, WriteMultipart,
};
use tokio::io::AsyncReadExt;
use tokio::sync::SemaphorePermit;

use super::BucketStore;
use super::answer::{Answer, is_missing, plain};
use super::version::Version;
use crate::repository::{
    Action, Asset, AssetKind, Change, Folder, OCTETS, RepositoryPath, Source, SourceError,
};
use crate::store::{ConditionalWriteError, Conflict, Stamp, Store, StoreError};

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
    AsBefore,
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
            "write" => StoreError::of_write(self.locate(&change.path), error),
            _ => self.error(action, &change.path)(error),
        };
        (change, result.map_err(failed))
    }

    async fn write(
        &self,
        change: &Change,
        over: Option<Stamp>,
        source: &Source,
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
        let version = match source.as_file().filter(|_| size > PART) {
            Some(file) if is_named_by_content(&change.path) => {
                self.put_in_parts(&change.path, file, size).await?
            }
            _ => {
                let _held = self.hold(size).await?;
                let source = source.clone();
                let bytes = tokio::task::spawn_blocking(move || source.into_bytes()).await;
                let bytes = Bytes::from(bytes.map_err(io::Error::other)??);
                self.put(&change.path, expected, bytes).await?
            }
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
                Err(NotPut::Failed(error)) => match Answer::of(&error) {
                    Answer::Final | Answer::Unsupported => return Err(plain(error)),
                    Answer::Refused => (Answer::Refused, self.refused(expected, &error)),
                    Answer::Unclear => (Answer::Unclear, plain(error)),
                },
            };
            let error = match self.look(&key, expected, &bytes).await {
                Ok(Standing::Ours(version)) => return Ok(version),
                Ok(Standing::Another) => return Err(Conflict.into()),
                Err(_) if answer == Answer::Refused => Conflict.into(),
                Err(looked) if is_silence(&error) && is_silence(&looked) => {
                    return Err(tries.tell(error));
                }
                Ok(Standing::AsBefore) | Err(_) => error,
            };
            if !tries.again_after(&error).await {
                return Err(tries.tell(error));
            }
        }
    }

    /// Waits until there is room for so many bytes in memory, which is there until the answer is dropped.
    async fn hold(&self, size: u64) -> io::Result<SemaphorePermit<'_>> {
        let pieces = size.min(self.memory).div_ceil(PIECE);
        let pieces = u32::try_from(pieces).unwrap_or(u32::MAX);
        self.room.acquire_many(pieces).await.map_err(io::Error::other)
    }

    /// Writes a file part by part, on no condition: whoever else writes it writes the same.
    async fn put_in_parts(
        &self,
        path: &RepositoryPath,
        file: &std::path::Path,
        size: u64,
    ) -> io::Result<Version> {
        let failed = |source| SourceError { path: file.to_owned(), source };
        let part = size.div_ceil(MAX_PARTS).max(PART);
        let _held = self.hold(part.saturating_mul(PARTS_AT_ONCE)).await?;
        let mut bytes = tokio::fs::File::open(file).await.map_err(failed)?.take(size);
        let options = PutMultipartOptions {
            attributes: self.attributes(path),
            ..PutMultipartOptions::default()
        };
        let upload = self.inner.put_multipart_opts(&self.key(path)?, options).await;
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        let at_once = usize::try_from(PARTS_AT_ONCE).unwrap_or(1);
        let mut upload = WriteMultipart::new_with_chunk_size(upload.map_err(plain)?, part);
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
                break Err(plain(error));
            }
            upload.write(&buffer);
        };
        if let Err(error) = uploaded {
            // What failed first is told.
            let _ = upload.abort().await;
            return Err(error);
        }
        let put = upload.finish().await.map_err(plain)?;
        Ok(Version::of_put(usize::try_from(size).unwrap_or(usize::MAX), put))
    }

    /// What it means that a write was refused and the object is the same as before.
    fn refused(&self, expected: Expected, error: &object_store::Error) -> io::Error {
        match (expected, error) {
            // S3 answers 409, and not 412, while another write is under way; and what was written over by the same
            // bytes has the same tag, and another generation.
            (Expected::This(_), object_store::Error::Precondition { .. })
                if !self.has_generations =>
            {
                ConditionalWriteError::NeverMet.into()
            }
            _ => Conflict.into(),
        }
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
                    Expected::Nothing | Expected::Anything => Standing::AsBefore,
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
            Expected::Anything => Standing::AsBefore,
            Expected::This(before) if stamp == Some(before) => Standing::AsBefore,
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
    fn attributes(&self, path: &RepositoryPath) -> Attributes {
        let asset = Asset::at(path.as_str()).filter(|asset| asset.path == path.as_str());
        let content_type = asset.as_ref().map_or(OCTETS, |asset| asset.kind.content_type());
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

/// Whether a file has its name from what is in it, so that there is no other one of that name.
fn is_named_by_content(path: &RepositoryPath) -> bool {
    Asset::at(path.as_str()).is_some_and(|asset| asset.kind == AssetKind::GitObjects)
}

/// The largest file that is written at once, in bytes: it is held in memory, and no store takes more than 5 GiB.
const MAX_AT_ONCE: u64 = 1 << 30;

/// The least size of a part, in bytes.
const PART: u64 = 16 << 20;

/// How many parts an upload may have: S3 takes 10,000.
const MAX_PARTS: u64 = 9_000;

/// How many parts of one file are in memory at once.
const PARTS_AT_ONCE: u64 = 4;

/// In bytes: in which memory is counted.
pub(super) const PIECE: u64 = 64 << 10;

/// In bytes: how much of a file is read at once.
const PIECE_OF_FILE: usize = 256 << 10;

/// The largest file that can be written at a path.
pub(super) fn max_size(path: &RepositoryPath) -> Option<u64> {
    (!is_named_by_content(path)).then_some(MAX_AT_ONCE)
}

/// How often a request is repeated, beyond what the client does of itself where nothing can have
/// happened.
const TRIES: u32 = 5;

/// Before the second try; doubled before each that follows.
const PAUSE: Duration = Duration::from_millis(100);

/// After which no further try is begun: each may take minutes.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// How often it is repeated where the server said nothing at all, which took half a minute each time.
const TRIES_IN_SILENCE: u32 = 2;

/// Whether a server said nothing.
fn is_silence(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut
}

/// How often something was tried.
pub(super) struct Tries {
    number: u32,
    began: Instant,
}

impl Tries {
    pub fn begin() -> Self {
        Self { number: 1, began: Instant::now() }
    }

    /// Waits for a while that no two writers share, if another try is worth it.
    pub async fn again(&mut self) -> bool {
        if self.number >= TRIES || self.began.elapsed() > PATIENCE {
            return false;
        }
        let longest = PAUSE.saturating_mul(1 << self.number.saturating_sub(1));
        tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.number = self.number.saturating_add(1);
        true
    }

    /// The same after this error.
    pub async fn again_after(&mut self, error: &io::Error) -> bool {
        let is_last = is_silence(error) && self.number >= TRIES_IN_SILENCE;
        !is_last && self.again().await
    }

    /// An error of the last try, with how long all of them took, where that is long.
    pub fn tell(&self, error: io::Error) -> io::Error {
        if !is_silence(&error) {
            return error;
        }
        let seconds = self.began.elapsed().as_secs();
        io::Error::new(error.kind(), format!("{error}; it was given up after {seconds} seconds"))
    }
}
