//! What is published of a registry, as far as an edit needs it, and only what the key signed.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::error::Error;
use super::options::Options;
use super::working_copy::WorkingCopy;
use crate::key::PublicKey;
use crate::name::PackageName;
use crate::publish::{DesiredFile, FileState};
use crate::published::{Document, DocumentError, Published, PublishedKey, Reader};
use crate::registry::{Names, Releases, Resource, Versions};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{EntryKind, Stamp, Store};

/// A signed file, if it exists.
pub(super) struct SnapshotFile<D> {
    pub resource: Resource,
    pub path: RepositoryPath,
    pub bytes: Option<Vec<u8>>,
    pub stamp: Option<Stamp>,
    pub document: Option<D>,
}

/// The files that an edit reads and writes.
pub(super) struct Snapshot {
    pub packages: BTreeMap<PackageName, SnapshotFile<Releases>>,
    pub versions: SnapshotFile<Versions>,
    pub names: SnapshotFile<Names>,
}

impl Snapshot {
    /// Reads both indexes and these packages, all at once.
    pub fn read(
        store: &dyn Store,
        options: &Options,
        packages: &BTreeSet<PackageName>,
    ) -> Result<Self, Error> {
        let read_packages = || read_packages(store, options, packages);
        let read_versions = || SnapshotFile::<Versions>::read(store, options, &());
        let read_names = || read_names(store, options);
        let (packages, (versions, names)) =
            rayon::join(read_packages, || rayon::join(read_versions, read_names));
        let this = Self { packages: packages?, versions: versions?, names: names? };
        this.refuse_missing_index(store)?;
        Ok(this)
    }

    /// Reads one package.
    pub fn read_package(
        store: &dyn Store,
        options: &Options,
        name: &PackageName,
    ) -> Result<SnapshotFile<Releases>, Error> {
        SnapshotFile::read(store, options, name)
    }

    /// Fails if an index is missing that named other packages: written again, it would name only a few.
    fn refuse_missing_index(&self, store: &dyn Store) -> Result<(), Error> {
        let is_other = |name: &PackageName| !self.packages.contains_key(name);
        let missing =
            |path: &RepositoryPath| Err(Error::MissingIndex { location: store.locate(path) });
        match (&self.versions.document, &self.names.document) {
            (Some(versions), None) if versions.packages.iter().any(|(name, _)| is_other(name)) => {
                missing(&self.names.path)
            }
            (Some(_), _) => Ok(()),
            (None, Some(_)) => missing(&self.versions.path),
            // It is a new registry, unless there are packages.
            (None, None) => {
                let files = store.list(Folder::Packages)?.unwrap_or_default();
                let files = files.iter().filter(|file| file.kind == EntryKind::File);
                let mut names = files.filter_map(|file| file.name.parse().ok());
                if names.any(|name| is_other(&name)) {
                    return missing(&self.versions.path);
                }
                Ok(())
            }
        }
    }

    /// Whether there is no registry.
    pub fn is_empty(&self) -> bool {
        self.versions.document.is_none() && self.names.document.is_none()
    }

    /// A copy of what it says, to be changed.
    pub fn working_copy(&self) -> WorkingCopy {
        let packages = self.packages.iter().map(|(name, file)| {
            let releases = file.document.as_ref().map(|package| package.releases.clone());
            (name.clone(), releases.unwrap_or_default())
        });
        let versions = self.versions.document.iter().flat_map(|index| index.packages.clone());
        let names = self.names.document.iter().flat_map(|index| index.packages.clone());
        WorkingCopy {
            packages: packages.collect(),
            versions: versions.collect(),
            names: names.collect(),
            is_new_registry: self.is_empty(),
        }
    }
}

/// Reads `names`.
pub(super) fn read_names(
    store: &dyn Store,
    options: &Options,
) -> Result<SnapshotFile<Names>, Error> {
    SnapshotFile::read(store, options, &())
}

fn read_packages(
    store: &dyn Store,
    options: &Options,
    packages: &BTreeSet<PackageName>,
) -> Result<BTreeMap<PackageName, SnapshotFile<Releases>>, Error> {
    let read = packages.par_iter().map(|name| {
        let file = SnapshotFile::<Releases>::read(store, options, name)?;
        Ok((name.clone(), file))
    });
    read.collect()
}

impl<D: Document> SnapshotFile<D> {
    fn read(store: &dyn Store, options: &Options, name: &D::Name) -> Result<Self, Error> {
        let resource = D::resource(name);
        let path = RepositoryPath::resource(&resource);
        let reader =
            Reader::new(store, options.key.public_key().clone()).of_repository(&options.repository);
        let mut bytes = Vec::new();
        let published = reader.document::<D>(name, &mut bytes)?;
        let stamp = published.stamp();
        let (bytes, document) = match published {
            Published::Missing => (None, None),
            Published::BeingRemoved { .. } => (Some(bytes), None),
            Published::Unsound { error, .. } => return Err(unsound(store.locate(&path), error)),
            Published::Present { document, .. } => (Some(bytes), Some(document)),
        };
        Ok(Self { resource, path, bytes, stamp, document })
    }
}

fn unsound(location: String, error: DocumentError) -> Error {
    match error {
        DocumentError::Signed(source) => Error::Signed { location, source },
        DocumentError::Decode(source) => Error::Decode { location, source },
        DocumentError::OtherRepository { found, expected } => {
            Error::OtherRepository { location, found, expected }
        }
        DocumentError::OtherPackage(found) => Error::OtherPackage { location, found },
        DocumentError::OtherPolicy(found) => Error::OtherPolicy { location, found },
    }
}

/// `public_key` of a registry that has no index yet. In all others, what the key signed tells that clients hold it.
pub(super) fn public_key(store: &dyn Store, key: &PublicKey) -> Result<Option<DesiredFile>, Error> {
    let path = RepositoryPath::public_key();
    match PublishedKey::read(store)? {
        None => {
            let state = FileState::of(None, key.to_pem().into());
            Ok(Some(DesiredFile { path, state, over: None }))
        }
        Some(published) if published.is(key) => Ok(None),
        Some(_) => Err(Error::OtherKey {
            location: store.locate(&path),
            signing: key.fingerprint().to_owned(),
        }),
    }
}
