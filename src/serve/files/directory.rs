//! A repository in a directory. Only this file opens files that are served.
//!
//! What the kernel has in memory is opened and read on the threads that answer requests: Linux can be asked to fail
//! rather than to wait (`openat2` with `RESOLVE_CACHED`, `preadv2` with `RWF_NOWAIT`). Elsewhere every call goes to a
//! thread that may block. Files are opened beneath the directory, so that no link leads out of it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use crate::beneath::OpenRoot;
use crate::repository::{Asset, Folder, RepositoryPath};
use crate::serve::files::no_wait;
use crate::serve::files::source::{FileSource, OpenFile, SourceFile};
use crate::store::{self, DirStore, LeadsOut, Stamp, Store};

/// The files of a repository in a directory.
pub(crate) struct Directory {
    store: DirStore,
    root: OpenRoot,
}

/// An open file of a directory.
struct DirectoryFile(File);

impl Directory {
    pub fn new(store: DirStore) -> Self {
        let root = OpenRoot::new(store.root().clone());
        Self { store, root }
    }

    /// The first folder of files that is a link out of the directory, where such links are not followed.
    pub fn folder_outside(&self) -> Option<Folder> {
        let leads_out = |folder: &Folder| {
            let found = self.store.root().metadata(folder.as_str().as_ref());
            found.is_err_and(|error| LeadsOut::is_in(&error))
        };
        Asset::FOLDERS.into_iter().find(leads_out)
    }
}

impl FileSource for Directory {
    fn open_now(&self, path: &str) -> Option<io::Result<OpenFile>> {
        let opened = self.root.open_cached(path.as_ref())?;
        Some(opened.and_then(regular_file))
    }

    fn open(&self, path: &str) -> io::Result<OpenFile> {
        regular_file(self.root.root().open(path.as_ref())?)
    }

    /// One system call. It may wait for a disk, where the folder is not in memory; a stat without waiting would take an
    /// open file. All links are followed.
    fn stamp_now(&self, path: &RepositoryPath) -> Option<io::Result<Option<Stamp>>> {
        Some(self.stamp(path))
    }

    fn stamp(&self, path: &RepositoryPath) -> io::Result<Option<Stamp>> {
        use io::ErrorKind::{NotADirectory, NotFound};
        match fs::metadata(self.store.path(path)) {
            Ok(found) => Ok(found.is_file().then(|| store::stamp(&found))),
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn is_available(&self) -> bool {
        fs::metadata(self.store.root().path()).is_ok_and(|found| found.is_dir())
    }
}

impl SourceFile for DirectoryFile {
    fn read_now(&self, from: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        no_wait::read(&self.0, from, buffer)
    }

    fn read(&self, from: u64, size: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; size];
        let read = self.0.read_at(&mut bytes, from)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        Ok(store::stamp(&self.0.metadata()?))
    }
}

fn regular_file(file: File) -> io::Result<OpenFile> {
    let found = file.metadata()?;
    // A pipe or a device could be read for ever.
    if !found.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let changed = found.ctime().saturating_mul(1_000_000_000).saturating_add(found.ctime_nsec());
    Ok(OpenFile::new(Arc::new(DirectoryFile(file)), store::stamp(&found), changed))
}
