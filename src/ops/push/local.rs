//! The registry that is pushed: what clients ask for, and nothing that they would not accept.

use std::collections::{BTreeMap, HashMap};
use std::io;

use rayon::prelude::*;

use super::error::Error;
use crate::checksum::{OuterChecksum, OuterHasher};
use crate::key::PublicKey;
use crate::name::{PackageName, PolicyName};
use crate::ops::site::SiteFiles;
use crate::ops::verify::Defect;
use crate::package::UnixSeconds;
use crate::policy::Policy;
use crate::private_key_scan::stream_holds_key;
use crate::publish::observer::{Observer, Warning};
use crate::published::{Document, Published, PublishedKey, Reader, without_removal_mark};
use crate::registry::{Names, Releases, Resource, Versions};
use crate::repository::{
    Asset, AssetKind, ByteSource, LocalFile, RepositoryPath, is_elixirs, is_litter,
};
use crate::store::{DirStore, EntryKind, Operation, Store, StoreError, modified};
use crate::tarball::FileName;

/// The files of the directory that are pushed.
pub(super) struct Local {
    pub key: PublicKey,
    pub versions: Versions,
    pub packages: BTreeMap<PackageName, Releases>,
    pub policies: BTreeMap<PolicyName, Policy>,
    /// `public_key` and signed files, with their bytes.
    pub registry: BTreeMap<RepositoryPath, Vec<u8>>,
    /// The tarballs that packages name, and other files that clients ask for.
    pub files: Vec<PushedFile>,
}

/// A file that is copied without being held in memory before.
pub(super) struct PushedFile {
    pub path: RepositoryPath,
    pub kind: AssetKind,
    pub size: u64,
    /// The release of a tarball and its signed checksum.
    pub release: Option<(FileName, OuterChecksum)>,
    source: LocalFile,
    modified: UnixSeconds,
}

impl PushedFile {
    /// Checks that it may be written to a store, before anything is written: it is the signed tarball, or holds no private
    /// key, which would be published; and it is not too large.
    pub fn check(&self, store: &dyn Store) -> Result<(), Error> {
        let location = || self.source.location().display().to_string();
        if let Some(limit) = store.max_size(&self.path).filter(|limit| self.size > *limit) {
            return Err(Error::TooLarge { location: location(), size: self.size, limit });
        }
        let failed = |error| Error::Read(self.source.error(error).into());
        let mut file = self.source.open().map_err(StoreError::from)?;
        let wrong = if let Some((_, said)) = &self.release {
            let mut hasher = OuterHasher::default();
            io::copy(&mut file, &mut hasher).map_err(failed)?;
            let (found, said) = (hasher.finish(), *said);
            (found != said).then_some(Defect::OuterChecksum { found, signed: said })
        } else {
            // Documentation may contain a private key as an example.
            let is_inflated = self.kind != AssetKind::Docs;
            stream_holds_key(file, is_inflated).map_err(failed)?.then_some(Defect::PrivateKey)
        };
        match wrong {
            Some(wrong) => Err(Error::Unsound { location: location(), source: Box::new(wrong) }),
            None => Ok(()),
        }
    }

    /// Where its bytes come from.
    pub fn source(&self) -> ByteSource {
        let checksum = self.release.as_ref().map(|(_, checksum)| *checksum);
        ByteSource::local(self.source.clone(), checksum).modified(self.modified)
    }
}

impl Local {
    /// How many releases the packages have.
    pub fn release_count(&self) -> usize {
        self.packages.values().map(|package| package.releases.len()).sum()
    }

    /// Reads and checks signed files, and lists the rest. The observer is warned of files that are left out.
    pub fn read(store: &DirStore, observer: &dyn Observer) -> Result<Self, Error> {
        let (assets, left_out) = assets(store)?;
        let is_signed = |kind| matches!(kind, AssetKind::Registry | AssetKind::Policy);
        let (signed, others): (Vec<_>, Vec<_>) =
            assets.into_iter().partition(|(_, kind)| is_signed(*kind));
        let mut registry = BTreeMap::new();
        let path = RepositoryPath::public_key();
        let published = PublishedKey::read(store)?;
        let PublishedKey { pem, key, .. } =
            published.ok_or_else(|| unsound(store, &path, Defect::Missing))?;
        let key = key.map_err(|error| unsound(store, &path, Defect::NotAKey(error)))?;
        registry.insert(path, pem);

        let reader = Reader::new(store, key.clone());
        let versions = read::<Versions>(store, &reader, &())?;
        let repository = &versions.document.repository;
        let reader = reader.of_repository(repository);
        let names = read::<Names>(store, &reader, &())?;
        registry.extend([(names.path, names.bytes)]);

        let packages =
            signed.par_iter().filter_map(|(path, _)| {
                match RepositoryPath::resource_at(path.as_str().as_ref()) {
                    Some(Resource::Package(name)) => Some(name),
                    _ => None,
                }
            });
        let packages = packages.map(|name| {
            let package = read::<Releases>(store, &reader, &name)?;
            Ok((name, package))
        });
        let mut documents = BTreeMap::new();
        for (name, package) in packages.collect::<Result<Vec<_>, Error>>()? {
            registry.insert(package.path, package.bytes);
            documents.insert(name, package.document);
        }
        let mut policies = BTreeMap::new();
        for (path, _) in &signed {
            let resource = RepositoryPath::resource_at(path.as_str().as_ref());
            if let Some(Resource::Policy(name)) = resource {
                let policy = read::<Policy>(store, &reader, &name)?;
                registry.insert(policy.path, policy.bytes);
                policies.insert(name, policy.document);
            }
        }
        registry.insert(versions.path, versions.bytes);
        let site = SiteFiles::read(store).ok().flatten();
        let manifest = RepositoryPath::site_manifest();
        for path in left_out {
            if path == manifest {
                let (location, reason) = (store.locate(&path), "`hexreg site` writes a site there");
                observer.warn(Warning::LeftOut { location, reason });
                continue;
            }
            if site.as_ref().is_some_and(|site| site.has(path.as_str())) {
                continue;
            }
            let (location, reason) = (store.locate(&path), "no client asks for it");
            observer.warn(Warning::LeftOut { location, reason });
        }
        let files = files(store, others, &documents, observer)?;
        Ok(Self {
            key,
            versions: versions.document,
            packages: documents,
            policies,
            registry,
            files,
        })
    }
}

