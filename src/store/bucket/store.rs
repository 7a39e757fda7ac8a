//! How a bucket is listed and read, and what takes the place of a lock.

use super::bucket_store::BucketStore;
use super::parts;
use super::version::Version;
use crate::package::UnixSeconds;
use crate::repository::{Folder, RepositoryPath};
use crate::store::change::{AppliedChange, Change};
use crate::store::error::{Operation, StoreError};
use crate::store::interface::Store;
use crate::store::listing::{Content, EntryKind, ListedFile};
use crate::store::lock::{Lock, LockOutcome};
use crate::store::stamp::Stamp;

impl Store for BucketStore {
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        let folder = folder.path();
        let found = self.runtime.block_on(self.list_folder(&folder));
        let found = found.map_err(self.error(Operation::List, &folder))?.into_iter();
        let files = found.filter_map(|found| Some((self.path(&found.location)?, found)));
        let mut listed = Vec::new();
        let mut seen = Vec::new();
        for (path, found) in files {
            let version = Version::of(&found);
            listed.push(ListedFile {
                name: path.file_name().to_owned(),
                kind: EntryKind::File,
                modified: UnixSeconds(found.last_modified.timestamp()),
                stamp: version.stamp(),
            });
            seen.push((path, version));
        }
        self.seen.extend(seen);
        // There are no folders, so none is missing.
        Ok(Some(listed))
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        let files = self.runtime.block_on(self.list_all());
        let files = files.map_err(self.error(Operation::List, &Folder::Root.path()))?;
        if files.is_empty() {
            return Ok(None);
        }
        self.seen.extend(files.iter().cloned());
        Ok(Some(files.into_iter().map(|(path, _)| (path, EntryKind::File)).collect()))
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        buffer.clear();
        let version = self.runtime.block_on(self.fetch(path, limit, buffer));
        let Some(version) = version.map_err(self.error(Operation::Read, path))? else {
            return Ok(None);
        };
        let stamp = version.stamp();
        self.seen.insert(path, version);
        Ok(Some(Content { stamp }))
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        applied: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        self.apply_stages(stages, &|change| applied(AppliedChange::new(change)))
    }

    /// Conditions take the place of a lock.
    fn lock(&self) -> Result<LockOutcome, StoreError> {
        Ok(LockOutcome::Held(Lock::of_nothing()))
    }

    /// Nothing keeps writers out, so a reader may see the files of two builds.
    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        Ok(LockOutcome::Held(Lock::of_nothing()))
    }

    fn max_size(&self, path: &RepositoryPath) -> Option<u64> {
        parts::max_size(path)
    }

    fn is_conditional(&self) -> bool {
        !self.has_one_writer
    }

    fn has_tombstones(&self) -> bool {
        true
    }

    /// Copying a registry into a bucket makes all of its files new.
    fn keeps_times(&self) -> bool {
        false
    }

    /// In S3 the tag of an object that was uploaded in one part is its MD5, unless the object is encrypted with a key of
    /// the user's.
    fn stamp_of(&self, bytes: &[u8]) -> Option<Stamp> {
        Version::of_content(bytes).stamp()
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.location(path)
    }
}
