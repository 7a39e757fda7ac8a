//! A served tree in a directory.

mod access;
mod folder;
mod link;
mod lock;
mod real_folder;
mod write;

pub(crate) use access::keep as keep_access;
pub use folder::flush as flush_folder;
pub(crate) use link::is_trusted as is_trusted_owner;
pub(crate) use real_folder::{FolderEntry, RealFolder};

use std::collections::HashSet;
use std::fs::{self, DirEntry, FileType, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use walkdir::WalkDir;

use super::{AppliedChange, Content, EntryKind, ListedFile, LockOutcome, Stamp, Store, StoreError};
use crate::beneath::{LeadsOut, Links, Root};
use crate::package::UnixSeconds;
use crate::repository::{Folder, RepositoryPath};
use crate::store::Change;
use lock::Mode;

/// A directory whose files any static server can serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirStore {
    root: Root,
}

impl DirStore {
    /// The tree below `root`, which need not exist yet. All links are followed.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: Root::new(root, Links::Anywhere) }
    }

    /// The same tree, of which nothing is read through other links than these.
    #[must_use]
    pub fn with_links(self, links: Links) -> Self {
        Self { root: Root::new(self.root.path(), links) }
    }

    /// Where files are read.
    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// Where a file lies.
    pub(crate) fn path(&self, path: &RepositoryPath) -> PathBuf {
        self.root.join(path.as_str().as_ref())
    }

    /// Whether an entry is a link that is not followed.
    fn leads_out(&self, entry: &walkdir::DirEntry) -> bool {
        let path = || entry.path().strip_prefix(self.root.path()).ok();
        self.root.links() == Links::Inside
            && entry.path_is_symlink()
            && path().is_some_and(|path| {
                self.root.metadata(path).is_err_and(|error| LeadsOut::is_in(&error))
            })
    }

    /// What a folder's entry is. It is asked for by its name in the folder that is open, which spares the kernel its
    /// path; links are followed one by one, so that a dangling one is listed too.
    fn listed(&self, folder: Folder, entry: &DirEntry) -> ListedFile {
        let none = |kind: EntryKind| (kind, UnixSeconds(0), None);
        let name = entry.file_name();
        let path = || Path::new(folder.path().as_str()).join(&name);
        let found = entry.metadata().and_then(|found| {
            if found.is_symlink() { self.root.metadata(&path()) } else { Ok(found) }
        });
        let (kind, modified, stamp) = match found {
            Ok(_) if name.to_str().is_none() => {
                none(EntryKind::Unreadable("its name is not UTF-8".to_owned()))
            }
            Ok(found) => (kind(found.file_type()), modified(&found), Some(stamp(&found))),
            Err(error) => none(kind_of_none(&error)),
        };
        ListedFile { name: name.to_string_lossy().into_owned(), kind, modified, stamp }
    }

    pub(crate) fn error(
        &self,
        action: &'static str,
        path: &RepositoryPath,
    ) -> impl Fn(io::Error) -> StoreError {
        let location = self.locate(path);
        move |source| StoreError { action, location: location.clone(), source }
    }
}