/// Files, each with its meaning to clients.
type Assets = Vec<(RepositoryPath, AssetKind)>;

/// The files that clients ask for, and those that they do not: keys, notes and other files are not pushed.
fn assets(store: &DirStore) -> Result<(Assets, Vec<RepositoryPath>), Error> {
    let (mut assets, mut left_out) = (Vec::new(), Vec::new());
    for (path, kind) in store.walk()?.unwrap_or_default() {
        if kind == EntryKind::LeadsOut && is_asked_for(&path) {
            return Err(unsound(store, &path, Defect::LeadsOut));
        }
        let is_hidden =
            path.as_str().split('/').any(|part| part.starts_with('.')) || is_litter(path.as_str());
        match Asset::at(path.as_str()).filter(|_| kind == EntryKind::File) {
            // A path that only stands for another one is not asked for.
            Some(asset) if asset.path == path.as_str() => assets.push((path, asset.kind)),
            _ if is_hidden => {}
            _ => left_out.push(path),
        }
    }
    left_out.sort();
    Ok((assets, left_out))
}

/// Whether clients ask for a path, or for paths below it.
fn is_asked_for(path: &RepositoryPath) -> bool {
    Asset::at(path.as_str()).is_some_and(|asset| asset.path == path.as_str())
        || Asset::may_be_below(path.as_str())
}

/// A sound signed file.
struct SoundFile<T> {
    path: RepositoryPath,
    bytes: Vec<u8>,
    document: T,
}

fn read<D: Document>(
    store: &DirStore,
    reader: &Reader<'_>,
    name: &D::Name,
) -> Result<SoundFile<D>, Error> {
    let resource = D::resource(name);
    let path = RepositoryPath::resource(&resource);
    let mut bytes = Vec::new();
    let document = match reader.document::<D>(name, &mut bytes)? {
        Published::Present { document, .. } => document,
        Published::Unsound { error, .. } => return Err(unsound(store, &path, error.into())),
        // A directory has no tombstones.
        Published::Missing | Published::BeingRemoved { .. } => {
            return Err(unsound(store, &path, Defect::Missing));
        }
    };
    let unmarked = without_removal_mark(&resource, &bytes);
    let unmarked = unmarked.map_err(|error| unsound(store, &path, error.into()))?;
    Ok(SoundFile { path, bytes: unmarked.unwrap_or(bytes), document })
}

fn unsound(store: &DirStore, path: &RepositoryPath, wrong: Defect) -> Error {
    Error::Unsound { location: store.locate(path), source: Box::new(wrong) }
}

/// Tarballs and documentation of releases that the registry has, and files that belong to no release.
fn files(
    store: &DirStore,
    assets: Assets,
    packages: &BTreeMap<PackageName, Releases>,
    observer: &dyn Observer,
) -> Result<Vec<PushedFile>, Error> {
    let releases = packages.values().flat_map(|package| {
        package.releases.iter().map(|release| {
            let (package, version) = (package.package.clone(), release.version.clone());
            (FileName { package, version }, release.outer_checksum)
        })
    });
    let checksums: HashMap<FileName, OuterChecksum> = releases.collect();
    let files = assets.into_par_iter().map(|(path, kind)| {
        let name = path.file_name();
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let release = match kind {
            AssetKind::Tarball | AssetKind::Docs => {
                let file = name.parse::<FileName>().ok();
                let is_elixirs = file.as_ref().is_some_and(|file| is_elixirs(&file.package));
                let listed = file.and_then(|file| Some((checksums.get(&file).copied()?, file)));
                if listed.is_none() && !(kind == AssetKind::Docs && is_elixirs) {
                    observer.warn(Warning::LeftOut {
                        location: store.locate(&path),
                        reason: "no release names it",
                    });
                    return Ok(None);
                }
                let tarball = listed.filter(|_| kind == AssetKind::Tarball);
                tarball.map(|(checksum, file)| (file, checksum))
            }
            _ => None,
        };
        let found = store.root().metadata(path.as_str().as_ref());
        let found = found.map_err(|error| store.error(Operation::Inspect, &path)(error))?;
        let (size, modified) = (found.len(), modified(&found));
        let source = LocalFile::below(store.root().clone(), &path);
        Ok(Some(PushedFile { path, kind, size, release, source, modified }))
    });
    let files: Vec<_> = files.collect::<Result<_, Error>>()?;
    Ok(files.into_iter().flatten().collect())
}
