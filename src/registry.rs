//! What a registry says, and how each of its resources is encoded, signed and read back.

mod kept;
mod message;
mod names;
mod policy;
mod proto;
mod releases;
mod remarks;
mod signed;
mod timestamp;
mod versions;

pub use names::{Names, UnknownInNames};
pub use releases::Releases;
pub use signed::{Gzip, Payload, Signed, SignedError, SignedFile};
pub use versions::{ListedVersion, UnknownInVersions, Versions};

pub(crate) use signed::{MAX_FILE, MAX_PACKAGE, is_foreign_gzip};

use crate::name::{InvalidName, PackageName, PolicyName, RepositoryName};
use crate::package::{Dependency, Package, UnixSeconds};
use crate::requirement::check_solvable;
use crate::version::{InvalidVersion, Version};

/// What hex.pm's repository is called: every client knows it, and takes from it what names no other.
pub const PUBLIC_REPOSITORY: &str = "hexpm";

/// All that a repository says of its packages, every resource encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The name under which clients know it.
    pub repository: RepositoryName,
    /// By name, bytewise.
    pub packages: Vec<Entry>,
    versions: Payload,
    names: Payload,
}

/// A package in a registry: its own resource, and what the indexes say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
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

/// One resource of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `/names`
    Names,
    /// `/versions`
    Versions,
    /// `/packages/NAME`
    Package(PackageName),
    /// `/policies/NAME`
    Policy(PolicyName),
}

/// Why a payload is not the resource it should be.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is no such message.
    #[error("it is not the message that belongs there")]
    Message(#[from] ::prost::DecodeError),
    /// It has a name that is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// It has a version that is none.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    /// It lacks a checksum or has one that is not 32 bytes long.
    #[error("a checksum is not 32 bytes long")]
    Checksum,
    /// It points at a version or an advisory by a number that none has.
    #[error("it points at a version or an advisory that is not in it")]
    Index,
}

impl Entry {
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

impl Resource {
    /// The most bytes that its file may have or inflate to.
    ///
    /// Clients have no such limit: they inflate whatever they are sent. This one keeps a few kilobytes
    /// that inflate without end from taking all memory. hex.pm's `versions`, of some 17,000 packages,
    /// inflates to 5 MB; at 256 MiB there is room for fifty times that. A package is one of many, read
    /// on each thread at once, and clients read the whole of it whenever they resolve: 64 MiB are ten
    /// releases a day for ten years, of 1,800 bytes each, which is thirty dependencies. The 8 MiB of a policy
    /// are ten thousand overrides, each with a comment as long as it may be.
    #[must_use]
    pub fn max_size(&self) -> usize {
        match self {
            Self::Names | Self::Versions => signed::MAX_INDEX,
            Self::Package(_) => signed::MAX_PACKAGE,
            Self::Policy(_) => signed::MAX_POLICY,
        }
    }
}

impl Registry {
    /// The registry of these packages; their order does not matter.
    #[must_use]
    pub fn assemble(repository: RepositoryName, mut packages: Vec<Entry>) -> Self {
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        let (versions, names) = rayon::join(
            || versions::encode(&repository, &packages, &UnknownInVersions::default()),
            || names::encode(&repository, &packages, &UnknownInNames::default()),
        );
        Self { repository, packages, versions, names }
    }

    /// The same registry, whose indexes have these fields as well.
    #[must_use]
    pub fn keeping(mut self, names: &UnknownInNames, versions: &UnknownInVersions) -> Self {
        if *names != UnknownInNames::default() {
            self.names = names::encode(&self.repository, &self.packages, names);
        }
        if *versions != UnknownInVersions::default() {
            self.versions = versions::encode(&self.repository, &self.packages, versions);
        }
        self
    }

    /// What `names` says.
    #[must_use]
    pub fn names(&self) -> &Payload {
        &self.names
    }

    /// What `versions` says.
    #[must_use]
    pub fn versions(&self) -> &Payload {
        &self.versions
    }

    /// The package of this name.
    #[must_use]
    pub fn package(&self, name: &PackageName) -> Option<&Entry> {
        let found = self.packages.binary_search_by(|one| one.name.cmp(name)).ok()?;
        self.packages.get(found)
    }

    /// How many releases there are in all packages.
    #[must_use]
    pub fn release_count(&self) -> usize {
        self.packages.iter().map(|package| package.versions.len()).sum()
    }

    /// Every resource with its payload: packages first, then what names them.
    #[must_use]
    pub fn payloads(&self) -> Vec<(Resource, &Payload)> {
        let packages = self.packages.iter();
        let packages = packages.map(|one| (Resource::Package(one.name.clone()), &one.payload));
        let indexes = [(Resource::Versions, &self.versions), (Resource::Names, &self.names)];
        packages.chain(indexes).collect()
    }
}
