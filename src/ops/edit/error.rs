//! Why a registry was not changed.

use std::num::NonZeroUsize;

use crate::checksum::OuterChecksum;
use crate::key::KeyError;
use crate::name::{PackageName, PolicyName, RepositoryName};
use crate::ops::rejection::Rejection;
use crate::publish::lock::LockTimeout;
use crate::publish::retry::Contended;
use crate::registry::{DecodeError, SignedError};
use crate::store::StoreError;
use crate::tarball::FileName;

/// Why a registry was not changed. Nothing was written, unless it is [`Error::Write`], or an earlier attempt met a
/// conflict with another writer: then the observer was told of what that attempt wrote.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum Error {
    /// Tarballs that clients could not use, or not all in the same way; in the order in which they were given.
    #[error("{} of {total} tarballs rejected", .rejections.len())]
    Rejected { rejections: Vec<Rejection>, total: NonZeroUsize },
    /// The release exists with another tarball, which clients may have locked.
    #[error(
        "{} {} is published with another tarball: its outer checksum is {}…, that of the given one {}…",
        .release.package, .release.version, .was.excerpt(), .is.excerpt()
    )]
    Exists { release: Box<FileName>, was: OuterChecksum, is: OuterChecksum },
    /// A file that no release names is at the path of a new tarball.
    #[error("{location} is there, is another tarball, and no release names it")]
    InTheWay { location: String },
    /// There is no registry at all.
    #[error("there is no registry at {location}")]
    NoRegistry { location: String },
    /// There is no such release.
    #[error("{repository} has no {} {}", .release.package, .release.version)]
    NoSuchRelease { repository: RepositoryName, release: Box<FileName> },
    /// There is no such policy.
    #[error("{repository} has no policy {name}")]
    NoSuchPolicy { repository: RepositoryName, name: PolicyName },
    /// Clients refuse a policy of the repository `hexpm`.
    #[error("clients take no policy of a repository that is named hexpm")]
    PolicyOfHexpm,
    /// A policy is larger than clients of hexreg read.
    #[error("the policy has {size} bytes, more than {limit}")]
    LargePolicy { size: usize, limit: usize },
    /// A policy hides all that it does not allow, and would not hide these releases: they have no time of publication.
    #[error("{} releases have no published_at, so that the policy does not hide them", .releases.len())]
    Undated { releases: Vec<FileName> },
    /// A file is not what the key signed, so it is not known what to keep of it.
    #[error("{location} is not signed with this key")]
    Signed { location: String, source: SignedError },
    /// A file is validly signed, and is another message.
    #[error("{location} is not what belongs there")]
    Decode { location: String, source: DecodeError },
    /// A file is that of another package.
    #[error("{location} is of the package {found}")]
    OtherPackage { location: String, found: PackageName },
    /// A file is another policy.
    #[error("{location} is the policy {found}")]
    OtherPolicy { location: String, found: PolicyName },
    /// The repository has another name.
    #[error("{location} is of the repository {found}, not of {expected}")]
    OtherRepository { location: String, found: RepositoryName, expected: RepositoryName },
    /// Clients hold another key, or what `public_key` holds is not a key.
    #[error("{location} is not the key that would sign, {signing}")]
    OtherKey { location: String, signing: String },
    /// An index is missing, so it is not known which packages it named.
    #[error("{location} is missing, and there are packages that it should name")]
    MissingIndex { location: String },
    /// A package file lacks a release that `versions` names. Written again, it would lose that release for good.
    #[error("{location} lacks {}, which versions names", .release.version)]
    LostRelease { location: String, release: Box<FileName> },
    /// Another process held the lock for too long.
    #[error(transparent)]
    LockTimeout(#[from] LockTimeout),
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

    /// A writer that creates a registry writes one index after the other; one that removes a release writes one file
    /// after the other.
    fn may_be_unfinished(&self) -> bool {
        matches!(self, Self::MissingIndex { .. } | Self::LostRelease { .. })
    }
}
