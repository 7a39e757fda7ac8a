//! Why a registry was not changed.

use std::num::NonZeroUsize;

use crate::checksum::OuterChecksum;
use crate::key::KeyError;
use crate::name::{PackageName, PolicyName, RepositoryName};
use crate::ops::build::Rejection;
use crate::publish::lock::Busy;
use crate::publish::retry::Contended;
use crate::registry::{DecodeError, SignedError};
use crate::store::StoreError;
use crate::tarball::FileName;

/// Why a registry was not changed. Nothing was written, unless it is [`Error::Write`], or an earlier attempt
/// was, that met somebody else: then the observer heard of what it wrote.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Tarballs that clients could not use, or not all in the same way.
    #[error("{} of {total} tarballs rejected", .rejections.len())]
    Rejected {
        /// Each of them, in order.
        rejections: Vec<Rejection>,
        /// How many tarballs there are.
        total: NonZeroUsize,
    },
    /// The release is there, and is another tarball.
    #[error(
        "{} {} is there, and is another tarball: its outer checksum is {}…, and that of this one {}…",
        .release.package, .release.version, .was.excerpt(), .is.excerpt()
    )]
    Exists {
        /// Which.
        release: Box<FileName>,
        /// What clients have locked.
        was: OuterChecksum,
        /// What they would be offered.
        is: OuterChecksum,
    },
    /// No release names what stands where a new tarball belongs.
    #[error("{location} is there, is another tarball, and no release names it")]
    InTheWay {
        /// Where it stands.
        location: String,
    },
    /// There is nothing of a registry.
    #[error("there is no registry at {location}")]
    NoRegistry {
        /// Where it was looked for.
        location: String,
    },
    /// There is no such release.
    #[error("{repository} has no {} {}", .release.package, .release.version)]
    NoSuchRelease {
        /// Where it was looked for.
        repository: RepositoryName,
        /// Which.
        release: Box<FileName>,
    },
    /// What stands is not what the key signed, so it cannot be told what to keep.
    #[error("{location} is not signed with this key")]
    Signed {
        /// Where it stands.
        location: String,
        /// What is wrong with it.
        source: SignedError,
    },
    /// What stands, validly signed, is something else than belongs there.
    #[error("{location} is not what belongs there")]
    Decode {
        /// Where it stands.
        location: String,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// What stands is another package's.
    #[error("{location} is of the package {found}")]
    OtherPackage {
        /// Where it stands.
        location: String,
        /// Whose it is.
        found: PackageName,
    },
    /// What stands is another policy.
    #[error("{location} is the policy {found}")]
    OtherPolicy {
        /// Where it stands.
        location: String,
        /// Which.
        found: PolicyName,
    },
    /// The repository has another name.
    #[error("{location} is of the repository {found}, not of {expected}")]
    OtherRepository {
        /// Where it stands.
        location: String,
        /// What it says.
        found: RepositoryName,
        /// What was expected.
        expected: RepositoryName,
    },
    /// Clients hold another key, or what stands where it belongs is none.
    #[error("{location} is not the key that would sign, {signing}")]
    OtherKey {
        /// Where it stands.
        location: String,
        /// The fingerprint of the key in hand.
        signing: String,
    },
    /// One of the files that name packages is gone, so it cannot be told which there are.
    #[error("{location} is missing, and there are packages that it should name")]
    Incomplete {
        /// Where it should stand.
        location: String,
        /// Whether somebody may be about to write it.
        is_expected: bool,
    },
    /// A package has lost a release, so to write its file anew would lose it for good.
    #[error("{location} lacks {}, which versions names", .release.version)]
    Lacks {
        /// Where the package stands, or should.
        location: String,
        /// Which release.
        release: Box<FileName>,
        /// Whether somebody may be about to remove it.
        is_expected: bool,
    },
    /// Another hexreg did not end in time.
    #[error(transparent)]
    Busy(#[from] Busy),
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

impl Contended for Error {
    fn in_store(&self) -> Option<&StoreError> {
        match self {
            Self::Read(error) | Self::Write(error) => Some(error),
            _ => None,
        }
    }

    fn is_conflict(&self) -> bool {
        match self {
            Self::Incomplete { is_expected, .. } | Self::Lacks { is_expected, .. } => *is_expected,
            _ => self.in_store().is_some_and(StoreError::is_conflict),
        }
    }

    fn after_writing(self) -> Self {
        match self {
            Self::Read(error) => Self::Write(error),
            other => other,
        }
    }
}
