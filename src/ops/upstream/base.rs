//! The merge base: what upstream said of releases when a build last carried it over into the registry of this tree.
//!
//! It is kept in one file of the mirror's folder, `.hexreg-mirror/carried`. The registry and upstream are both compared
//! with it ([`merge`](crate::package::merge::merge)). It may be deleted: then what upstream takes back stays until a
//! build has carried everything over again.
//!
//! ```text
//! MAGIC | BLAKE3 of the rest | postcard: [(package, Releases message)]
//! ```
//!
//! The message of a package has the releases that upstream retires or has advisories on. Times of publication are left
//! out: they are not compared.

use std::collections::{BTreeMap, BTreeSet};

use crate::checksum::OuterChecksum;
use crate::name::PackageName;
use crate::package::{Dependency, Release, Remarks};
use crate::registry::{MAX_FILE, Payload, Registry, Releases};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Action, Change, Stamp, Store, StoreError};
use crate::unknown_fields::UnknownFields;

const MAGIC: &[u8] = b"hexreg carried 1\n";

/// What was carried over, package by package.
#[derive(Debug, Default)]
pub(in crate::ops) struct Base {
    packages: BTreeMap<String, Vec<u8>>,
    /// The file as it was read; `None` if there is no mirror.
    file: Option<BaseFile>,
    is_changed: bool,
}

#[derive(Debug)]
struct BaseFile {
    exists: bool,
    stamp: Option<Stamp>,
}

/// What was carried over of one package.
pub(in crate::ops) struct PackageBase(Releases);

impl Base {
    /// Reads the file. A damaged file counts as missing.
    pub fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let mut bytes = Vec::new();
        let content = store.read(&path(), MAX_FILE, &mut bytes)?;
        let file = BaseFile {
            exists: content.is_some(),
            stamp: content.and_then(|content| content.stamp),
        };
        let packages = parse(&bytes).unwrap_or_default();
        Ok(Self { packages, file: Some(file), is_changed: false })
    }

    /// What was carried over of a package, if that is known.
    pub fn package(&self, package: &PackageName) -> Option<PackageBase> {
        let payload = self.packages.get(package.as_str())?;
        Releases::decode(&Payload::from_bytes(payload.clone().into())).ok().map(PackageBase)
    }

    /// Records the message of a package, which [`PackageBase::encode`] makes.
    pub fn note(&mut self, package: &PackageName, message: Vec<u8>) {
        if self.packages.get(package.as_str()) != Some(&message) {
            self.packages.insert(package.to_string(), message);
            self.is_changed = true;
        }
    }

    /// Writes the file if it has changed, for the packages that the registry has.
    pub fn save(&mut self, store: &dyn Store, registry: &Registry) -> Result<(), StoreError> {
        let Some(file) = self.file.as_ref().filter(|_| self.is_changed) else { return Ok(()) };
        let names = registry.packages.iter().map(|package| package.name.as_str());
        let names: BTreeSet<_> = names.collect();
        self.packages.retain(|name, _| names.contains(name.as_str()));
        let body = postcard::to_stdvec(&self.packages).unwrap_or_default();
        let bytes = [MAGIC, blake3::hash(&body).as_bytes(), body.as_slice()].concat();
        let action =
            if file.exists { Action::Update(bytes.into()) } else { Action::Create(bytes.into()) };
        let change = Change { path: path(), action, over: file.stamp };
        store.apply(&[&[change]], &|_| ())
    }
}

impl PackageBase {
    /// What upstream said of a release when it was carried over.
    pub fn release(&self, release: &Release) -> Remarks {
        let is_it = |one: &&Release| {
            one.outer_checksum == release.outer_checksum && one.version == release.version
        };
        self.0.releases.iter().find(is_it).map(|one| one.remarks.clone()).unwrap_or_default()
    }

    /// Fields of the package itself that this version does not know.
    pub fn unknown(&self) -> &UnknownFields {
        &self.0.unknown
    }

    /// Encodes what upstream says now of the releases of a package whose tarballs are `carried` over.
    pub fn encode(upstream: &Releases, carried: impl Fn(OuterChecksum) -> bool) -> Vec<u8> {
        let releases = upstream.releases.iter().filter(|one| carried(one.outer_checksum));
        let releases = releases.filter_map(|release| {
            let remarks = Remarks { published_at: None, ..release.remarks.clone() };
            // Dependencies are left out, except those with unknown fields.
            let dependencies = &release.dependencies;
            let has_unknown_fields =
                |one: &&Dependency| remarks.unknown.dependencies.contains_key(&one.package);
            let dependencies = dependencies.iter().filter(has_unknown_fields).cloned().collect();
            (!remarks.is_empty()).then(|| Release { dependencies, remarks, ..release.clone() })
        });
        let releases = Releases { releases: releases.collect(), ..upstream.clone() };
        releases.encode().as_bytes().to_vec()
    }
}

fn path() -> RepositoryPath {
    Folder::Mirror.file("carried")
}

fn parse(bytes: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let (digest, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
    let is_sound = blake3::hash(body).as_bytes() == digest;
    is_sound.then(|| postcard::from_bytes(body).ok()).flatten()
}
