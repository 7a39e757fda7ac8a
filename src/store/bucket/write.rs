//! How changes reach a bucket: many at once, and each only if no other writer was faster.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::attempts::Attempts;
use super::bucket_store::BucketStore;
use super::failure::{Failure, is_missing, kind_of};
use super::parts::is_in_parts;
use super::put::Condition;
use super::version::Version;
use super::write_error::WriteError;
use crate::repository::{ByteSource, Folder, RepositoryPath};
use crate::store::change::{Action, Change};
use crate::store::error::{ConditionalWriteError, Operation, StoreError, StoreErrorKind};
use crate::store::stamp::Stamp;

/// The stamps of the objects that earlier changes of the same call wrote.
#[derive(Default)]
struct WrittenStamps(Mutex<HashMap<RepositoryPath, Stamp>>);

impl WrittenStamps {
    fn get(&self, path: &RepositoryPath) -> Option<Stamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied()
    }

    fn insert(&self, path: &RepositoryPath, stamp: Stamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone(), stamp);
    }
}

impl BucketStore {
    pub(super) fn apply_stages(
        &self,
        stages: &[&[Change]],
        applied: &dyn Fn(&Change),
    ) -> Result<(), StoreError> {
        let mut changes = stages.iter().copied().flatten();
        let is_conditional = |change: &Change| change.source().is_some() || change.over.is_some();
        if !self.has_one_writer && changes.any(is_conditional) {
            self.probe()?;
        }
        let written = WrittenStamps::default();
        for stage in stages {
            let in_order = stage.iter().any(|change| change.path.parent().as_str().is_empty());
            let jobs = if in_order { 1 } else { self.jobs };
            let mut changes = stage.iter();
            let mut in_progress = FuturesUnordered::new();
            let mut result = Ok(());
            loop {
                let free = jobs.saturating_sub(in_progress.len());
                let begun = changes.by_ref().take(if result.is_ok() { free } else { 0 });
                in_progress.extend(begun.map(|change| self.make(change, &written)));
                // `applied` is not called inside `block_on`: it may itself read from the store.
                match self.runtime.block_on(in_progress.next()) {
                    Some((change, Ok(()))) => applied(change),
                    Some((_, Err(error))) => result = result.and(Err(error)),
                    None => break,
                }
            }
            result?;
        }
        Ok(())
    }

    async fn make<'a>(
        &self,
        change: &'a Change,
        written: &WrittenStamps,
    ) -> (&'a Change, Result<(), StoreError>) {
        let (path, over) = (&change.path, written.get(&change.path).or(change.over));
        let result = match (&change.action, change.source()) {
            (_, Some(source)) => match self.write(change, over, source, written).await {
                Ok(()) => Ok(()),
                Err(WriteError::Source(error)) => Err(error.into()),
                Err(WriteError::Bucket(error)) => Err(self.error(Operation::Write, path)(error)),
            },
            (Action::Remove, None) => {
                self.remove(path, over).await.map_err(self.error(Operation::Remove, path))
            }
            // There are no folders.
            (_, None) => Ok(()),
        };
        (change, result)
    }

    async fn write(
        &self,
        change: &Change,
        over: Option<Stamp>,
        source: &ByteSource,
        written: &WrittenStamps,
    ) -> Result<(), WriteError> {
        let condition = match (&change.action, over) {
            _ if self.has_one_writer => Condition::Always,
            (Action::Create(_), _) => Condition::Missing,
            (_, Some(stamp)) => {
                self.refuse_tombstone(&change.path, stamp)?;
                Condition::Unchanged(stamp)
            }
            (_, None) => return Err(ConditionalWriteError::NoTag.into()),
        };
        let size = source.size()?;
        let in_parts = source.as_file().filter(|_| is_in_parts(&change.path, size));
        let version = if let Some(file) = in_parts {
            self.put_in_parts(&change.path, file, size).await?
        } else {
            let _held = self.uploads.hold(size).await?;
            let source = source.clone();
            let bytes = tokio::task::spawn_blocking(move || source.into_bytes()).await;
            let bytes = Bytes::from(bytes.map_err(io::Error::other)??);
            self.put(&change.path, condition, bytes).await?
        };
        if let Some(stamp) = version.stamp() {
            written.insert(&change.path, stamp);
        }
        self.seen.insert(&change.path, version);
        Ok(())
    }

    async fn remove(
        &self,
        path: &RepositoryPath,
        over: Option<Stamp>,
    ) -> Result<(), StoreErrorKind> {
        let key = self.key(path)?;
        let over = over.filter(|_| !self.has_one_writer);
        if let Some(stamp) = over.filter(|_| path.folder() == Folder::Packages) {
            self.bury(path, &key, stamp).await?;
            self.seen.remove(path);
            return Ok(());
        }
        let mut attempts = Attempts::begin();
        loop {
            let error = match self.remove_once(&key, over).await {
                Ok(true) => {
                    self.seen.remove(path);
                    return Ok(());
                }
                Ok(false) => return Err(StoreErrorKind::Conflict),
                Err(error) => error,
            };
            // The request has no condition that could not be met, so `ConditionNotMet` means that another request for
            // the object is in progress.
            let may_pass =
                matches!(Failure::of(&error), Failure::Unclear | Failure::ConditionNotMet);
            let error = kind_of(error);
            if !may_pass || !attempts.next_after(&error).await {
                return Err(attempts.give_up(error));
            }
        }
    }

    /// Removes an object; `false` if it has another stamp. HEAD and then DELETE is not atomic. That is safe for
    /// tarballs: `add` looks for its tarball once more after a package names it, and `remove` looks once more at the
    /// packages.
    async fn remove_once(&self, key: &Path, over: Option<Stamp>) -> object_store::Result<bool> {
        if let Some(stamp) = over {
            match self.client.head(key).await {
                Err(error) if is_missing(&error) => return Ok(true),
                found => {
                    if Version::of(&found?).stamp() != Some(stamp) {
                        return Ok(false);
                    }
                }
            }
        }
        match self.client.delete(key).await {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(true),
        }
    }
}
