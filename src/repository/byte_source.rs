//! Where the bytes of a file come from that is to be written.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use super::RepositoryPath;
use crate::beneath::{Links, Root};
use crate::checksum::{OuterChecksum, OuterHasher};
use crate::package::UnixSeconds;
use crate::regular_file;

/// What a file will hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteSource {
    bytes: Bytes,
    /// When the file was last changed, where that has to be kept and the store keeps such times as they
    /// are given; otherwise it is the moment of writing.
    pub modified: Option<UnixSeconds>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bytes {
    Here(Vec<u8>),
    File { file: LocalFile, checksum: Option<OuterChecksum> },
}

/// A file of this machine, opened when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalFile {
    root: Root,
    /// Below the root.
    path: PathBuf,
}

impl LocalFile {
    /// A file of a tree, through no link but those that its root follows.
    pub fn below(root: Root, path: &RepositoryPath) -> Self {
        Self { root, path: path.as_str().into() }
    }

    /// Where it lies.
    pub fn location(&self) -> PathBuf {
        self.root.join(&self.path)
    }

    /// Opens it, if it is a regular file.
    ///
    /// # Errors
    /// With where it lies.
    pub fn open(&self) -> Result<File, SourceError> {
        self.open_regular().map_err(|source| SourceError { path: self.location(), source })
    }

    fn open_regular(&self) -> io::Result<File> {
        // Before it is opened, too: that alone sets some devices going.
        regular_file::check_regular(self.root.metadata(&self.path)?.file_type())?;
        let file = self.root.open(&self.path)?;
        regular_file::check_regular(file.metadata()?.file_type())?;
        Ok(file)
    }
}

/// A file that was looked at, and is another one when it is to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tarball is not, or no longer, the one that is signed")]
pub struct Changing;

/// A file that was to be copied cannot be: what is wrong is not where it would be written.
#[derive(Debug, thiserror::Error)]
#[error("could not read {}", .path.display())]
pub struct SourceError {
    /// The file.
    pub path: PathBuf,
    /// What the system says; [`Changing`] where it is another tarball.
    pub source: io::Error,
}

impl From<SourceError> for io::Error {
    fn from(error: SourceError) -> Self {
        Self::new(error.source.kind(), error)
    }
}

impl ByteSource {
    /// A file of this machine, which is read when its turn has come: so no more of them are held in
    /// memory than are written at once. Where it is a tarball, `checksum` says which.
    #[must_use]
    pub fn file(path: PathBuf, checksum: Option<OuterChecksum>) -> Self {
        Self::local(LocalFile { root: Root::new("", Links::Anywhere), path }, checksum)
    }

    /// The same of a file of a tree.
    pub(crate) fn local(file: LocalFile, checksum: Option<OuterChecksum>) -> Self {
        Self { bytes: Bytes::File { file, checksum }, modified: None }
    }

    /// The same bytes, last changed at this time.
    #[must_use]
    pub fn modified(self, time: UnixSeconds) -> Self {
        Self { modified: Some(time), ..self }
    }

    /// The file of this machine that it is, if it is one.
    pub(crate) fn as_file(&self) -> Option<&LocalFile> {
        match &self.bytes {
            Bytes::Here(_) => None,
            Bytes::File { file, .. } => Some(file),
        }
    }

    /// How many bytes there are now.
    ///
    /// # Errors
    /// A [`SourceError`].
    pub(crate) fn size(&self) -> io::Result<u64> {
        match &self.bytes {
            Bytes::Here(bytes) => Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Bytes::File { file, .. } => {
                let failed = |source| SourceError { path: file.location(), source };
                Ok(file.root.metadata(&file.path).map_err(failed)?.len())
            }
        }
    }

    /// The bytes, without a copy where they are here.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn into_bytes(self) -> io::Result<Vec<u8>> {
        match self.bytes {
            Bytes::Here(bytes) => Ok(bytes),
            Bytes::File { .. } => self.read().map(Cow::into_owned),
        }
    }

    /// The bytes.
    ///
    /// # Errors
    /// A [`SourceError`], with [`Changing`] where it is another tarball.
    pub fn read(&self) -> io::Result<Cow<'_, [u8]>> {
        match &self.bytes {
            Bytes::Here(bytes) => Ok(Cow::Borrowed(bytes)),
            Bytes::File { .. } => {
                let mut bytes = Vec::new();
                self.copy(&mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// Copies the bytes, piece by piece: no more of a file is held in memory.
    ///
    /// # Errors
    /// A [`SourceError`], with [`Changing`] where it turns out to be another tarball; or what the system says of `to`.
    pub(crate) fn copy(&self, to: &mut impl Write) -> io::Result<()> {
        let (local, checksum) = match &self.bytes {
            Bytes::Here(bytes) => return to.write_all(bytes),
            Bytes::File { file, checksum } => (file, checksum),
        };
        let failed = |source| SourceError { path: local.location(), source };
        let mut file = local.open()?;
        let mut hasher = OuterHasher::default();
        let mut piece = vec![0; PIECE];
        loop {
            let read = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(error).into()),
            };
            let piece = piece.get(..read).unwrap_or_default();
            if checksum.is_some() {
                hasher.write_all(piece)?;
            }
            to.write_all(piece)?;
        }
        match checksum {
            Some(checksum) if hasher.finish() != *checksum => {
                Err(failed(io::Error::other(Changing)).into())
            }
            _ => Ok(()),
        }
    }
}

/// In bytes: how much is copied at once.
const PIECE: usize = 256 << 10;

impl From<Vec<u8>> for ByteSource {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: Bytes::Here(bytes), modified: None }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_became_another_is_not_taken_for_the_one_that_was_meant() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "a tarball").unwrap();
        let meant = Some(OuterChecksum::of(b"a tarball"));
        let source = ByteSource::file(file.path().to_owned(), meant);
        assert_eq!(*source.read().unwrap(), *b"a tarball");
        fs::write(&file, "another").unwrap();
        let error = source.read().unwrap_err().downcast::<SourceError>().unwrap();
        assert_eq!(error.path, file.path());
        assert!(error.source.get_ref().unwrap().is::<Changing>());
        let whichever = ByteSource::file(file.path().to_owned(), None);
        assert_eq!(*whichever.read().unwrap(), *b"another");
    }
}
