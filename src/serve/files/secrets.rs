//! Files that no client is given, whatever they are called below a served directory.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::serve::Options;
use crate::store::{self, Stamp};

/// A file that no client is given: a private key, or one of [`Secrets`]. The source of an [`io::Error`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it is a private key, or the file that says who may read")]
pub(crate) struct Secret;

impl Secret {
    /// Whether it is what an error says.
    pub fn is_in(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

impl From<Secret> for io::Error {
    fn from(secret: Secret) -> Self {
        Self::other(secret)
    }
}

/// The files that this server itself goes by and that only it may read. Each is known by its inode, under whichever
/// name it lies; what else is a private key is told by what it holds.
pub(crate) struct Secrets(Vec<PathBuf>);

impl Secrets {
    pub fn of(options: &Options) -> Self {
        let key = options.tls.iter().map(|tls| &tls.key);
        Self(options.auth_file.iter().chain(key).cloned().collect())
    }

    /// Whether a file is one of them. They are looked at each time, as others may have taken their place.
    pub fn include(&self, stamp: &Stamp) -> bool {
        let found = self.0.iter().filter_map(|path| fs::metadata(path).ok());
        found.map(|found| store::stamp(&found)).any(|secret| secret.is_same_file(stamp))
    }
}
