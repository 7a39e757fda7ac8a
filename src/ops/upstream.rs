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
use crate::key::KeyError;
use crate::name::PackageName;
use crate::package::Release;
use crate::published::{Published, PublishedKey, Reader};
use crate::registry::Releases;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Operation, Store, StoreError};

/// Upstream's signed files in the folder of a mirror.
pub(super) struct UpstreamFiles<'a> {
    reader: Reader<'a>,
}

/// The public key of upstream, which a mirror keeps, is none.
#[derive(Debug, thiserror::Error)]
#[error("it is not the public key of upstream")]
struct NotAKey(#[source] KeyError);

impl<'a> UpstreamFiles<'a> {
    /// Upstream's files in this tree, or none where no mirror keeps any.
    ///
    /// # Errors
    /// [`StoreError`] where the key cannot be read, or is none: without it, a retirement or an advisory of
    /// upstream's would be missing from what is signed.
    pub fn open(store: &'a dyn Store) -> Result<Option<Self>, StoreError> {
        let path = Folder::Mirror.file(RepositoryPath::public_key().as_str());
        let Some(published) = PublishedKey::read_at(store, &path)? else { return Ok(None) };
        let key = published.key.map_err(|error| {
            let error = io::Error::new(io::ErrorKind::InvalidData, NotAKey(error));
            StoreError::new(Operation::Read, store.locate(&path), error)
        })?;
        Ok(Some(Self { reader: Reader::new(store, key) }))
    }

    /// The path of a package's file.
    pub fn path(package: &PackageName) -> RepositoryPath {
        Folder::MirrorPackages.file(package.as_str())
    }

    /// What upstream says of a package.
    ///
    /// # Errors
    /// [`StoreError`] where a file that is there cannot be read.
    pub fn package(&self, package: &PackageName) -> Result<Published<Releases>, StoreError> {
        self.reader.document_at(&Self::path(package), package, &mut Vec::new())
    }
}

/// The release that has this very tarball.
pub(super) fn release_of(releases: &Releases, checksum: OuterChecksum) -> Option<&Release> {
    releases.releases.iter().find(|release| release.outer_checksum == checksum)
}