impl Store for DirStore {
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        let path = folder.path();
        let failed = self.error("list", &path);
        let directory = self.path(&path);
        match self.root.metadata(path.as_str().as_ref()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(found) if !found.is_dir() => {
                return Err(failed(io::ErrorKind::NotADirectory.into()));
            }
            Ok(_) => {}
        }
        let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(failed)?;
        // In parallel: asking for what each is takes longer than listing them.
        Ok(Some(entries.par_iter().map(|entry| self.listed(folder, entry)).collect()))
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        let root = Folder::Root.path();
        let failed = self.error("list", &root);
        let root = self.root.path();
        match fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let (mut entered, mut leading_out) = (HashSet::new(), Vec::new());
        let walk = WalkDir::new(root).min_depth(1).follow_links(true).into_iter();
        // Links may lead to one folder in more ways than anybody could follow.
        let walk = walk.filter_entry(|entry| {
            if self.leads_out(entry) {
                leading_out.push(entry.path().to_owned());
                return false;
            }
            // One that cannot be told apart is entered: what is wrong with it is to be found.
            !entry.file_type().is_dir() || identity(entry).is_none_or(|one| entered.insert(one))
        });
        let files = walk.filter_map(|entry| {
            let (path, kind) = match &entry {
                Ok(entry) if entry.file_type().is_dir() => return None,
                Ok(entry) => (Some(entry.path()), kind(entry.file_type())),
                Err(error) => {
                    let circle = || EntryKind::Unreadable("its links lead in a circle".to_owned());
                    (error.path(), error.io_error().map_or_else(circle, kind_of_none))
                }
            };
            Some(found_in(root, path.unwrap_or(root), kind))
        });
        let mut files: Vec<_> = files.collect();
        files.extend(leading_out.iter().map(|path| found_in(root, path, EntryKind::LeadsOut)));
        Ok(Some(files))
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        buffer.clear();
        let failed = |error| self.error("read", path)(error);
        let file = match self.root.open(path.as_str().as_ref()) {
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

    fn apply(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        self.make(stages, made)
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        let root = Folder::Root.path();
        // Not each time that somebody who waits for it asks.
        if !self.root.path().is_dir() {
            folder::create(self.root.path()).map_err(self.error("create", &root))?;
        }
        lock::take(self.root.path(), Mode::Alone).map_err(self.error("lock", &root))
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        lock::take(self.root.path(), Mode::Shared).map_err(self.error("lock", &Folder::Root.path()))
    }

    /// One that is not there yet has no other name.
    fn lock_place(&self) -> Option<PathBuf> {
        let root = self.root.path();
        root.canonicalize().or_else(|_| std::path::absolute(root)).ok()
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.path(path).display().to_string()
    }
}

/// By which a folder is known again, whichever way leads to it.
fn identity(folder: &walkdir::DirEntry) -> Option<(u64, u64)> {
    folder.metadata().ok().map(|found| (found.dev(), found.ino()))
}

/// A path that was found below a directory, as the tree has it.
fn found_in(root: &Path, path: &Path, kind: EntryKind) -> (RepositoryPath, EntryKind) {
    let path = path.strip_prefix(root).unwrap_or(Path::new(""));
    let unreadable = || EntryKind::Unreadable("its name is not UTF-8".to_owned());
    let kind = if path.to_str().is_some() { kind } else { unreadable() };
    (Folder::Root.file(&path.to_string_lossy()), kind)
}

/// What tells whether a file is still the same.
pub(crate) fn stamp(found: &Metadata) -> Stamp {
    let nanoseconds =
        |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    Stamp::File {
        size: found.size(),
        modified: nanoseconds(found.mtime(), found.mtime_nsec()),
        changed: nanoseconds(found.ctime(), found.ctime_nsec()),
        inode: found.ino(),
        device: found.dev(),
    }
}

fn kind(found: FileType) -> EntryKind {
    match found {
        kind if kind.is_file() => EntryKind::File,
        kind if kind.is_dir() => EntryKind::Folder,
        _ => EntryKind::Other,
    }
}

/// What has a name and is not found all the same is a link; of all else there is no telling.
fn kind_of_none(error: &io::Error) -> EntryKind {
    match error.kind() {
        _ if LeadsOut::is_in(error) => EntryKind::LeadsOut,
        io::ErrorKind::NotFound => EntryKind::Unreadable(error.to_string()),
        _ => EntryKind::Unknown(error.to_string()),
    }
}

/// Rounded down, as `stat` gives it to Hex, before 1970 too.
pub(crate) fn modified(found: &Metadata) -> UnixSeconds {
    let seconds = |time: std::time::Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let time = found.modified().unwrap_or(UNIX_EPOCH);
    UnixSeconds(match time.duration_since(UNIX_EPOCH) {
        Ok(since) => seconds(since),
        Err(error) => {
            let before = error.duration();
            0_i64.saturating_sub(seconds(before)).saturating_sub((before.subsec_nanos() > 0).into())
        }
    })
}
