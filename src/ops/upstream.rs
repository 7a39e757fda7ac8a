//! What upstream says of the packages whose tarballs were mirrored, for a registry that another key signs.
//!
//! `hexreg mirror --tarballs-only` keeps upstream's signed files and the key that verifies them in
//! `.hexreg-mirror/`, beside the `tarballs/` that `hexreg build` reads. Nothing here trusts a file that this key
//! did not sign. A release is found by its outer checksum: what upstream says of one tarball is not so of another.

mod base;
mod beside;
mod merge;

pub(super) use base::{Base, PackageBase};
pub(super) use beside::{Beside, Said};
pub(super) use merge::{merge, merge_unknown, merge_without_base};

use std::io;

use crate::checksum::OuterChecksum;
use crate::key::PublicKey;
use crate::name::PackageName;
use crate::package::Release;
use crate::published::{Keys, Standing};
use crate::registry::Releases;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Store, StoreError};

/// Upstream's signed files in the folder of a mirror.
pub(super) struct UpstreamFiles<'a> {
    store: &'a dyn Store,
    keys: Keys,
}

/// In bytes: the largest key that signs has 1,500 in PEM.
const MAX_KEY: usize = 64 << 10;

impl<'a> UpstreamFiles<'a> {
    /// Upstream's files in this tree, or none where no mirror keeps any.
    ///
    /// # Errors
    /// [`StoreError`] where the key cannot be read, or is none: without it, a retirement or an advisory of
    /// upstream's would be missing from what is signed.
    pub fn open(store: &'a dyn Store) -> Result<Option<Self>, StoreError> {
        let path = Folder::Mirror.file(RepositoryPath::public_key().as_str());
        let mut pem = Vec::new();
        if store.read(&path, MAX_KEY, &mut pem)?.is_none() {
            return Ok(None);
        }
        let key = PublicKey::from_pem(&String::from_utf8_lossy(&pem)).map_err(|error| {
            let source = io::Error::new(io::ErrorKind::InvalidData, error);
            StoreError {
                action: "take the public key of upstream from",
                location: store.locate(&path),
                source,
            }
        })?;
        Ok(Some(Self { store, keys: Keys::from(key) }))
    }

    /// The path of a package's file.
    pub fn path(package: &PackageName) -> RepositoryPath {
        Folder::MirrorPackages.file(package.as_str())
    }

    /// What upstream says of a package. A file of another package counts as illegible.
    ///
    /// # Errors
    /// [`StoreError`] where a file that is there cannot be read.
    pub fn package(&self, package: &PackageName) -> Result<Standing<Releases>, StoreError> {
        match self.keys.read(self.store, &Self::path(package), Releases::decode)? {
            Standing::Legible(releases) if releases.package != *package => Ok(Standing::Illegible),
            found => Ok(found),
        }
    }
}

/// The release that has this very tarball.
pub(super) fn release_of(releases: &Releases, checksum: OuterChecksum) -> Option<&Release> {
    releases.releases.iter().find(|release| release.outer_checksum == checksum)
}
