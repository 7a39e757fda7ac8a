//! What stands where a registry is pushed to, found out with as few requests as there can be.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;

use super::error::Error;
use super::local::{File, Local};
use crate::key::PublicKey;
use crate::name::{PackageName, PolicyName};
use crate::package::Release;
use crate::policy::Policy;
use crate::publish::{State, Wanted};
use crate::published::{Published, PublishedKey, Reader};
use crate::registry::{Releases, Resource, Versions};
use crate::repository::{AssetKind, ByteSource, Folder, RepositoryPath};
use crate::store::{ListedFile, Operation, Store, StoreError};
use crate::tarball::FileName;

/// What the listings say.
pub(super) struct Remote<'a> {
    store: &'a dyn Store,
    listed: HashMap<RepositoryPath, ListedFile>,
    /// What lies deeper than listings go.
    deep: HashSet<RepositoryPath>,
}

impl<'a> Remote<'a> {
    /// Lists what can be told apart without reading it; policies too where there are some here, or what is there
    /// and not here is to go (`is_exact`). A writer that adds a release meanwhile writes what is named
    /// before what names it, so tarballs are listed last.
    pub fn list(store: &'a dyn Store, local: &Local, is_exact: bool) -> Result<Self, Error> {
        let has = |kind: AssetKind| local.files.iter().any(|file| file.kind == kind);
        let docs = has(AssetKind::Docs).then_some(Folder::Docs);
        let has_policies = is_exact || !local.policies.is_empty();
        let policies = has_policies.then_some(Folder::Policies);
        let folders = [Folder::Root, Folder::Packages].into_iter().chain(policies).chain(docs);
        let mut listed = HashMap::new();
        for folder in folders.chain([Folder::Tarballs]) {
            let files = store.list(folder)?.unwrap_or_default();
            listed.extend(files.into_iter().map(|file| (folder.file(&file.name), file)));
        }
        let is_deep = |kind: &AssetKind| {
            [AssetKind::Installs, AssetKind::GitRefs, AssetKind::GitObjects].contains(kind)
        };
        let has_deep = local.files.iter().any(|file| is_deep(&file.kind));
        let deep = if has_deep { store.walk()?.unwrap_or_default() } else { Vec::new() };
        Ok(Self { store, listed, deep: deep.into_iter().map(|(path, _)| path).collect() })
    }

    /// What becomes of what is signed, and of `public_key`.
    pub fn registry(&self, local: &Local) -> Result<Vec<Wanted>, Error> {
        let wanted = local.registry.par_iter().map_init(Vec::new, |standing, (path, bytes)| {
            let Some(listed) = self.listed.get(path) else {
                let state = State::Missing(bytes.clone().into());
                return Ok(Wanted { path: path.clone(), state, over: None });
            };
            self.compare(path, Some(listed), bytes, || bytes.clone().into(), standing)
        });
        wanted.collect()
    }

    /// What becomes of a tarball, or of what else clients ask for. `packages` is what those of the
    /// packages say there whose files differ.
    pub fn file(
        &self,
        file: &File,
        packages: &HashMap<PackageName, Option<Releases>>,
        standing: &mut Vec<u8>,
    ) -> Result<Wanted, Error> {
        let path = &file.path;
        let listed = self.listed.get(path);
        let stands = || Wanted { path: path.clone(), state: State::Stands, over: None };
        if listed.is_none() && !self.deep.contains(path) {
            let state = State::Missing(file.source());
            return Ok(Wanted { path: path.clone(), state, over: None });
        }
        let size = listed.and_then(|listed| listed.stamp).map(|stamp| stamp.size());
        let is_same_size = size == Some(file.size);
        match (&file.release, file.kind) {
            // Each is called by its hash.
            (_, AssetKind::GitObjects) => return Ok(stands()),
            // The registry there says what this one says, and was written after the tarball.
            (Some((name, checksum)), _) if is_same_size => {
                let says = match packages.get(&name.package) {
                    None => Some(*checksum),
                    Some(package) => package.as_ref().and_then(|package| {
                        let mut releases = package.releases.iter();
                        let release = releases.find(|one| one.version == name.version)?;
                        Some(release.outer_checksum)
                    }),
                };
                if says == Some(*checksum) {
                    return Ok(stands());
                }
            }
            _ => {}
        }
        let source = file.source();
        if let Some(stamp) = listed.and_then(|listed| listed.stamp).filter(|_| !is_same_size) {
            // Nothing need be read to tell.
            let state = State::Differs(source);
            return Ok(Wanted { path: path.clone(), state, over: Some(stamp) });
        }
        let bytes = source.read().map_err(StoreError::from)?;
        self.compare(path, listed, &bytes, || file.source(), standing)
    }

