//! The kinds of breakage, and what each means for clients.

use std::fmt;

use crate::checksum::OuterChecksum;
use crate::name::{PackageName, RepositoryName};
use crate::repository::RepositoryPath;
use crate::tarball::FileName;
use crate::version::Version;

/// Something that clients were told, validly signed, and would no longer be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum Breakage {
    /// A release gets another outer checksum than the one that clients have locked.
    Replaced { package: PackageName, version: Version, was: OuterChecksum, is: OuterChecksum },
    /// A release is removed.
    Removed { package: PackageName, version: Version },
    /// What is said of a release beside its tarball, such as that it is retired, would no longer be said.
    RemarksLost { package: PackageName, version: Version },
    /// `versions` names a release, and the file of its package does not tell which tarball it was.
    Unverifiable { package: PackageName, version: Version },
    /// A file is missing or its signature does not hold, and no other file tells what it published.
    Unreadable { path: RepositoryPath },
    /// A policy would allow releases that it forbids.
    PolicyWeakened { path: RepositoryPath },
    /// The repository gets another name than the one that clients have configured.
    Renamed { path: RepositoryPath, was: RepositoryName, is: RepositoryName },
}

impl Breakage {
    /// The file that the user would look at.
    #[must_use]
    pub fn path(&self) -> RepositoryPath {
        match self {
            Self::Replaced { package, version, .. } | Self::Removed { package, version } => {
                let (package, version) = (package.clone(), version.clone());
                RepositoryPath::tarball(&FileName { package, version })
            }
            Self::Unverifiable { package, .. } | Self::RemarksLost { package, .. } => {
                RepositoryPath::package(package)
            }
            Self::Unreadable { path }
            | Self::Renamed { path, .. }
            | Self::PolicyWeakened { path } => path.clone(),
        }
    }

    /// The package that it concerns, if it is one.
    pub(crate) fn package(&self) -> Option<&PackageName> {
        match self {
            Self::Replaced { package, .. }
            | Self::Removed { package, .. }
            | Self::RemarksLost { package, .. }
            | Self::Unverifiable { package, .. } => Some(package),
            Self::Unreadable { .. } | Self::PolicyWeakened { .. } | Self::Renamed { .. } => None,
        }
    }

    /// What it means for those who use the registry.
    #[must_use]
    pub fn consequence(&self) -> &'static str {
        match self {
            Self::Replaced { .. } | Self::Removed { .. } => {
                "projects that have locked it can no longer fetch it"
            }
            Self::RemarksLost { .. } => "clients no longer warn of it",
            Self::PolicyWeakened { .. } => {
                "projects that name it may resolve to releases that it forbids"
            }
            Self::Unverifiable { .. } => {
                "if this is another tarball, projects that have locked it can no longer fetch it"
            }
            Self::Renamed { .. } => "clients that know it by the former name will refuse all of it",
            Self::Unreadable { .. } => {
                "projects that have locked it may no longer be able to fetch it"
            }
        }
    }
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced { package, version, was, is } => write!(
                f,
                "{package} {version} is another tarball than the one that was published: its outer \
                 checksum was {}…, and is {}…",
                was.excerpt(),
                is.excerpt()
            ),
            Self::Removed { package, version } => {
                write!(f, "{package} {version} was published, and is gone")
            }
            Self::RemarksLost { package, version } => write!(
                f,
                "what is said of {package} {version} there is not said here: that it is retired, when it \
                 was published, or which advisories concern it"
            ),
            Self::Unverifiable { package, version } => write!(
                f,
                "{package} {version} was published, and {}, which told its checksum, is missing, \
                 older, or not validly signed",
                RepositoryPath::package(package)
            ),
            Self::Unreadable { path } => write!(
                f,
                "what {path} published cannot be told: it is missing or damaged, or another key \
                 signed it"
            ),
            Self::PolicyWeakened { path } => write!(
                f,
                "{path} there has an override, or a restriction of a repository, that it has not here"
            ),
            Self::Renamed { was, is, .. } => {
                write!(f, "the repository was published as {was}, and would be {is}")
            }
        }
    }
}
