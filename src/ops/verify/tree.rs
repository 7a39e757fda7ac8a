//! The files of a repository.

use super::Error;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{EntryKind, Store};

/// All files of a repository, at any depth.
pub(super) struct Tree {
    /// Each path and what is there, sorted by path.
    pub files: Vec<(RepositoryPath, EntryKind)>,
}

impl Tree {
    pub fn walk(store: &dyn Store) -> Result<Self, Error> {
        let mut files = store.walk()?.ok_or(Error::Missing)?;
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Self { files })
    }

    /// Whether `hexreg mirror` made the repository.
    pub fn is_mirror(&self) -> bool {
        self.files.iter().any(|(path, _)| path.folder() == Folder::Mirror)
    }

    /// Whether all files of a folder are in the list. A folder that could not be read is in the list itself, as is the
    /// root if nothing could be read.
    pub fn is_whole(&self, folder: Folder) -> bool {
        let (root, folder) = (Folder::Root.path(), folder.path());
        !self.files.iter().any(|(path, _)| *path == root || *path == folder)
    }
}
