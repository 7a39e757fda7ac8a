//! What stands of a registry, as far as a change has to know, and only what the key signed.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::Options;
use super::draft::Draft;
use super::error::Error;
use crate::key::PublicKey;
use crate::name::PackageName;
use crate::package::Release;
use crate::publish::{State, Wanted, retry};
use crate::published::{Document, DocumentError, Published, PublishedKey, Reader};
use crate::registry::{Names, Releases, Resource, Versions};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{EntryKind, Stamp, Store};

/// A signed file that may be there.
pub(super) struct File<T> {
    pub resource: Resource,
    pub path: RepositoryPath,
    pub bytes: Option<Vec<u8>>,
    pub stamp: Option<Stamp>,
    pub says: Option<T>,
}

/// The files that a change reads and writes.
pub(super) struct Standing {
    pub packages: BTreeMap<PackageName, File<Releases>>,
    pub versions: File<Versions>,
    pub names: File<Names>,
}

impl Standing {
    /// Reads both indexes and these packages, all at once.
    pub fn read(
        store: &dyn Store,
        options: &Options,
        packages: &BTreeSet<PackageName>,
        attempt: usize,
    ) -> Result<Self, Error> {
        let read_packages = || read_packages(store, options, packages);
        let read_versions = || File::<Versions>::read(store, options, &());
        let read_names = || read_names(store, options);
        let (packages, (versions, names)) =
            rayon::join(read_packages, || rayon::join(read_versions, read_names));
        let this = Self { packages: packages?, versions: versions?, names: names? };
        // Whoever makes a registry where there is none, and cannot keep others away, writes one after the
        // other.
        this.refuse_loss(store, store.is_conditional() && attempt < retry::UNTIL_DONE)?;
        Ok(this)
    }

    /// An index that is missing would come back with a few packages alone, and forget all others.
    fn refuse_loss(&self, store: &dyn Store, is_expected: bool) -> Result<(), Error> {
        let is_other = |name: &PackageName| !self.packages.contains_key(name);
        let incomplete = |path: &RepositoryPath| {
            Err(Error::Incomplete { location: store.locate(path), is_expected })
        };
        match (&self.versions.says, &self.names.says) {
            (Some(versions), None) if versions.packages.iter().any(|(name, _)| is_other(name)) => {
                incomplete(&self.names.path)
            }
            (Some(_), _) => Ok(()),
            (None, Some(_)) => incomplete(&self.versions.path),
            // A new registry, unless there are packages.
            (None, None) => {
                let files = store.list(Folder::Packages)?.unwrap_or_default();
                let files = files.iter().filter(|file| file.kind == EntryKind::File);
                let mut names = files.filter_map(|file| file.name.parse().ok());
                if names.any(|name| is_other(&name)) {
                    return incomplete(&self.versions.path);
                }
                Ok(())
            }
        }
    }

    /// Whether there is no registry.
    pub fn is_nothing(&self) -> bool {
        self.versions.says.is_none() && self.names.says.is_none()
    }

    /// What it says, to be changed.
    pub fn draft(&self) -> Draft {
        let versions = self.versions.says.iter().flat_map(|says| says.packages.iter().cloned());
        let names = self.names.says.iter().flat_map(|says| says.packages.iter().cloned());
        Draft {
            packages: releases(&self.packages),
            versions: versions.collect(),
            names: names.collect(),
        }
    }
}

/// What `names` says.
pub(super) fn read_names(store: &dyn Store, options: &Options) -> Result<File<Names>, Error> {
    File::read(store, options, &())
}

/// What the packages say of themselves.
pub(super) fn read_packages(
    store: &dyn Store,
    options: &Options,
    packages: &BTreeSet<PackageName>,
) -> Result<BTreeMap<PackageName, File<Releases>>, Error> {
    let read = packages.par_iter().map(|name| {
        let file = File::<Releases>::read(store, options, name)?;
        Ok((name.clone(), file))
    });
    read.collect()
}

/// The releases of each, to be changed.
pub(super) fn releases(
    packages: &BTreeMap<PackageName, File<Releases>>,
) -> BTreeMap<PackageName, Vec<Release>> {
    let releases = packages.iter().map(|(name, file)| {
        let says = file.says.as_ref().map(|says| says.releases.clone());
        (name.clone(), says.unwrap_or_default())
    });
    releases.collect()
}

impl<D: Document> File<D> {
    fn read(store: &dyn Store, options: &Options, name: &D::Name) -> Result<Self, Error> {
        let resource = D::resource(name);
        let path = RepositoryPath::resource(&resource);
        let reader =
            Reader::new(store, options.key.public_key().clone()).of_repository(&options.repository);
        let mut bytes = Vec::new();
        let published = reader.document::<D>(name, &mut bytes)?;
        let stamp = published.stamp();
        let (bytes, says) = match published {
            Published::Missing => (None, None),
            Published::BeingRemoved { .. } => (Some(bytes), None),
            Published::Unsound { error, .. } => return Err(unsound(store.locate(&path), error)),
            Published::Present { document, .. } => (Some(bytes), Some(document)),
        };
        Ok(Self { resource, path, bytes, stamp, says })
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

/// `public_key`, for a registry that has no index yet: in all others what the key signed tells that
/// clients hold it.
pub(super) fn public_key(store: &dyn Store, key: &PublicKey) -> Result<Option<Wanted>, Error> {
    let path = RepositoryPath::public_key();
    match PublishedKey::read(store)? {
        None => {
            let state = State::of(None, key.to_pem().into());
            Ok(Some(Wanted { path, state, over: None }))
        }
        Some(published) if published.is(key) => Ok(None),
        Some(_) => Err(Error::OtherKey {
            location: store.locate(&path),
            signing: key.fingerprint().to_owned(),
        }),
    }
}
