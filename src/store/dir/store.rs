//! How a directory is listed, read and locked.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::WalkDir;

use super::dir_store::DirStore;
use super::folder;
use super::lock::{self, Mode};
use super::metadata::{kind, kind_after, modified, not_utf8, stamp};
use crate::package::UnixSeconds;
use crate::repository::{Folder, RepositoryPath};
use crate::store::change::{AppliedChange, Change};
use crate::store::error::{Operation, StoreError};
use crate::store::interface::Store;
use crate::store::listing::{Content, EntryKind, ListedFile};
use crate::store::lock::LockOutcome;

impl Store for DirStore {
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        let path = folder.path();
        let failed = self.error(Operation::List, &path);
        match self.root().metadata(path.as_str().as_ref()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(found) if !found.is_dir() => {
                return Err(failed(io::ErrorKind::NotADirectory.into()));
            }
            Ok(_) => {}
        }
        let entries =
            fs::read_dir(self.path(&path)).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(failed)?;
        // In parallel, as the metadata of the entries takes longer than the listing.
        Ok(Some(entries.par_iter().map(|entry| listed(self, folder, entry)).collect()))
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        let failed = self.error(Operation::List, &Folder::Root.path());
        let root = self.root().path();
        match fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let (mut entered, mut leading_out) = (HashSet::new(), Vec::new());
        let walk = WalkDir::new(root).min_depth(1).follow_links(true).into_iter();
        // A folder is entered once: links may lead to it in more ways than can be followed.
        let walk = walk.filter_entry(|entry| {
            if self.leads_out(entry) {
                leading_out.push(entry.path().to_owned());
                return false;
            }
            // A folder without an identity is entered too, so that its error is reported.
            !entry.file_type().is_dir() || identity(entry).is_none_or(|one| entered.insert(one))
        });
        let files = walk.filter_map(|entry| {
            let (path, kind) = match &entry {
                Ok(entry) if entry.file_type().is_dir() => return None,
                Ok(entry) => (Some(entry.path()), kind(entry.file_type())),
                Err(error) => {
                    let circle = || EntryKind::Unreadable("its links lead in a circle".to_owned());
                    (error.path(), error.io_error().map_or_else(circle, kind_after))
                }
            };
            Some(below(root, path.unwrap_or(root), kind))
        });
        let mut files: Vec<_> = files.collect();
        files.extend(leading_out.iter().map(|path| below(root, path, EntryKind::LeadsOut)));
        Ok(Some(files))
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        buffer.clear();
        let failed = |error| self.error(Operation::Read, path)(error);
        let file = match self.root().open(path.as_str().as_ref()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = (&file).take(limit).read_to_end(buffer);
        let found = file.metadata().map_err(failed)?;
        if !found.is_file() {
            return Err(failed(io::Error::other("it is not a file")));
        }
        read.map_err(failed)?;
        Ok(Some(Content { stamp: Some(stamp(&found)) }))
    }

    fn inspect(&self, path: &RepositoryPath) -> Result<Option<Content>, StoreError> {
        let failed = self.error(Operation::Inspect, path);
        match self.root().metadata(path.as_str().as_ref()) {
            Ok(found) if found.is_file() => Ok(Some(Content { stamp: Some(stamp(&found)) })),
            Ok(_) => Err(failed(io::Error::other("it is not a file"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        applied: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        self.apply_stages(stages, applied)
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        let root = Folder::Root.path();
        // Only if it is missing: creating it flushes the folders above, and a waiting writer asks again and again.
        if !self.root().path().is_dir() {
            folder::create(self.root().path()).map_err(self.error(Operation::Create, &root))?;
        }
        lock::take(self.root().path(), Mode::Exclusive).map_err(self.error(Operation::Lock, &root))
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        lock::take(self.root().path(), Mode::Shared)
            .map_err(self.error(Operation::Lock, &Folder::Root.path()))
    }

    /// A directory that does not exist yet has no link that could give it another name.
    fn lock_path(&self) -> Option<PathBuf> {
        let root = self.root().path();
        root.canonicalize().or_else(|_| std::path::absolute(root)).ok()
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.path(path).display().to_string()
    }
}

/// An entry of a folder. The entry's metadata is asked for by its name in the open folder, which spares the kernel the
/// rest of the path. A link is followed in a second step, so that a dangling one is listed too.
fn listed(store: &DirStore, folder: Folder, entry: &DirEntry) -> ListedFile {
    let without_metadata = |kind: EntryKind| (kind, UnixSeconds(0), None);
    let name = entry.file_name();
    let path = || Path::new(folder.as_str()).join(&name);
    let found = entry.metadata().and_then(|found| {
        if found.is_symlink() { store.root().metadata(&path()) } else { Ok(found) }
    });
    let (kind, modified, stamp) = match found {
        Ok(_) if name.to_str().is_none() => without_metadata(not_utf8()),
        Ok(found) => (kind(found.file_type()), modified(&found), Some(stamp(&found))),
        Err(error) => without_metadata(kind_after(&error)),
    };
    ListedFile { name: name.to_string_lossy().into_owned(), kind, modified, stamp }
}

/// The same for every path that leads to the folder.
fn identity(folder: &walkdir::DirEntry) -> Option<(u64, u64)> {
    folder.metadata().ok().map(|found| (found.dev(), found.ino()))
}

/// The repository's path of a file below its root.
fn below(root: &Path, path: &Path, kind: EntryKind) -> (RepositoryPath, EntryKind) {
    let path = path.strip_prefix(root).unwrap_or(Path::new(""));
    let kind = if path.to_str().is_some() { kind } else { not_utf8() };
    (Folder::Root.file(&path.to_string_lossy()), kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_inspected_by_itself() {
        let directory = tempfile::TempDir::new().unwrap();
        let store = DirStore::new(directory.path());
        let path = Folder::Packages.file("foo");
        assert_eq!(store.inspect(&path).unwrap(), None);
        fs::create_dir(directory.path().join("packages")).unwrap();
        assert_eq!(store.inspect(&path).unwrap(), None);
        assert!(store.inspect(&Folder::Packages.path()).is_err(), "it is no file");
        fs::write(directory.path().join(path.as_str()), b"foo").unwrap();
        let found = store.inspect(&path).unwrap();
        assert_eq!(found, store.read(&path, 10, &mut Vec::new()).unwrap());
        let listed = store.list(Folder::Packages).unwrap().unwrap();
        assert_eq!(found.unwrap().stamp, listed[0].stamp);
    }
}