    /// By what the listing says, where that tells; otherwise by reading.
    fn compare(
        &self,
        path: &RepositoryPath,
        listed: Option<&ListedFile>,
        bytes: &[u8],
        source: impl Fn() -> ByteSource,
        standing: &mut Vec<u8>,
    ) -> Result<Wanted, Error> {
        let found = |state, over| Ok(Wanted { path: path.clone(), state, over });
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if let Some(stamp) = listed.and_then(|listed| listed.stamp) {
            if stamp.size() != size {
                return found(State::Differs(source()), Some(stamp));
            }
            if self.store.stamp_of(bytes) == Some(stamp) {
                return found(State::Stands, Some(stamp));
            }
        }
        let content = self.store.read(path, bytes.len(), standing)?;
        let over = content.and_then(|content| content.stamp);
        // What names others is listed before them: were it taken as it is by now, it would be written over
        // what is said of them since.
        let was = listed.and_then(|listed| listed.stamp);
        if self.store.is_conditional() && was.is_some() && over != was {
            return Err(StoreError::conflict(Operation::Read, self.store.locate(path)).into());
        }
        match content {
            None => found(State::Missing(source()), None),
            Some(_) if *standing == bytes => found(State::Stands, over),
            Some(_) => found(State::Differs(source()), over),
        }
    }

    /// What those packages say there that are changed or go, as far as `key` signed it.
    pub fn packages(
        &self,
        names: &[PackageName],
        key: &PublicKey,
    ) -> Result<HashMap<PackageName, Option<Releases>>, Error> {
        let reader = Reader::new(self.store, key.clone());
        let read = names.par_iter().map_init(Vec::new, |buffer, name| {
            let is_there = self.listed.contains_key(&RepositoryPath::package(name));
            let published = is_there.then(|| reader.package(name, buffer)).transpose()?;
            Ok((name.clone(), published.and_then(Published::document)))
        });
        read.collect()
    }

    /// What a policy says there, as far as `key` signed it.
    pub fn policy(&self, name: &PolicyName, key: &PublicKey) -> Result<Published<Policy>, Error> {
        let path = RepositoryPath::policy(name);
        if !self.listed.contains_key(&path) {
            return Ok(Published::Missing);
        }
        Ok(Reader::new(self.store, key.clone()).policy(name, &mut Vec::new())?)
    }

    /// What `versions` says, as far as `key` signed it.
    pub fn versions(&self, key: &PublicKey) -> Result<Published<Versions>, Error> {
        let path = RepositoryPath::resource(&Resource::Versions);
        if !self.listed.contains_key(&path) {
            return Ok(Published::Missing);
        }
        Ok(Reader::new(self.store, key.clone()).versions(&mut Vec::new())?)
    }

    /// The key that clients hold, where it is another one.
    pub fn other_key(&self, local: &Local) -> Result<Option<String>, Error> {
        let path = RepositoryPath::public_key();
        if !self.listed.contains_key(&path) {
            return Ok(None);
        }
        let published = PublishedKey::read(self.store)?;
        let other = published.filter(|published| !published.is(&local.key));
        Ok(other.map(|_| self.store.locate(&path)))
    }

    /// What is here and not there, if anything.
    pub fn lacks<'b>(&self, local: &'b Local) -> Option<&'b RepositoryPath> {
        let mut here = local.registry.keys().chain(local.files.iter().map(|file| &file.path));
        here.find(|path| !self.listed.contains_key(path) && !self.deep.contains(path))
    }

    /// How many tarballs that the packages name are neither here nor there.
    pub fn tarballs_missing(&self, local: &Local) -> usize {
        let here: HashSet<_> = local.files.iter().map(|file| &file.path).collect();
        let named = local.packages.values().flat_map(|package| {
            let file = |release: &Release| {
                let file =
                    FileName { package: package.package.clone(), version: release.version.clone() };
                RepositoryPath::tarball(&file)
            };
            package.releases.iter().map(file)
        });
        named.filter(|path| !here.contains(path) && !self.listed.contains_key(path)).count()
    }

    /// What is there of packages, policies, tarballs and documentation, and not here.
    pub fn surplus(&self, local: &Local) -> Vec<(RepositoryPath, ListedFile)> {
        let here: HashSet<_> =
            local.registry.keys().chain(local.files.iter().map(|file| &file.path)).collect();
        let mut surplus: BTreeMap<_, _> = BTreeMap::new();
        for (path, listed) in &self.listed {
            let is_hidden = listed.name.starts_with('.');
            if path.folder() != Folder::Root && !is_hidden && !here.contains(path) {
                surplus.insert(path.clone(), listed.clone());
            }
        }
        surplus.into_iter().collect()
    }
}
