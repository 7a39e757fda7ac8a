//! What can be wrong with a repository.

use std::fmt;

use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::key::KeyError;
use crate::name::{PackageName, PolicyName, RepositoryName};
use crate::policy::InertPart;
use crate::published::DocumentError;
use crate::registry::{DecodeError, SignedError};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{StoreError, StoreErrorKind};
use crate::tarball::{self, InvalidFileName};
use crate::version::Version;

/// A defect and the file that has it.
#[derive(Debug)]
pub struct Problem {
    /// The file to repair, remove or restore.
    pub path: RepositoryPath,
    /// What is wrong with the file.
    pub defect: Defect,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum Defect {
    /// The file does not exist.
    #[error("it is missing")]
    Missing,
    /// The file exists, and reading it fails.
    #[error("it cannot be read")]
    Unreadable(#[source] StoreErrorKind),
    /// The kind of the file is unknown: a folder cannot be listed, or a link leads in a circle.
    #[error("it cannot be examined: {0}")]
    Unlistable(String),
    /// A folder, a pipe or a dangling link is in the place of a file.
    #[error("it is not a file")]
    NotAFile,
    /// A link leads out of the tree. It is not followed.
    #[error("it is a link that leads out of the directory: `hexreg serve` does not follow it")]
    LeadsOut,
    /// A file or a pipe is in the place of the folder of packages or tarballs.
    #[error("it is not a folder")]
    NotAFolder,
    /// `public_key` does not parse.
    #[error("it is not a public key")]
    NotAKey(#[source] KeyError),
    /// `public_key` begins with a byte order mark, which Erlang takes for a part of its first line.
    #[error("it begins with a byte order mark: clients find no key in it")]
    MarkedKey,
    /// `public_key` is not the key that was given.
    #[error("it is the key {found}; clients have {expected}")]
    OtherKey { found: String, expected: String },
    /// The file is not a signed resource, or another key signed it.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// The package is being removed from a bucket, or an interrupted removal left its mark.
    #[error(
        "it is being removed, or its removal was interrupted; the next change to the package completes it"
    )]
    BeingRemoved,
    /// The file is signed, but is not the resource of its path.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The file is of another repository.
    #[error("it is of the repository {found}, not of {expected}: clients refuse it")]
    OtherRepository { found: RepositoryName, expected: RepositoryName },
    /// The file is that of another package.
    #[error("it is of the package {0}: clients refuse it")]
    OtherPackage(PackageName),
    /// The file is that of another policy.
    #[error("it is the policy {0}: clients refuse it")]
    OtherPolicy(PolicyName),
    /// Clients ignore a part of a policy without a message.
    #[error(transparent)]
    Inert(#[from] InertPart),
    /// An index names a package twice.
    #[error("it names {0} twice")]
    PackageTwice(PackageName),
    /// A package has no release.
    #[error("it has {0} without a single release")]
    NoReleases(PackageName),
    /// The versions of a package do not ascend, or one occurs twice.
    #[error("the versions of {package} are out of order at {version}")]
    Order { package: PackageName, version: Version },
    /// `names` lacks a package that has releases.
    #[error("it does not name {0}, which has releases")]
    NotInNames(PackageName),
    /// `versions` lacks a package that has releases.
    #[error("it does not name {0}, which has releases")]
    NotInVersions(PackageName),
    /// Only `names` names a package.
    #[error("it names {0}, which is neither in versions nor in packages/")]
    NamesNothing(PackageName),
    /// `versions` names a package without a file.
    #[error("it is missing, and versions names its package")]
    NamedButMissing,
    /// Only the package has a version.
    #[error("it lacks {package} {version}, which packages/{package} has")]
    VersionMissing { package: PackageName, version: Version },
    /// Only `versions` has a version.
    #[error("it names {package} {version}, which packages/{package} does not have")]
    VersionTooMany { package: PackageName, version: Version },
    /// Only the package has a mark.
    #[error("it does not mark {package} {version} as {mark}; packages/{package} does")]
    MarkMissing { package: PackageName, version: Version, mark: Mark },
    /// Only `versions` has a mark.
    #[error("it marks {package} {version} as {mark}; packages/{package} does not")]
    MarkTooMany { package: PackageName, version: Version, mark: Mark },
    /// The tarball is not valid, or larger than clients accept.
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
    /// The tarball is of another release than its name says.
    #[error(transparent)]
    FileName(#[from] InvalidFileName),
    /// The registry has another outer checksum, so clients refuse the tarball.
    #[error("its outer checksum is {}…, and the registry says {}…", .found.excerpt(), .signed.excerpt())]
    OuterChecksum { found: OuterChecksum, signed: OuterChecksum },
    /// The registry has another inner checksum.
    #[error("its inner checksum is {}…, and the registry says {}…", .found.excerpt(), .signed.excerpt())]
    InnerChecksum { found: InnerChecksum, signed: InnerChecksum },
    /// The metadata of the tarball and the registry have different dependencies.
    #[error("it needs {found}, and the registry says {signed}")]
    Dependencies { found: String, signed: String },
    /// No release names the tarball or its documentation, so clients never request it.
    #[error("no release names it")]
    Unnamed,
    /// The file is not part of a registry.
    #[error("it does not belong to a registry")]
    Stray,
    /// A page of the static site is not the one that was made.
    #[error("it is not the page that `hexreg site` made: make the site again")]
    ChangedPage,
    /// What should name the pages of the static site does not.
    #[error("it is not the list of a site's files, or of a newer hexreg")]
    NotASite,
    /// A process that was killed left a temporary file.
    #[error(
        "a process that was killed left it; the next build removes it, or a server that begins to publish"
    )]
    Leftover,
    /// The file holds a private key, with which every reader can sign.
    #[error("it holds a PRIVATE KEY, and is published: replace that key")]
    PrivateKey,
}

/// A mark of a release in `versions`, of which clients warn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The release is retired.
    Retired,
    /// The release has an advisory.
    WithAdvisories,
}

