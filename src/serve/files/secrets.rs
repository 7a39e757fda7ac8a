//! Files that no client may have, under whatever name they lie in a served directory.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::serve::options::Options;
use crate::store::{self, Stamp};

/// A file that no client may have: a private key, or one of [`SecretFiles`]. The source of an [`io::Error`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it is a private key, or a file that the server is configured by")]
pub(crate) struct SecretFile;

impl SecretFile {
    /// Whether this is the source of an error.
    pub fn is_in(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

impl From<SecretFile> for io::Error {
    fn from(secret: SecretFile) -> Self {
        Self::other(secret)
    }
}

/// The secret files of the server itself: who may read, the key of its certificate, its configuration. Each is recognized by its
/// inode, so another name or a hard link does not hide it. Other private keys are recognized by their contents.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SecretFiles(Vec<PathBuf>);

impl SecretFiles {
    pub fn of(options: &Options) -> Self {
        let key = options.tls.iter().map(|tls| &tls.key);
        let secrets = options.auth_file.iter().chain(key).chain(&options.secret_files);
        Self(secrets.cloned().collect())
    }

    #[cfg(test)]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether a file is one of them. Their inodes are looked up each time, as the files may be replaced.
    pub fn include(&self, stamp: &Stamp) -> bool {
        let found = self.0.iter().filter_map(|path| fs::metadata(path).ok());
        found.map(|found| store::stamp(&found)).any(|secret| secret.is_same_file(stamp))
    }
}
