//! Why a build fails.

use std::num::NonZeroUsize;

use crate::key::KeyError;
use crate::ops::rejection::Rejection;
use crate::publish::breakage::Breakage;
use crate::publish::lock::LockTimeout;
use crate::publish::retry::Contended;
use crate::publish::transaction::Attempt;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Store, StoreError};

/// Why there is no registry. Nothing was written, unless it is [`Error::Write`].
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum Error {
    /// Tarballs that clients could not use, or not all in the same way; by path.
    #[error("{} of {total} tarballs rejected", .rejections.len())]
    Rejected { rejections: Vec<Rejection>, total: NonZeroUsize },
    /// Another process held the lock for too long.
    #[error(transparent)]
    LockTimeout(#[from] LockTimeout),
    /// There is nothing to build from, nor anything that was built.
    #[error("there are no tarballs and no registry at {location}")]
    NoRegistry { location: String },
    /// A program that takes no lock changes what is served.
    #[error("{location} changed while the registry was built")]
    Changed { location: String },
    /// Clients hold another key than the one that would sign. Both are given by their fingerprints.
    #[error(
        "{location} is the key {published}, and this build would sign with {signing}: every client would have to be told"
    )]
    OtherKey { location: String, published: String, signing: String },
    /// The key that clients hold is missing, and what is published was signed by another than the one at hand.
    #[error(
        "{location} is missing, and {signed} is not signed with the key {signing}, which this build would sign with"
    )]
    LostKey { location: String, signed: String, signing: String },
    /// Published releases would change, which [`Options::immutable`](super::Options::immutable) forbids.
    #[error("what was published would change in {} places", .0.len())]
    Immutable(Vec<Breakage>),
    /// What `public_key` holds is not a key.
    #[error("{location} is not a public key")]
    NotAKey { location: String, source: KeyError },
    /// The private key does not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The tree cannot be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// A change failed. Those that the observer was told of were made, and every file is whole.
    #[error(transparent)]
    Write(StoreError),
}

impl Error {
    /// There is nothing at the place where a registry would be built.
    pub(super) fn no_registry(store: &dyn Store) -> Self {
        Self::NoRegistry { location: store.locate(&Folder::Root.path()) }
    }

    /// A file is another one than the one that was listed: a conflict, or the work of a program that takes no lock.
    pub(super) fn changed(attempt: &Attempt<'_>, path: &RepositoryPath) -> Self {
        let location = attempt.store().locate(path);
        attempt.conflict_at(path).map_or(Self::Changed { location }, Self::Read)
    }
}

impl Contended for Error {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Read(error) | Self::Write(error) => Some(error),
            _ => None,
        }
    }

    fn after_writing(self) -> Self {
        match self {
            Self::Read(error) => Self::Write(error),
            other => other,
        }
    }
}