impl From<DocumentError> for Defect {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Signed(error) => Self::Signed(error),
            DocumentError::Decode(error) => Self::Decode(error),
            DocumentError::OtherRepository { found, expected } => {
                Self::OtherRepository { found, expected }
            }
            DocumentError::OtherPackage(found) => Self::OtherPackage(found),
            DocumentError::OtherPolicy(found) => Self::OtherPolicy(found),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retired => "retired",
            Self::WithAdvisories => "having advisories",
        })
    }
}

impl Problem {
    /// Whether the file was damaged or changed, so that another copy of it may be intact.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(
            self.defect,
            Defect::OuterChecksum { .. }
                | Defect::InnerChecksum { .. }
                | Defect::Signed(_)
                | Defect::Tarball(_)
        )
    }

    /// Whether a file that the registry names is missing, and nothing else is wrong.
    pub(super) fn is_absence(&self) -> bool {
        match self.defect {
            Defect::NamedButMissing => true,
            Defect::Missing => self.path.folder() == Folder::Tarballs,
            _ => false,
        }
    }
}

impl Defect {
    /// The identifier of the defect in JSON. It never changes.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unreadable(_) | Self::Unlistable(_) => "unreadable",
            Self::NotAFile => "not_a_file",
            Self::LeadsOut => "leads_out",
            Self::NotAFolder => "not_a_folder",
            Self::NotAKey(_) | Self::MarkedKey => "not_a_key",
            Self::OtherKey { .. } => "other_key",
            Self::Signed(SignedError::Signature(_)) => "signature",
            Self::Signed(SignedError::TooLarge { .. }) => "too_large",
            Self::Signed(_) => "not_signed",
            Self::Decode(_) => "not_the_resource",
            Self::OtherRepository { .. } => "other_repository",
            Self::OtherPackage(_) => "other_package",
            Self::OtherPolicy(_) => "other_policy",
            Self::Inert(_) => "inert",
            Self::PackageTwice(_) => "package_twice",
            Self::NoReleases(_) => "no_releases",
            Self::Order { .. } => "order",
            Self::NotInNames(_) => "not_in_names",
            Self::NotInVersions(_) => "not_in_versions",
            Self::NamesNothing(_) => "names_nothing",
            Self::NamedButMissing => "named_but_missing",
            Self::VersionMissing { .. } => "version_missing",
            Self::VersionTooMany { .. } => "version_too_many",
            Self::MarkMissing { mark: Mark::Retired, .. } => "retired_missing",
            Self::MarkMissing { mark: Mark::WithAdvisories, .. } => "advisories_missing",
            Self::MarkTooMany { mark: Mark::Retired, .. } => "retired_too_many",
            Self::MarkTooMany { mark: Mark::WithAdvisories, .. } => "advisories_too_many",
            Self::Tarball(_) => "tarball",
            Self::FileName(_) => "file_name",
            Self::OuterChecksum { .. } => "outer_checksum",
            Self::InnerChecksum { .. } => "inner_checksum",
            Self::Dependencies { .. } => "dependencies",
            Self::Unnamed => "unnamed",
            Self::Stray => "stray",
            Self::BeingRemoved => "leaving",
            Self::ChangedPage => "page_changed",
            Self::NotASite => "not_a_site",
            Self::Leftover => "leftover",
            Self::PrivateKey => "private_key",
        }
    }

    /// The defect of a file that cannot be read. Its path is that of the problem.
    pub(super) fn unreadable(error: StoreError) -> Self {
        match error.kind {
            StoreErrorKind::LeadsOut(_) => Self::LeadsOut,
            kind => Self::Unreadable(kind),
        }
    }

    /// The defect as the problem of a file.
    pub(super) fn at(self, path: RepositoryPath) -> Problem {
        Problem { path, defect: self }
    }
}
