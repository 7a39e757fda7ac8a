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
pub(crate) use real_folder::{Entry, RealFolder};

use std::collections::HashSet;
use std::fs::{self, DirEntry, File, FileType, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use rustix::fs::OFlags;
use walkdir::WalkDir;

use super::{Content, Kind, Listed, Locked, Made, Stamp, Store, StoreError};
use crate::package::UnixSeconds;
use crate::repository::{Change, Folder, RepositoryPath};
use lock::Mode;

/// A directory whose files any static server can serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirStore {
    root: PathBuf,
}

impl DirStore {
    /// The tree below `root`, which need not exist yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where a file lies.
    pub(crate) fn path(&self, path: &RepositoryPath) -> PathBuf {
        match path.as_str() {
            // Joined, it would end in a slash.
            "" => self.root.clone(),
            path => self.root.join(path),
        }
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
    fn list(&self, folder: Folder) -> Result<Option<Vec<Listed>>, StoreError> {
        let path = folder.path();
        let failed = self.error("list", &path);
        let directory = self.path(&path);
        match fs::metadata(&directory) {
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
        Ok(Some(entries.par_iter().map(listed).collect()))
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, Kind)>>, StoreError> {
        let root = Folder::Root.path();
        let failed = self.error("list", &root);
        match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let mut entered = HashSet::new();
        let walk = WalkDir::new(&self.root).min_depth(1).follow_links(true).into_iter();
        // Links may lead to one folder in more ways than anybody could follow.
        let walk = walk.filter_entry(|entry| {
            // One that cannot be told apart is entered: what is wrong with it is to be found.
            !entry.file_type().is_dir() || identity(entry).is_none_or(|one| entered.insert(one))
        });
        let files = walk.filter_map(|entry| {
            let (path, kind) = match &entry {
                Ok(entry) if entry.file_type().is_dir() => return None,
                Ok(entry) => (Some(entry.path()), kind(entry.file_type())),
                Err(error) => {
                    let circle = || Kind::Unreadable("its links lead in a circle".to_owned());
                    (error.path(), error.io_error().map_or_else(circle, kind_of_none))
                }
            };
            let path = path.and_then(|path| path.strip_prefix(&self.root).ok());
            let path = path.unwrap_or(Path::new(""));
            let unreadable = || Kind::Unreadable("its name is not UTF-8".to_owned());
            let kind = if path.to_str().is_some() { kind } else { unreadable() };
            Some((Folder::Root.file(&path.to_string_lossy()), kind))
        });
        Ok(Some(files.collect()))
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        buffer.clear();
        let failed = |error| self.error("read", path)(error);
        let file = match open(&self.path(path)) {
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

    fn apply(&self, stages: &[&[Change]], made: &dyn Fn(Made<'_>)) -> Result<(), StoreError> {
        self.make(stages, made)
    }

    fn lock(&self) -> Result<Locked, StoreError> {
        let root = Folder::Root.path();
        // Not each time that somebody who waits for it asks.
        if !self.root.is_dir() {
            folder::create(&self.root).map_err(self.error("create", &root))?;
        }
        lock::take(&self.root, Mode::Alone).map_err(self.error("lock", &root))
    }

    fn lock_shared(&self) -> Result<Locked, StoreError> {
        lock::take(&self.root, Mode::Shared).map_err(self.error("lock", &Folder::Root.path()))
    }

    /// One that is not there yet has no other name.
    fn lock_place(&self) -> Option<PathBuf> {
        self.root.canonicalize().or_else(|_| std::path::absolute(&self.root)).ok()
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.path(path).display().to_string()
    }
}

/// By which a folder is known again, whichever way leads to it.
fn identity(folder: &walkdir::DirEntry) -> Option<(u64, u64)> {
    folder.metadata().ok().map(|found| (found.dev(), found.ino()))
}

/// Opens a file, and a pipe without waiting for whoever might write to it.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::open(path, flags, rustix::fs::Mode::empty())?.into())
}

/// Asks for an entry by its name in the folder that is open, which spares the kernel its path; and
/// follows links one by one, so that a dangling one is listed too.
fn listed(entry: &DirEntry) -> Listed {
    let none = |kind: Kind| (kind, UnixSeconds(0), None);
    let found = entry
        .metadata()
        .and_then(|found| if found.is_symlink() { fs::metadata(entry.path()) } else { Ok(found) });
    let name = entry.file_name();
    let (kind, modified, stamp) = match found {
        Ok(_) if name.to_str().is_none() => {
            none(Kind::Unreadable("its name is not UTF-8".to_owned()))
        }
        Ok(found) => (kind(found.file_type()), modified(&found), Some(stamp(&found))),
        Err(error) => none(kind_of_none(&error)),
    };
    Listed { name: name.to_string_lossy().into_owned(), kind, modified, stamp }
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

fn kind(found: FileType) -> Kind {
    match found {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_dir() => Kind::Folder,
        _ => Kind::Other,
    }
}

/// What has a name and is not found all the same is a link; of all else there is no telling.
fn kind_of_none(error: &io::Error) -> Kind {
    match error.kind() {
        io::ErrorKind::NotFound => Kind::Unreadable(error.to_string()),
        _ => Kind::Unknown(error.to_string()),
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
