//! The directory of a repository.

use std::io;
use std::path::PathBuf;

use crate::beneath::{LeadsOut, Links, Root};
use crate::repository::RepositoryPath;
use crate::store::error::{Operation, StoreError};

/// A repository in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirStore {
    root: Root,
}

impl DirStore {
    /// The repository below `root`, which need not exist yet. All links are followed.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: Root::new(root, Links::Anywhere) }
    }

    /// The same repository, read through these links only.
    #[must_use]
    pub fn with_links(self, links: Links) -> Self {
        Self { root: Root::new(self.root.path(), links) }
    }

    /// The directory that files are read from.
    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// The path of a file on the disk.
    pub(crate) fn path(&self, path: &RepositoryPath) -> PathBuf {
        self.root.join(path.as_str().as_ref())
    }

    /// The error of an operation on a file.
    pub(crate) fn error(
        &self,
        operation: Operation,
        path: &RepositoryPath,
    ) -> impl Fn(io::Error) -> StoreError + use<> {
        let location = self.path(path).display().to_string();
        move |error| StoreError::new(operation, location.clone(), error)
    }

    /// Whether an entry is a link that is not followed.
    pub(super) fn leads_out(&self, entry: &walkdir::DirEntry) -> bool {
        let path = || entry.path().strip_prefix(self.root.path()).ok();
        self.root.links() == Links::Inside
            && entry.path_is_symlink()
            && path().is_some_and(|path| {
                self.root.metadata(path).is_err_and(|error| LeadsOut::is_in(&error))
            })
    }
}
