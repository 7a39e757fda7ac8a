//! Where the bytes of a file come from that is to be written.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::checksum::OuterChecksum;
use crate::package::UnixSeconds;

/// What a file will hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    bytes: Bytes,
    /// When the file was last changed, where that has to be kept and the store keeps such times as they
    /// are given; otherwise it is the moment of writing.
    pub modified: Option<UnixSeconds>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bytes {
    Here(Vec<u8>),
    File { path: PathBuf, checksum: Option<OuterChecksum> },
}

/// A file that was looked at, and is another one when it is to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tarball is not, or no longer, the one that is signed")]
pub struct Changing;

impl Source {
    /// A file of this machine, which is read when its turn has come: so no more of them are held in
    /// memory than are written at once. Where it is a tarball, `checksum` says which.
    #[must_use]
    pub fn file(path: PathBuf, checksum: Option<OuterChecksum>) -> Self {
        Self { bytes: Bytes::File { path, checksum }, modified: None }
    }

    /// The same bytes, last changed at this time.
    #[must_use]
    pub fn modified(self, time: UnixSeconds) -> Self {
        Self { modified: Some(time), ..self }
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
    /// What the system says of a file; [`Changing`] where it is another tarball.
    pub fn read(&self) -> io::Result<Cow<'_, [u8]>> {
        match &self.bytes {
            Bytes::Here(bytes) => Ok(Cow::Borrowed(bytes)),
            Bytes::File { path, checksum } => {
                let bytes = fs::read(path)?;
                match checksum {
                    Some(checksum) if OuterChecksum::of(&bytes) != *checksum => {
                        Err(io::Error::other(Changing))
                    }
                    _ => Ok(Cow::Owned(bytes)),
                }
            }
        }
    }
}

impl From<Vec<u8>> for Source {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: Bytes::Here(bytes), modified: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_became_another_is_not_taken_for_the_one_that_was_meant() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "a tarball").unwrap();
        let meant = Some(OuterChecksum::of(b"a tarball"));
        let source = Source::file(file.path().to_owned(), meant);
        assert_eq!(*source.read().unwrap(), *b"a tarball");
        fs::write(&file, "another").unwrap();
        assert!(source.read().unwrap_err().get_ref().unwrap().is::<Changing>());
        let whichever = Source::file(file.path().to_owned(), None);
        assert_eq!(*whichever.read().unwrap(), *b"another");
    }
}
