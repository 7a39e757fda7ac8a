//! Upstream's signed files in the folder of a mirror.

use std::io;

use crate::key::KeyError;
use crate::name::PackageName;
use crate::published::{Published, PublishedKey, Reader};
use crate::registry::Releases;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Operation, Store, StoreError};

/// The file that should be the public key of upstream is not a key.
#[derive(Debug, thiserror::Error)]
#[error("it is not the public key of upstream")]
struct NotAKey(#[source] KeyError);

/// Upstream's signed files in the folder of a mirror.
pub(in crate::ops) struct UpstreamFiles<'a> {
    reader: Reader<'a>,
}

impl<'a> UpstreamFiles<'a> {
    /// Upstream's files in this tree, or `None` if no mirror keeps any.
    ///
    /// # Errors
    /// [`StoreError`] if the key cannot be read, or is not a key: without it, a retirement or an advisory of upstream's
    /// would be missing from what is signed.
    pub fn open(store: &'a dyn Store) -> Result<Option<Self>, StoreError> {
        let path = Folder::Mirror.file(RepositoryPath::public_key().as_str());
        let Some(published) = PublishedKey::read_at(store, &path)? else { return Ok(None) };
        let key = published.key.map_err(|error| {
            let error = io::Error::new(io::ErrorKind::InvalidData, NotAKey(error));
            StoreError::new(Operation::Read, store.locate(&path), error)
        })?;
        Ok(Some(Self { reader: Reader::new(store, key) }))
    }

    /// The path of upstream's file of a package.
    pub fn path(package: &PackageName) -> RepositoryPath {
        Folder::MirrorPackages.file(package.as_str())
    }

    /// What upstream says of a package.
    ///
    /// # Errors
    /// [`StoreError`] if the file exists and cannot be read.
    pub fn package(&self, package: &PackageName) -> Result<Published<Releases>, StoreError> {
        self.reader.document_at(&Self::path(package), package, &mut Vec::new())
    }
}
