//! The source of the bytes of a file that is to be written.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use super::path::RepositoryPath;
use crate::beneath::{Links, Root};
use crate::checksum::{OuterChecksum, OuterHasher};
use crate::package::UnixSeconds;
use crate::regular_file;

/// The bytes of a file, in memory or in a local file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteSource {
    bytes: Bytes,
    /// The time of the last change, for a store that keeps the times that it is given. Without it the file gets the time
    /// of writing.
    pub modified: Option<UnixSeconds>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bytes {
    InMemory(Vec<u8>),
    File { file: LocalFile, checksum: Option<OuterChecksum> },
}

/// A local file, opened when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalFile {
    root: Root,
    /// Below the root.
    path: PathBuf,
}

impl LocalFile {
    /// A file of a repository. Only the links that the root follows are followed.
    pub fn below(root: Root, path: &RepositoryPath) -> Self {
        Self { root, path: path.as_str().into() }
    }

    /// The path of the file.
    pub fn location(&self) -> PathBuf {
        self.root.join(&self.path)
    }

    /// Opens the file, if it is a regular one.
    pub fn open(&self) -> Result<File, SourceError> {
        self.open_regular().map_err(|error| self.error(error))
    }

    fn open_regular(&self) -> io::Result<File> {
        // Checked before it is opened too: opening alone sets some devices going.
        regular_file::check_regular(self.root.metadata(&self.path)?.file_type())?;
        let file = self.root.open(&self.path)?;
        regular_file::check_regular(file.metadata()?.file_type())?;
        Ok(file)
    }

    fn size(&self) -> Result<u64, SourceError> {
        let metadata = self.root.metadata(&self.path).map_err(|error| self.error(error))?;
        Ok(metadata.len())
    }

    /// An error of reading the file.
    pub fn error(&self, error: io::Error) -> SourceError {
        SourceError { path: self.location(), kind: error.into() }
    }
}

/// A local file could not be copied. The file that was to be written is not at fault.
#[derive(Debug, thiserror::Error)]
#[error("could not read {}", .path.display())]
pub struct SourceError {
    /// The local file.
    pub path: PathBuf,
    /// Why it could not be copied.
    #[source]
    pub kind: SourceErrorKind,
}

/// Why a local file could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum SourceErrorKind {
    /// The tarball has another checksum than the one that is signed.
    #[error("the tarball is not, or no longer, the one that is signed")]
    Changed,
    /// The system could not read it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why bytes were not copied from their source.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// The local file could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The copy could not be written.
    #[error(transparent)]
    Destination(#[from] io::Error),
}

impl ByteSource {
    /// A local file, which is read only when it is written: so no more files are in memory than are written at once.
    /// For a tarball, `checksum` is the one that is signed.
    #[must_use]
    pub fn file(path: PathBuf, checksum: Option<OuterChecksum>) -> Self {
        Self::local(LocalFile { root: Root::new("", Links::Anywhere), path }, checksum)
    }

    /// As [`file`](Self::file), for a file of a repository.
    pub(crate) fn local(file: LocalFile, checksum: Option<OuterChecksum>) -> Self {
        Self { bytes: Bytes::File { file, checksum }, modified: None }
    }

    /// The same bytes, with this time of the last change.
    #[must_use]
    pub fn modified(self, time: UnixSeconds) -> Self {
        Self { modified: Some(time), ..self }
    }

    /// The local file, if it is one.
    pub(crate) fn as_file(&self) -> Option<&LocalFile> {
        match &self.bytes {
            Bytes::InMemory(_) => None,
            Bytes::File { file, .. } => Some(file),
        }
    }

    /// How many bytes there are now.
    pub(crate) fn size(&self) -> Result<u64, SourceError> {
        match &self.bytes {
            Bytes::InMemory(bytes) => Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Bytes::File { file, .. } => file.size(),
        }
    }

    /// The bytes, without a copy of those that are in memory.
    pub(crate) fn into_bytes(self) -> Result<Vec<u8>, SourceError> {
        match self.bytes {
            Bytes::InMemory(bytes) => Ok(bytes),
            Bytes::File { .. } => self.read().map(Cow::into_owned),
        }
    }

    /// The bytes.
    ///
    /// # Errors
    /// [`SourceErrorKind::Changed`] if the local file is another tarball.
    pub fn read(&self) -> Result<Cow<'_, [u8]>, SourceError> {
        match &self.bytes {
            Bytes::InMemory(bytes) => Ok(Cow::Borrowed(bytes)),
            Bytes::File { file, .. } => {
                let mut bytes = Vec::new();
                match self.copy(&mut bytes) {
                    Ok(()) => Ok(Cow::Owned(bytes)),
                    Err(CopyError::Source(error)) => Err(error),
                    Err(CopyError::Destination(error)) => Err(file.error(error)),
                }
            }
        }
    }

    /// Copies the bytes piece by piece, so that no more than one piece of a file is in memory.
    ///
    /// # Errors
    /// [`SourceErrorKind::Changed`] if the local file turns out to be another tarball, after all of it was written.
    pub(crate) fn copy(&self, to: &mut impl Write) -> Result<(), CopyError> {
        let (local, checksum) = match &self.bytes {
            Bytes::InMemory(bytes) => return Ok(to.write_all(bytes)?),
            Bytes::File { file, checksum } => (file, checksum),
        };
        let mut file = local.open()?;
        let mut hasher = OuterHasher::default();
        let mut piece = vec![0; PIECE];
        loop {
            let read = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(local.error(error).into()),
            };
            let piece = piece.get(..read).unwrap_or_default();
            if checksum.is_some() {
                hasher.write_all(piece)?;
            }
            to.write_all(piece)?;
        }
        match checksum {
            Some(checksum) if hasher.finish() != *checksum => {
                let (path, kind) = (local.location(), SourceErrorKind::Changed);
                Err(SourceError { path, kind }.into())
            }
            _ => Ok(()),
        }
    }
}

/// How many bytes are copied at once.
const PIECE: usize = 256 << 10;

impl From<Vec<u8>> for ByteSource {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: Bytes::InMemory(bytes), modified: None }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_tarball_that_was_replaced_is_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "a tarball").unwrap();
        let signed = Some(OuterChecksum::of(b"a tarball"));
        let source = ByteSource::file(file.path().to_owned(), signed);
        assert_eq!(*source.read().unwrap(), *b"a tarball");
        fs::write(&file, "another").unwrap();
        let error = source.read().unwrap_err();
        assert_eq!(error.path, file.path());
        assert!(matches!(error.kind, SourceErrorKind::Changed));
        let unchecked = ByteSource::file(file.path().to_owned(), None);
        assert_eq!(*unchecked.read().unwrap(), *b"another");
    }
}
