//! The resources of a registry: how each is encoded, signed and read back.

mod decode_error;
mod gzip;
mod kept;
mod message;
mod names;
mod package_entry;
mod policy;
mod proto;
mod releases;
mod remarks;
mod resource;
mod signed;
mod signed_file;
mod timestamp;
mod versions;

pub use decode_error::DecodeError;
pub use gzip::Gzip;
pub use names::{Names, UnknownInNames};
pub use package_entry::{DependencySummary, ListedVersion, PUBLIC_REPOSITORY, PackageEntry};
pub use releases::Releases;
pub use resource::Resource;
pub use signed::{Payload, Signed};
pub use signed_file::{SignedError, SignedFile};
pub use versions::{UnknownInVersions, Versions};

pub(crate) use gzip::is_foreign_gzip;
pub(crate) use resource::{MAX_FILE, MAX_PACKAGE};

use crate::name::{PackageName, RepositoryName};

/// All packages of a repository, with every resource encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The name of the repository, as clients configure it.
    pub repository: RepositoryName,
    /// Sorted by name, bytewise.
    pub packages: Vec<PackageEntry>,
    versions: Payload,
    names: Payload,
}

impl Registry {
    /// The registry of these packages, in any order.
    #[must_use]
    pub fn assemble(repository: RepositoryName, mut packages: Vec<PackageEntry>) -> Self {
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        let (versions, names) = rayon::join(
            || versions::encode(&repository, &packages, &UnknownInVersions::default()),
            || names::encode(&repository, &packages, &UnknownInNames::default()),
        );
        Self { repository, packages, versions, names }
    }

    /// The same registry with unknown fields added to its indexes.
    #[must_use]
    pub(crate) fn keeping(mut self, names: &UnknownInNames, versions: &UnknownInVersions) -> Self {
        if *names != UnknownInNames::default() {
            self.names = names::encode(&self.repository, &self.packages, names);
        }
        if *versions != UnknownInVersions::default() {
            self.versions = versions::encode(&self.repository, &self.packages, versions);
        }
        self
    }

    /// The encoded `names`.
    #[must_use]
    pub fn names(&self) -> &Payload {
        &self.names
    }

    /// The encoded `versions`.
    #[must_use]
    pub fn versions(&self) -> &Payload {
        &self.versions
    }

    /// The package of this name.
    #[must_use]
    pub fn package(&self, name: &PackageName) -> Option<&PackageEntry> {
        let found = self.packages.binary_search_by(|one| one.name.cmp(name)).ok()?;
        self.packages.get(found)
    }

    /// The number of releases in all packages.
    #[must_use]
    pub fn release_count(&self) -> usize {
        self.packages.iter().map(|package| package.versions.len()).sum()
    }

    /// Every resource with its payload: packages first, then the indexes that name them.
    #[must_use]
    pub fn payloads(&self) -> Vec<(Resource, &Payload)> {
        let packages = self.packages.iter();
        let packages = packages.map(|one| (Resource::Package(one.name.clone()), &one.payload));
        let indexes = [(Resource::Versions, &self.versions), (Resource::Names, &self.names)];
        packages.chain(indexes).collect()
    }
}
