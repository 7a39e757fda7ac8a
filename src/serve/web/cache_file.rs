//! A file for what was derived from a repository. It may be lost at any time.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::regular_file;
use crate::serve::options::RepositoryLocation;

/// The folder in the cache directory.
const FOLDER: &str = "browse";

/// In bytes: the largest file that is read.
const MAX_SIZE: u64 = 1 << 30;

/// A file in the cache directory. Only the user of the server may read it: the repository may be private.
#[derive(Clone, Debug)]
pub(crate) struct CacheFile {
    path: PathBuf,
}

impl CacheFile {
    /// The file of a repository, of this kind.
    pub fn of(directory: &Path, location: &RepositoryLocation, kind: &str) -> Self {
        Self { path: path_of(directory, location, kind) }
    }

    /// Its bytes; `None` if it cannot be read.
    pub fn read(&self) -> Option<Vec<u8>> {
        regular_file::read(&self.path, MAX_SIZE).ok()
    }

    /// Writes it. If that fails, the next start has to read more, and the log says so.
    pub fn write(&self, bytes: &[u8]) {
        if let Err(error) = self.try_write(bytes) {
            let path = self.path.display().to_string();
            tracing::warn!(path, %error, "what was read for pages is not kept over a restart");
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<()> {
        let folder = self.path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Only its owner may read a temporary file, and it is removed if it cannot be written.
        let mut file = tempfile::Builder::new().prefix(".").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

/// The file or folder of a repository in the cache directory, of this kind.
pub(crate) fn path_of(directory: &Path, location: &RepositoryLocation, kind: &str) -> PathBuf {
    let digest = blake3::hash(location.to_string().as_bytes()).to_hex();
    let name = format!("{}.{kind}", digest.get(..16).unwrap_or_default());
    directory.join(FOLDER).join(name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_only_by_its_owner() {
        let directory = tempfile::TempDir::new().unwrap();
        let location = RepositoryLocation::Directory("/srv/hex".into());
        let file = CacheFile::of(&directory.path().join("cache"), &location, "index");
        assert_eq!(file.read(), None);
        file.write(b"one");
        file.write(b"two");
        assert_eq!(file.read().unwrap(), b"two");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file.path), 0o600);
        assert_eq!(mode(file.path.parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(file.path.parent().unwrap()).unwrap().count(), 1);
        let other = RepositoryLocation::Directory("/srv/other".into());
        assert_eq!(CacheFile::of(&directory.path().join("cache"), &other, "index").read(), None);
    }
}
