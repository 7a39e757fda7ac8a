//! What would break the lock files of users: a release that is no longer what it was.

use std::collections::BTreeMap;
use std::fmt;

use super::error::Error;
use super::options::Options;
use super::published::Published;
use crate::checksum::OuterChecksum;
use crate::name::{PackageName, RepositoryName};
use crate::publish::observer::{Observer, Warning};
use crate::published::Published as PublishedFile;
use crate::registry::{Registry, Releases, Resource};
use crate::repository::RepositoryPath;
use crate::tarball::FileName;
use crate::version::Version;

/// Something that clients were told, validly signed, and would be told no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// A release that has another outer checksum than the one that clients have locked.
    Changed {
        /// Its package.
        package: PackageName,
        /// Its version.
        version: Version,
        /// What clients have locked.
        was: OuterChecksum,
        /// What they would be offered.
        is: OuterChecksum,
    },
    /// A release that is not there any more.
    Gone {
        /// Its package.
        package: PackageName,
        /// Its version.
        version: Version,
    },
    /// A release that is retired, or of which something else is said that no tarball says, and would be
    /// no longer.
    Forgotten {
        /// Its package.
        package: PackageName,
        /// Its version.
        version: Version,
    },
    /// A release that `versions` names, whose package does not tell what it was.
    Unknown {
        /// Its package.
        package: PackageName,
        /// Its version.
        version: Version,
    },
    /// A file that is gone or whose signature does not hold, and nothing else tells what it published.
    Illegible {
        /// The file.
        path: RepositoryPath,
    },
    /// A policy that would let through what it keeps projects from.
    Policy {
        /// Its file.
        path: RepositoryPath,
    },
    /// Another name than the one under which clients know the repository.
    Renamed {
        /// What tells it.
        path: RepositoryPath,
        /// The name that clients have configured.
        was: RepositoryName,
        /// The one that would be signed.
        is: RepositoryName,
    },
}

impl Alarm {
    /// The file that a person would look at.
    #[must_use]
    pub fn path(&self) -> RepositoryPath {
        match self {
            Self::Changed { package, version, .. } | Self::Gone { package, version } => {
                RepositoryPath::tarball(&FileName {
                    package: package.clone(),
                    version: version.clone(),
                })
            }
            Self::Unknown { package, .. } | Self::Forgotten { package, .. } => {
                RepositoryPath::package(package)
            }
            Self::Illegible { path } | Self::Renamed { path, .. } | Self::Policy { path } => {
                path.clone()
            }
        }
    }

    /// What it means for those who use the registry.
    #[must_use]
    pub fn consequence(&self) -> &'static str {
        match self {
            Self::Changed { .. } | Self::Gone { .. } => {
                "whoever has locked it cannot fetch it any more"
            }
            Self::Forgotten { .. } => "nobody is warned of it any more",
            Self::Policy { .. } => "projects that name it may resolve to what it keeps them from",
            Self::Unknown { .. } => {
                "if this is another tarball, whoever has locked it cannot fetch it any more"
            }
            Self::Renamed { .. } => "whoever knows it by the former name will refuse all of it",
            Self::Illegible { .. } => "whoever has locked it may not be able to fetch it any more",
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { package, version, was, is } => write!(
                f,
                "{package} {version} is another tarball than the one that was published: its outer \
                 checksum was {}…, and is {}…",
                was.excerpt(),
                is.excerpt()
            ),
            Self::Gone { package, version } => {
                write!(f, "{package} {version} was published, and is gone")
            }
            Self::Forgotten { package, version } => write!(
                f,
                "what is said of {package} {version} there is not said here: that it is retired, when it \
                 was published, or which advisories concern it"
            ),
            Self::Unknown { package, version } => write!(
                f,
                "{package} {version} was published, and {}, which told its checksum, is missing, \
                 older, or not validly signed",
                RepositoryPath::package(package)
            ),
            Self::Illegible { path } => write!(
                f,
                "what {path} published cannot be told: it is missing or damaged, or another key \
                 signed it"
            ),
            Self::Policy { path } => write!(
                f,
                "{path} there has an override, or a restriction of a repository, that it has not here"
            ),
            Self::Renamed { was, is, .. } => {
                write!(f, "the repository was published as {was}, and would be {is}")
            }
        }
    }
}

/// Compares what was published with what is to be, and warns, or refuses.
pub(super) fn raise(
    published: &Published,
    registry: &Registry,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let alarms = alarms(published, registry);
    if options.immutable && !alarms.is_empty() {
        return Err(Error::Immutable(alarms));
    }
    for alarm in alarms {
        observer.warn(Warning::Alarm { alarm });
    }
    Ok(())
}

fn alarms(published: &Published, registry: &Registry) -> Vec<Alarm> {
    let mut alarms: Vec<_> =
        published.packages.values().flat_map(|was| compare(was, registry)).collect();
    alarms.extend(published.untold(registry).into_iter().map(|(package, version)| {
        let is = registry.package(package);
        let (package, version) = (package.clone(), version.clone());
        match is {
            Some(is) if is.lists(&version) => Alarm::Unknown { package, version },
            _ => Alarm::Gone { package, version },
        }
    }));
    let illegible = |path: &RepositoryPath| Alarm::Illegible { path: path.clone() };
    let index = RepositoryPath::resource(&Resource::Versions);
    match &published.versions {
        // What it does not name, no client was sent to; and what it does was looked at.
        PublishedFile::Present { document: versions, .. }
            if versions.repository != registry.repository =>
        {
            let (was, is) = (versions.repository.clone(), registry.repository.clone());
            alarms.push(Alarm::Renamed { path: index, was, is });
        }
        PublishedFile::Present { .. } => {}
        // No build came as far as to write it.
        PublishedFile::Missing | PublishedFile::BeingRemoved { .. } if !published.has_names => {
            alarms.extend(published.illegible.iter().map(illegible));
        }
        PublishedFile::Missing
        | PublishedFile::BeingRemoved { .. }
        | PublishedFile::Unsound { .. } => {
            alarms.extend(published.illegible.iter().map(illegible));
            alarms.push(illegible(&index));
        }
    }
    alarms
}

fn compare(was: &Releases, registry: &Registry) -> Vec<Alarm> {
    let is = registry.package(&was.package);
    let is = is.and_then(|is| Releases::decode(&is.payload).ok());
    let present = is.map(|is| is.releases).unwrap_or_default().into_iter();
    let present: BTreeMap<_, _> =
        present.map(|release| (release.version, release.outer_checksum)).collect();
    let alarms = was.releases.iter().filter_map(|release| {
        let (package, version) = (was.package.clone(), release.version.clone());
        match present.get(&version) {
            Some(is) if *is == release.outer_checksum => None,
            Some(&is) => Some(Alarm::Changed { package, version, was: release.outer_checksum, is }),
            None => Some(Alarm::Gone { package, version }),
        }
    });
    alarms.collect()
}
