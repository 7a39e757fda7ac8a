//! Why a build fails.

use std::num::NonZeroUsize;

use super::alarm::Alarm;
use super::read::Rejection;
use crate::key::KeyError;
use crate::publish::lock::Busy;
use crate::publish::retry::Contended;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Operation, Store, StoreError};

/// Why there is no registry. Nothing was written, unless it is [`Error::Write`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Tarballs that clients could not use, or not all in the same way.
    #[error("{} of {total} tarballs rejected", .rejections.len())]
    Rejected {
        /// Each of them, by path.
        rejections: Vec<Rejection>,
        /// How many tarballs there are.
        total: NonZeroUsize,
    },
    /// Another build, or somebody who reads, did not end in time.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// There is nothing to build from, nor anything that was built.
    #[error("there are no tarballs and no registry at {location}")]
    NoRegistry {
        /// Where they were looked for.
        location: String,
    },
    /// Somebody else changes what is served.
    #[error("{location} changed while the registry was built")]
    Changed {
        /// Where it stands.
        location: String,
    },
    /// Clients hold another key than the one that would sign.
    #[error(
        "{location} is the key {standing}, and this build would sign with {signing}: every client would have to be told"
    )]
    OtherKey {
        /// Where it stands.
        location: String,
        /// The fingerprint clients know.
        standing: String,
        /// The fingerprint of the key in hand.
        signing: String,
    },
    /// The key that clients hold is not there to be compared, and did not sign with the one in hand.
    #[error(
        "{location} is missing, and {signed} is not signed with the key {signing}, which this build would sign with"
    )]
    LostKey {
        /// Where the key should stand.
        location: String,
        /// What another key signed.
        signed: String,
        /// The fingerprint of the key in hand.
        signing: String,
    },
    /// Published releases would change, which [`Options::immutable`](super::Options::immutable) forbids.
    #[error("what was published would not stay as it is in {} places", .0.len())]
    Immutable(
        /// Each of them.
        Vec<Alarm>,
    ),
    /// What stands at `public_key` is none.
    #[error("{location} is not a public key")]
    NotAKey {
        /// Where it stands.
        location: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The key in hand does not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The tree cannot be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// A change failed. Those that the observer heard of were made, and every file is whole.
    #[error(transparent)]
    Write(StoreError),
}

impl Error {
    /// There is nothing where a registry would be built.
    pub(super) fn nowhere(store: &dyn Store) -> Self {
        Self::NoRegistry { location: store.locate(&Folder::Root.path()) }
    }

    /// A file is another one than the one that was listed: on its own where a lock should keep others
    /// out, or nothing does; where conditions do, it is what they are for.
    pub(super) fn changed(store: &dyn Store, path: &RepositoryPath) -> Self {
        let location = store.locate(path);
        if store.is_conditional() {
            return Self::Read(StoreError::conflict(Operation::Read, location));
        }
        Self::Changed { location }
    }
}

impl Contended for Error {
    fn in_store(&self) -> Option<&StoreError> {
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
