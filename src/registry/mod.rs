//! What a registry says, and how each of its resources is encoded, signed and read back.

mod names;
mod proto;
mod releases;
mod signed;
mod versions;

pub use names::Names;
pub use releases::Releases;
pub use signed::{Payload, Signed, SignedError};
pub use versions::Versions;

pub(crate) use signed::is_foreign_gzip;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::name::{InvalidName, PackageName, RepositoryName};
use crate::package::{Package, Release, UnixSeconds};
use crate::version::{InvalidVersion, Version};

/// All packages of a repository, in the order in which they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The name under which clients know it.
    pub repository: RepositoryName,
    /// By name, bytewise.
    pub packages: Vec<Package>,
}

/// A release as it is found, before it is sorted in with the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRelease {
    /// Its package.
    pub package: PackageName,
    /// What its tarball holds.
    pub release: Release,
    /// When its tarball was last changed.
    pub updated_at: UnixSeconds,
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
}

/// Why releases do not make a registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// Two tarballs hold the same release.
    #[error("{package} {version} comes twice")]
    Twice {
        /// Its package.
        package: PackageName,
        /// Its version.
        version: Version,
    },
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
}

impl Registry {
    /// Sorts releases into packages; their order does not matter.
    ///
    /// # Errors
    /// [`AssembleError`] where two are the same.
    pub fn assemble(
        repository: RepositoryName,
        releases: impl IntoIterator<Item = FoundRelease>,
    ) -> Result<Self, AssembleError> {
        let mut packages: BTreeMap<PackageName, Package> = BTreeMap::new();
        for found in releases {
            let package = packages.entry(found.package).or_insert_with_key(|name| Package {
                name: name.clone(),
                releases: Vec::new(),
                updated_at: found.updated_at,
            });
            package.updated_at = package.updated_at.max(found.updated_at);
            package.releases.push(found.release);
        }
        let mut packages: Vec<Package> = packages.into_values().collect();
        for package in &mut packages {
            package.releases.sort_by(|a, b| a.version.cmp(&b.version));
            let mut neighbours = package.releases.iter().zip(package.releases.iter().skip(1));
            if let Some((twice, _)) = neighbours.find(|(a, b)| a.version == b.version) {
                let version = twice.version.clone();
                return Err(AssembleError::Twice { package: package.name.clone(), version });
            }
        }
        Ok(Self { repository, packages })
    }

    /// How many releases there are in all packages.
    #[must_use]
    pub fn release_count(&self) -> usize {
        self.packages.iter().map(|package| package.releases.len()).sum()
    }

    /// Every resource with its payload: packages first, then what names them. Encoded on the threads
    /// of the current rayon pool.
    #[must_use]
    pub fn payloads(&self) -> Vec<(Resource, Payload)> {
        let packages = self.packages.par_iter().map(|Package { name, releases, .. }| {
            let payload = releases::encode(&self.repository, name, releases);
            (Resource::Package(name.clone()), payload)
        });
        let mut payloads: Vec<_> = packages.collect();
        payloads.push((Resource::Versions, Versions::of(self).encode()));
        payloads.push((Resource::Names, Names::of(self).encode()));
        payloads
    }
}
