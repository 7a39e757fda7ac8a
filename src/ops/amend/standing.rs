//! What stands of a registry, as far as a change has to know, and only what the key signed.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::Options;
use super::draft::Draft;
use super::error::Error;
use crate::key::PublicKey;
use crate::name::{PackageName, RepositoryName};
use crate::package::Release;
use crate::publish::{State, Wanted, retry};
use crate::registry::{DecodeError, Names, Payload, Releases, Resource, Signed, Versions};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{self, EntryKind, Stamp, Store};

/// A signed file that may be there.
pub(super) struct File<T> {
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
        let read_versions = || {
            File::read(store, options, &Resource::Versions, Versions::decode, |it| &it.repository)
        };
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
    File::read(store, options, &Resource::Names, Names::decode, |it| &it.repository)
}

/// What the packages say of themselves.
pub(super) fn read_packages(
    store: &dyn Store,
    options: &Options,
    packages: &BTreeSet<PackageName>,
) -> Result<BTreeMap<PackageName, File<Releases>>, Error> {
    let read = packages.par_iter().map(|name| {
        let resource = Resource::Package(name.clone());
        let file = File::read(store, options, &resource, Releases::decode, |it| &it.repository)?;
        match &file.says {
            Some(releases) if releases.package != *name => Err(Error::OtherPackage {
                location: store.locate(&file.path),
                found: releases.package.clone(),
            }),
            _ => Ok((name.clone(), file)),
        }
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

impl<T> File<T> {
    fn read(
        store: &dyn Store,
        options: &Options,
        resource: &Resource,
        decode: impl Fn(&Payload) -> Result<T, DecodeError>,
        repository: impl Fn(&T) -> &RepositoryName,
    ) -> Result<Self, Error> {
        let (path, limit) = (RepositoryPath::resource(resource), resource.max_size());
        let mut bytes = Vec::new();
        let Some(content) = store.read(&path, limit, &mut bytes)? else {
            return Ok(Self { path, bytes: None, stamp: None, says: None });
        };
        if store.has_tombstones() && store::is_tombstone(&bytes) {
            return Ok(Self { path, bytes: Some(bytes), stamp: content.stamp, says: None });
        }
        let location = || store.locate(&path);
        let signed = Signed::from_gzip_up_to(limit, &bytes)
            .and_then(|signed| signed.verify(options.key.public_key()))
            .map_err(|source| Error::Signed { location: location(), source })?;
        let says =
            decode(&signed).map_err(|source| Error::Decode { location: location(), source })?;
        let found = repository(&says);
        if *found != options.repository {
            let (found, expected) = (found.clone(), options.repository.clone());
            return Err(Error::OtherRepository { location: location(), found, expected });
        }
        Ok(Self { path, bytes: Some(bytes), stamp: content.stamp, says: Some(says) })
    }
}

/// `public_key`, for a registry that has no index yet: in all others what the key signed tells that
/// clients hold it.
pub(super) fn public_key(store: &dyn Store, key: &PublicKey) -> Result<Option<Wanted>, Error> {
    /// In bytes: the largest key that signs has 1,500 in PEM.
    const MAX_KEY: usize = 64 << 10;
    let path = RepositoryPath::public_key();
    let mut pem = Vec::new();
    match store.read(&path, MAX_KEY, &mut pem)? {
        None => {
            let state = State::of(None, key.to_pem().into());
            Ok(Some(Wanted { path, state, over: None }))
        }
        // In whichever form.
        Some(_)
            if PublicKey::from_pem(&String::from_utf8_lossy(&pem)).is_ok_and(|it| it == *key) =>
        {
            Ok(None)
        }
        Some(_) => Err(Error::OtherKey {
            location: store.locate(&path),
            signing: key.fingerprint().to_owned(),
        }),
    }
}
