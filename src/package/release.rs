//! A package, its releases and their dependencies.

use super::Remarks;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::{PackageName, RepositoryName};
use crate::unknown_fields::UnknownFields;
use crate::version::Version;

/// A package with all its releases: what `packages/NAME` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Unique in its repository.
    pub name: PackageName,
    /// In ascending order of version.
    pub releases: Vec<Release>,
    /// Fields of the signed message that this version does not know.
    pub unknown: UnknownFields,
}

/// Two tarballs are of the same release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{package} {version} comes twice")]
pub struct DuplicateRelease {
    /// The package of that release.
    pub package: PackageName,
    /// The version that both tarballs have.
    pub version: Version,
}

impl Package {
    /// A package of these releases, in any order.
    ///
    /// # Errors
    /// [`DuplicateRelease`] if two have the same version.
    pub fn assemble(
        name: PackageName,
        mut releases: Vec<Release>,
    ) -> Result<Self, DuplicateRelease> {
        releases.sort_by(|a, b| a.version.cmp(&b.version));
        let mut neighbours = releases.iter().zip(releases.iter().skip(1));
        match neighbours.find(|(a, b)| a.version == b.version) {
            Some((twice, _)) => {
                Err(DuplicateRelease { package: name, version: twice.version.clone() })
            }
            None => Ok(Self { name, releases, unknown: UnknownFields::default() }),
        }
    }
}

/// One version of a package: what a client needs to resolve it and to check its tarball.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Unique in its package.
    pub version: Version,
    /// The checksum of the three parts inside the tarball.
    pub inner_checksum: InnerChecksum,
    /// The checksum of the tarball as it is served.
    pub outer_checksum: OuterChecksum,
    /// Sorted by package name, bytewise.
    pub dependencies: Vec<Dependency>,
    /// What the registry says of it and its tarball does not.
    pub remarks: Remarks,
}

/// A package that a release needs. The metadata of a tarball calls it a *requirement*, the registry a *dependency*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The name of the package. Not a [`PackageName`]: its repository may have other rules, and Hex passes any text
    /// on.
    pub package: String,
    /// Which versions of it are allowed.
    pub requirement: Requirement,
    /// Whether clients fetch it only if the project, or another package, depends on it too.
    pub optional: bool,
    /// The OTP application of the package, often named like it.
    pub app: String,
    /// The repository that has the package; `None` for the one that has the release.
    pub repository: Option<String>,
}

/// The text of a version requirement, such as `~> 1.0`. It need not be valid: see
/// [`VersionRequirement`](crate::requirement::VersionRequirement).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement(pub String);

impl Requirement {
    /// The requirement that Hex uses if a dependency has none.
    #[must_use]
    pub fn any() -> Self {
        Self(">= 0.0.0".to_owned())
    }
}

impl Dependency {
    /// The dependency as the registry of `repository` lists it: without `repository` if that is its own.
    ///
    /// `mix hex.build` writes `hexpm` on every dependency without `repo:`. A registry called `hexpm` must not name it, or
    /// clients could not resolve within that registry.
    #[must_use]
    pub(crate) fn seen_from(mut self, repository: &RepositoryName) -> Self {
        self.repository.take_if(|named| named == repository.as_str());
        self
    }
}
