//! What can be wrong with a registry.

use std::fmt;

use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::key::KeyError;
use crate::name::{PackageName, PolicyName, RepositoryName};
use crate::published::DocumentError;
use crate::registry::{DecodeError, SignedError};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{StoreError, StoreErrorKind};
use crate::tarball::{self, InvalidFileName};
use crate::version::Version;

/// Something wrong, and where.
#[derive(Debug)]
pub struct Problem {
    /// The file that a person would mend, remove or miss.
    pub path: RepositoryPath,
    /// What is wrong with it.
    pub defect: Defect,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// It is there and cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] StoreErrorKind),
    /// It is not known what it is: a folder that may not be listed, a link that leads in a circle.
    #[error("it cannot be looked at: {0}")]
    Unlistable(String),
    /// A folder, a pipe, a link to nothing.
    #[error("it is not a file")]
    NotAFile,
    /// A link out of the tree, which is not followed.
    #[error("it is a link that leads out of the directory: `hexreg serve` does not follow it")]
    LeadsOut,
    /// A file or a pipe where packages or tarballs should lie.
    #[error("it is not a folder")]
    NotAFolder,
    /// `public_key` is none.
    #[error("it is not a public key")]
    NotAKey(#[source] KeyError),
    /// `public_key` is one, behind what Erlang takes for a part of its first line.
    #[error("it begins with a byte order mark: clients find no key in it")]
    MarkedKey,
    /// `public_key` is not the key that clients hold.
    #[error("it is the key {found}, and clients hold {expected}")]
    OtherKey {
        /// Its fingerprint.
        found: String,
        /// That of the key that was given.
        expected: String,
    },
    /// It is no signed resource, or not under the right key.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// A package on its way out of a bucket.
    #[error(
        "it is being removed, unless that was cut short; the next change to the package ends it"
    )]
    Leaving,
    /// It says something else than what belongs there.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It belongs to another repository.
    #[error("it is of the repository {found}, not of {expected}: clients refuse it")]
    OtherRepository {
        /// What it says.
        found: RepositoryName,
        /// What clients configured.
        expected: RepositoryName,
    },
    /// It lies where another package belongs.
    #[error("it is of the package {0}: clients refuse it")]
    OtherPackage(PackageName),
    /// It lies where another policy belongs.
    #[error("it is the policy {0}: clients refuse it")]
    OtherPolicy(PolicyName),
    /// An index names a package twice.
    #[error("it names {0} twice")]
    PackageTwice(PackageName),
    /// A package without a version.
    #[error("it has {0} without a single release")]
    NoReleases(PackageName),
    /// Versions that do not ascend, or come twice.
    #[error("the versions of {package} are out of order at {version}")]
    Order {
        /// Whose.
        package: PackageName,
        /// The first that is not above the one before it.
        version: Version,
    },
    /// `names` and `versions` disagree.
    #[error("it does not name {0}, which has releases")]
    NotInNames(PackageName),
    /// `versions` and the packages disagree.
    #[error("it does not name {0}, which has releases")]
    NotInVersions(PackageName),
    /// `names` names what nobody else does.
    #[error("it names {0}, of which there is nothing else")]
    NamesNothing(PackageName),
    /// `versions` names a package that has no file.
    #[error("versions names its package, and it is missing")]
    NamedButMissing,
    /// A version that only the package has.
    #[error("it lacks {package} {version}, which packages/{package} has")]
    VersionMissing {
        /// Whose.
        package: PackageName,
        /// Which.
        version: Version,
    },
    /// A version that only `versions` has.
    #[error("it names {package} {version}, which packages/{package} has not")]
    VersionTooMany {
        /// Whose.
        package: PackageName,
        /// Which.
        version: Version,
    },
    /// A version that only the package marks.
    #[error("it does not mark {package} {version} as {mark}, and packages/{package} does")]
    MarkMissing {
        /// Whose.
        package: PackageName,
        /// Which.
        version: Version,
        /// With what.
        mark: Mark,
    },
    /// A version that only `versions` marks.
    #[error("it marks {package} {version} as {mark}, and packages/{package} does not")]
    MarkTooMany {
        /// Whose.
        package: PackageName,
        /// Which.
        version: Version,
        /// With what.
        mark: Mark,
    },
    /// It is larger than clients read, or not a sound tarball.
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
    /// It holds another release than its name says.
    #[error(transparent)]
    FileName(#[from] InvalidFileName),
    /// What clients compare it with says otherwise.
    #[error("its outer checksum is {}…, and the registry says {}…", .found.excerpt(), .said.excerpt())]
    OuterChecksum {
        /// Of the file.
        found: OuterChecksum,
        /// What is signed.
        said: OuterChecksum,
    },
    /// As above, of what is inside.
    #[error("its inner checksum is {}…, and the registry says {}…", .found.excerpt(), .said.excerpt())]
    InnerChecksum {
        /// Of the three files in it.
        found: InnerChecksum,
        /// What is signed.
        said: InnerChecksum,
    },
    /// Its metadata and the registry disagree on what it needs.
    #[error("it needs {needs}, and the registry says {said}")]
    Dependencies {
        /// What the metadata says.
        needs: String,
        /// What is signed.
        said: String,
    },
    /// Whatever it is, clients never ask for it.
    #[error("no release names it")]
    Unnamed,
    /// Nothing of a registry.
    #[error("it does not belong to a registry")]
    Stray,
    /// A build was killed.
    #[error("a build that was killed left it; the next one removes it")]
    Leftover,
    /// Whoever can read it can sign.
    #[error("it holds a PRIVATE KEY, and is published: replace that key")]
    PrivateKey,
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

/// What `versions` and a package both say of a release, to warn of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Its author advises against it.
    Retired,
    /// A hole in it is known.
    WithAdvisories,
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
    /// Whether the file is not what was signed, so that another copy of it may be.
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

    /// Whether it is no more than that something is not there that the registry names.
    pub(super) fn is_absence(&self) -> bool {
        match self.defect {
            Defect::NamedButMissing => true,
            Defect::Missing => self.path.folder() == Folder::Tarballs,
            _ => false,
        }
    }
}

impl Defect {
    /// One word for programs to go by; it does not change.
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
            Self::Leaving => "leaving",
            Self::Leftover => "leftover",
            Self::PrivateKey => "private_key",
        }
    }

    /// Of which the problem has the path already.
    pub(super) fn unreadable(error: StoreError) -> Self {
        match error.kind {
            StoreErrorKind::LeadsOut(_) => Self::LeadsOut,
            kind => Self::Unreadable(kind),
        }
    }

    /// The problem of a file.
    pub(super) fn at(self, path: RepositoryPath) -> Problem {
        Problem { path, defect: self }
    }
}
