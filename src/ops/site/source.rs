//! The registry that a site shows: all that is signed, and which tarballs and documentation there are.

use std::collections::{BTreeMap, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::prelude::*;

use super::digest::sha256;
use super::error::Error;
use crate::key::PublicKey;
use crate::name::{PackageName, RepositoryName};
use crate::ops::verify::Defect;
use crate::package::UnixSeconds;
use crate::published::{Document, Published, PublishedKey, Reader};
use crate::registry::{Names, Releases, Versions};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{EntryKind, Stamp, Store};
use crate::tarball::FileName;
use crate::version::Version;

/// The registry that is shown.
pub(super) struct SiteSource<'a> {
    pub store: &'a dyn Store,
    pub key: PublicKey,
    pub repository: RepositoryName,
    /// The SHA-256 of `versions`.
    pub versions_digest: String,
    /// Sorted by name.
    pub packages: Vec<SignedPackage>,
    /// The size of each tarball in bytes, where it is known.
    tarballs: HashMap<FileName, Option<u64>>,
    /// The documentation that is there, of each package, and what tells that it is still the same.
    pub docs: BTreeMap<PackageName, BTreeMap<Version, Option<Stamp>>>,
}

/// A package, as it is signed.
pub(super) struct SignedPackage {
    pub releases: Releases,
    /// The SHA-256 of the file.
    pub digest: String,
    /// When it was changed last, as `names` says.
    pub updated_at: Option<UnixSeconds>,
}

impl<'a> SiteSource<'a> {
    /// Reads and checks all that is signed, and lists the rest. A package without a file is not shown: a mirror of a part of
    /// a registry names more packages than it has.
    pub fn read(store: &'a dyn Store) -> Result<Self, Error> {
        let path = RepositoryPath::public_key();
        let published = PublishedKey::read(store)?;
        let published = published.ok_or_else(|| unsound(store, &path, Defect::Missing))?;
        let key = published.key.map_err(|error| unsound(store, &path, Defect::NotAKey(error)))?;
        let reader = Reader::new(store, key.clone());
        let mut bytes = Vec::new();
        let versions = required::<Versions>(store, &reader, &mut bytes)?;
        let versions_digest = sha256(&bytes);
        let repository = versions.repository.clone();
        let reader = reader.of_repository(&repository);
        let names = required::<Names>(store, &reader, &mut bytes)?;
        let times = names.packages.into_iter();
        let times: HashMap<_, _> = times.filter_map(|(name, time)| Some((name, time?))).collect();
        let read = versions.packages.par_iter().map_init(Vec::new, |bytes, (name, _)| {
            let Some(releases) = document::<Releases>(store, &reader, name, bytes)? else {
                return Ok(None);
            };
            let updated_at = times.get(name).copied();
            Ok(Some(SignedPackage { releases, digest: sha256(bytes), updated_at }))
        });
        let mut packages: Vec<_> = read.collect::<Result<Vec<_>, Error>>()?;
        let mut packages: Vec<SignedPackage> = packages.drain(..).flatten().collect();
        packages.retain(|one| !one.releases.releases.is_empty());
        packages.sort_by(|a, b| a.releases.package.cmp(&b.releases.package));
        let seen = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seen = i64::try_from(seen.as_nanos()).unwrap_or(i64::MAX);
        let tarballs = files(store, Folder::Tarballs)?;
        let tarballs =
            tarballs.into_iter().map(|(file, stamp)| (file, stamp.map(|stamp| stamp.size())));
        let mut docs: BTreeMap<PackageName, BTreeMap<Version, Option<Stamp>>> = BTreeMap::new();
        for (file, stamp) in files(store, Folder::Docs)? {
            // A file that changes in this moment may keep its stamp.
            let stamp = stamp.filter(|stamp| stamp.is_settled(seen));
            docs.entry(file.package).or_default().insert(file.version, stamp);
        }
        let tarballs = tarballs.collect();
        Ok(Self { store, key, repository, versions_digest, packages, tarballs, docs })
    }

    /// What is signed of a package.
    pub fn package(&self, name: &PackageName) -> Option<&SignedPackage> {
        let found = self.packages.binary_search_by(|one| one.releases.package.cmp(name)).ok()?;
        self.packages.get(found)
    }

    /// How many releases all packages have.
    pub fn release_count(&self) -> usize {
        self.packages.iter().map(|one| one.releases.releases.len()).sum()
    }

    /// The size of the tarball of a release in bytes, if it is there.
    pub fn tarball_size(&self, package: &PackageName, version: &Version) -> Option<u64> {
        let file = FileName { package: package.clone(), version: version.clone() };
        self.tarballs.get(&file).copied().flatten()
    }

    /// What tells that the documentation of a release is still the same, if anything does.
    pub fn docs_stamp(&self, release: &FileName) -> Option<Stamp> {
        self.docs.get(&release.package)?.get(&release.version).copied().flatten()
    }

    /// Whether there is documentation of a release.
    pub fn has_docs(&self, package: &PackageName, version: &Version) -> bool {
        self.docs.get(package).is_some_and(|versions| versions.contains_key(version))
    }

    /// Whether the tarball of a release is there.
    pub fn has_tarball(&self, file: &FileName) -> bool {
        self.tarballs.contains_key(file)
    }
}

/// The files of releases in a folder.
fn files(store: &dyn Store, folder: Folder) -> Result<Vec<(FileName, Option<Stamp>)>, Error> {
    let listed = store.list(folder)?.unwrap_or_default().into_iter();
    let files = listed.filter(|file| file.kind == EntryKind::File);
    Ok(files.filter_map(|file| Some((folder.release(&file.name)?, file.stamp))).collect())
}

fn required<D: Document<Name = ()>>(
    store: &dyn Store,
    reader: &Reader<'_>,
    bytes: &mut Vec<u8>,
) -> Result<D, Error> {
    let missing = || {
        let path = RepositoryPath::resource(&D::resource(&()));
        unsound(store, &path, Defect::Missing)
    };
    document::<D>(store, reader, &(), bytes)?.ok_or_else(missing)
}

/// What is signed at the path of a document; `None` if there is nothing, or it is being removed.
fn document<D: Document>(
    store: &dyn Store,
    reader: &Reader<'_>,
    name: &D::Name,
    bytes: &mut Vec<u8>,
) -> Result<Option<D>, Error> {
    match reader.document::<D>(name, bytes)? {
        Published::Present { document, .. } => Ok(Some(document)),
        Published::Missing | Published::BeingRemoved { .. } => Ok(None),
        Published::Unsound { error, .. } => {
            let path = RepositoryPath::resource(&D::resource(name));
            Err(unsound(store, &path, error.into()))
        }
    }
}

fn unsound(store: &dyn Store, path: &RepositoryPath, defect: Defect) -> Error {
    Error::Unsound { location: store.locate(path), source: Box::new(defect) }
}
