//! One package of a registry.

use serde::{Deserialize, Serialize};

use super::{Payload, releases};
use crate::name::{PackageName, RepositoryName};
use crate::package::{Dependency, Marks, Package, UnixSeconds};
use crate::requirement::check_solvable;
use crate::version::Version;

/// The name of hex.pm's repository. Each client has it configured and fetches a dependency without a repository from it.
pub const PUBLIC_REPOSITORY: &str = "hexpm";

/// A package of a registry: its own resource, and what the indexes say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageEntry {
    /// Unique in the registry.
    pub name: PackageName,
    /// In ascending order.
    pub versions: Vec<ListedVersion>,
    /// The time of the last change to one of its tarballs.
    pub updated_at: UnixSeconds,
    /// The encoded `packages/NAME`, which decodes to [`Releases`](super::Releases).
    pub payload: Payload,
    /// Whether the payload says anything that is in no tarball.
    pub has_remarks: bool,
    /// What the dependencies of its releases are.
    pub dependencies: DependencySummary,
}

/// What the dependencies of a package's releases are, so that it is decoded again only where that matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencySummary {
    /// Whether one is on a package of [`PUBLIC_REPOSITORY`], or has a requirement on which Hex's solver raises. Whether
    /// that is a fault depends on the other packages.
    pub is_doubtful: bool,
    /// Whether one is on a package of the own repository. It is not known of an entry from the cache, which has no new
    /// release.
    pub has_own: bool,
    /// Whether the payload has the repository of one from the published file: the tarball names none.
    pub keeps_repository: bool,
}

/// A version as `versions` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion {
    /// Unique in its package.
    pub version: Version,
    /// The marks of that version.
    pub marks: Marks,
}

/// A version without marks.
impl From<Version> for ListedVersion {
    fn from(version: Version) -> Self {
        Self { version, marks: Marks::default() }
    }
}

impl PackageEntry {
    /// The entry of a package in `repository`.
    #[must_use]
    pub fn of(repository: &RepositoryName, package: Package, updated_at: UnixSeconds) -> Self {
        let has_remarks = !package.unknown.is_empty()
            || package.releases.iter().any(|release| !release.remarks.is_empty());
        let payload =
            releases::encode(repository, &package.name, &package.releases, &package.unknown);
        let dependencies = || package.releases.iter().flat_map(|release| &release.dependencies);
        let summary = DependencySummary {
            is_doubtful: dependencies().any(is_doubtful),
            has_own: dependencies().any(|one| one.repository.is_none()),
            keeps_repository: false,
        };
        let versions = package.releases.into_iter().map(|release| ListedVersion {
            marks: release.remarks.marks(),
            version: release.version,
        });
        let (name, versions) = (package.name, versions.collect());
        Self { name, versions, updated_at, payload, has_remarks, dependencies: summary }
    }

    /// Whether the package has this version.
    #[must_use]
    pub fn lists(&self, version: &Version) -> bool {
        self.versions.iter().any(|listed| listed.version == *version)
    }
}

fn is_doubtful(dependency: &Dependency) -> bool {
    dependency.repository.as_deref() == Some(PUBLIC_REPOSITORY)
        || check_solvable(&dependency.requirement.0).is_err()
}
