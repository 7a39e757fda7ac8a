//! The files of a repository.

use super::Error;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{EntryKind, Store};

/// Everything that is served, at any depth.
pub(super) struct Tree {
    /// By path.
    pub files: Vec<(RepositoryPath, EntryKind)>,
}

impl Tree {
    pub fn walk(store: &dyn Store) -> Result<Self, Error> {
        let mut files = store.walk()?.ok_or(Error::Missing)?;
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Self { files })
    }

    /// Whether a mirror keeps it.
    pub fn is_mirror(&self) -> bool {
        self.files.iter().any(|(path, _)| path.folder() == Folder::Mirror)
    }

    /// Whether everything in a folder was found: it is not so where the folder, or all of the tree, is
    /// among what should be files.
    pub fn is_whole(&self, folder: Folder) -> bool {
        let (root, folder) = (Folder::Root.path(), folder.path());
        !self.files.iter().any(|(path, _)| *path == root || *path == folder)
    }
}
