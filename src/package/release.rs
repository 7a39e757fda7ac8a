//! A package, its releases and their dependencies.

use super::Remarks;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::{PackageName, RepositoryName};
use crate::unknown_fields::UnknownFields;
use crate::version::Version;

/// A package with its releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Unique in its repository.
    pub name: PackageName,
    /// Ascending by version.
    pub releases: Vec<Release>,
    /// What else the registry says of it.
    pub unknown: UnknownFields,
}

/// Two tarballs hold the same release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{package} {version} comes twice")]
pub struct DuplicateRelease {
    /// Its package.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
}

impl Package {
    /// Sorts the releases of one package; their order does not matter.
    ///
    /// # Errors
    /// [`DuplicateRelease`] where two have the same version.
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

/// One version of a package, as a client needs it to resolve and check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Unique in its package.
    pub version: Version,
    /// Of the three parts inside the tarball.
    pub inner_checksum: InnerChecksum,
    /// Of the tarball as it is served.
    pub outer_checksum: OuterChecksum,
    /// By package name, bytewise.
    pub dependencies: Vec<Dependency>,
    /// What its tarball does not say.
    pub remarks: Remarks,
}

/// What a release needs: a *requirement* in the tarball's metadata, a *dependency* in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The package that is needed. Not a [`PackageName`]: it may live in a repository with other
    /// rules, and Hex carries whatever stands there.
    pub package: String,
    /// Which versions of it will do.
    pub requirement: Requirement,
    /// Whether it is needed only where something else asks for it too.
    pub optional: bool,
    /// Its OTP application.
    pub app: String,
    /// Where it is found; `None` is the repository that holds the release.
    pub repository: Option<String>,
}

/// A version requirement such as `~> 1.0`: carried, never resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement(pub String);

impl Requirement {
    /// What no requirement at all means to Hex.
    #[must_use]
    pub fn any() -> Self {
        Self(">= 0.0.0".to_owned())
    }
}

impl Dependency {
    /// The dependency as `repository` says it: a repository that is its own goes unsaid.
    ///
    /// `mix hex.build` writes `hexpm` on every dependency without `repo:`, so this is what lets a
    /// rebuilt `hexpm` resolve within itself.
    #[must_use]
    pub fn seen_from(mut self, repository: &RepositoryName) -> Self {
        self.repository.take_if(|named| named == repository.as_str());
        self
    }
}
