//! A package in a registry: its own resource, and what the indexes say of it.

use super::{Payload, releases};
use crate::name::{PackageName, RepositoryName};
use crate::package::{Dependency, Marks, Package, UnixSeconds};
use crate::requirement::check_solvable;
use crate::version::Version;

/// What hex.pm's repository is called: every client knows it, and takes from it what names no other.
pub const PUBLIC_REPOSITORY: &str = "hexpm";

/// A package in a registry: its own resource, and what the indexes say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageEntry {
    /// Unique in the registry.
    pub name: PackageName,
    /// Ascending.
    pub versions: Vec<ListedVersion>,
    /// When its newest tarball was last changed.
    pub updated_at: UnixSeconds,
    /// What `packages/NAME` says: [`Releases`].
    pub payload: Payload,
    /// Whether it says anything that no tarball does.
    pub has_remarks: bool,
    /// Whether a release requires a package of [`PUBLIC_REPOSITORY`], or what Hex's solver raises on: how that
    /// is to be taken depends on what else there is.
    pub has_doubtful_dependency: bool,
}

/// A version as `versions` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion {
    /// Unique in its package.
    pub version: Version,
    /// What it is marked with.
    pub marks: Marks,
}

/// Without any mark.
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
        let mut dependencies = package.releases.iter().flat_map(|release| &release.dependencies);
        let has_doubtful_dependency = dependencies.any(is_doubtful);
        let versions = package.releases.into_iter().map(|release| ListedVersion {
            marks: release.remarks.marks(),
            version: release.version,
        });
        let (name, versions) = (package.name, versions.collect());
        Self { name, versions, updated_at, payload, has_remarks, has_doubtful_dependency }
    }

    /// Whether it has a release of this version.
    #[must_use]
    pub fn lists(&self, version: &Version) -> bool {
        self.versions.iter().any(|listed| listed.version == *version)
    }
}

fn is_doubtful(dependency: &Dependency) -> bool {
    dependency.repository.as_deref() == Some(PUBLIC_REPOSITORY)
        || check_solvable(&dependency.requirement.0).is_err()
}
