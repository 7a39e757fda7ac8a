//! Where the files of an index of documentation are: in the cache directory, or else in memory.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::docs::search::{DirectoryFiles, DocsFiles, MemoryFiles};

/// Where the files of an index are.
pub(super) enum IndexFiles {
    Directory(DirectoryFiles),
    Memory(MemoryFiles),
}

impl IndexFiles {
    /// In a folder, which is made if it is missing. Only the user of the server may read it: the repository may be
    /// private.
    pub fn in_folder(folder: &Path) -> Self {
        match DirBuilder::new().recursive(true).mode(0o700).create(folder) {
            Ok(()) => Self::Directory(DirectoryFiles::new(folder)),
            Err(error) => {
                let path = folder.display().to_string();
                tracing::warn!(path, %error, "the search in documentation is not kept over a restart");
                Self::Memory(MemoryFiles::default())
            }
        }
    }

    pub fn remove(&self, name: &str) {
        match self {
            Self::Directory(files) => files.remove(name),
            Self::Memory(files) => files.remove(name),
        }
    }

    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Directory(files) => files.names(),
            Self::Memory(files) => files.names(),
        }
    }
}

impl DocsFiles for IndexFiles {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Directory(files) => files.read(name),
            Self::Memory(files) => files.read(name),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Directory(files) => files.write(name, bytes),
            Self::Memory(files) => files.write(name, bytes),
        }
    }
}
