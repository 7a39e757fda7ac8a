//! What the destination of a push has, found out with as few requests as possible.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;

use super::error::Error;
use super::local::{Local, PushedFile};
use crate::key::PublicKey;
use crate::name::{PackageName, PolicyName};
use crate::package::Release;
use crate::policy::Policy;
use crate::publish::transaction::Attempt;
use crate::publish::{DesiredFile, FileState};
use crate::published::{Published, PublishedKey, Reader};
use crate::registry::{Releases, Resource, Versions};
use crate::repository::{Asset, AssetKind, ByteSource, Folder, RepositoryPath};
use crate::store::{ListedFile, Store, StoreError};
use crate::tarball::FileName;

/// The listings of the destination.
pub(super) struct Remote<'a> {
    attempt: &'a Attempt<'a>,
    store: &'a dyn Store,
    listed: HashMap<RepositoryPath, ListedFile>,
    /// Files in deeper folders than those that are listed.
    deep: HashSet<RepositoryPath>,
}

impl<'a> Remote<'a> {
    /// Lists the folders. Policies are listed if there are some here, or if files that are not here are to be removed
    /// (`is_exact`). A concurrent writer writes a file before the one that names it, so tarballs are listed last.
    pub fn list(attempt: &'a Attempt<'a>, local: &Local, is_exact: bool) -> Result<Self, Error> {
        let store = attempt.store();
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
        Ok(Self { attempt, store, listed, deep: deep.into_iter().map(|(path, _)| path).collect() })
    }

    /// What is to be done for signed files and `public_key`.
    pub fn registry(&self, local: &Local) -> Result<Vec<DesiredFile>, Error> {
        let wanted = local.registry.par_iter().map_init(Vec::new, |buffer, (path, bytes)| {
            let Some(listed) = self.listed.get(path) else {
                let state = FileState::Missing(bytes.clone().into());
                return Ok(DesiredFile { path: path.clone(), state, over: None });
            };
            self.compare(path, Some(listed), bytes, || bytes.clone().into(), buffer)
        });
        wanted.collect()
    }

    /// What is to be done for a tarball, or for another file that clients ask for. `packages` holds the packages there
    /// whose files differ.
    pub fn file(
        &self,
        file: &PushedFile,
        packages: &HashMap<PackageName, Option<Releases>>,
        buffer: &mut Vec<u8>,
    ) -> Result<DesiredFile, Error> {
        let path = &file.path;
        let listed = self.listed.get(path);
        let unchanged =
            || DesiredFile { path: path.clone(), state: FileState::Unchanged, over: None };
        if listed.is_none() && !self.deep.contains(path) {
            let state = FileState::Missing(file.source());
            return Ok(DesiredFile { path: path.clone(), state, over: None });
        }
        let size = listed.and_then(|listed| listed.stamp).map(|stamp| stamp.size());
        let is_same_size = size == Some(file.size);
        match (&file.release, file.kind) {
            // The name of each is its hash.
            (_, AssetKind::GitObjects) => return Ok(unchanged()),
            // The registry there was written after the tarball, and has the same checksum.
            (Some((name, checksum)), _) if is_same_size => {
                let published = match packages.get(&name.package) {
                    None => Some(*checksum),
                    Some(package) => package.as_ref().and_then(|package| {
                        let mut releases = package.releases.iter();
                        let release = releases.find(|one| one.version == name.version)?;
                        Some(release.outer_checksum)
                    }),
                };
                if published == Some(*checksum) {
                    return Ok(unchanged());
                }
            }
            _ => {}
        }
        let source = file.source();
        if let Some(stamp) = listed.and_then(|listed| listed.stamp).filter(|_| !is_same_size) {
            // Files of different sizes differ: neither is read.
            let state = FileState::Different(source);
            return Ok(DesiredFile { path: path.clone(), state, over: Some(stamp) });
        }
        let bytes = source.read().map_err(StoreError::from)?;
        self.compare(path, listed, &bytes, || file.source(), buffer)
    }

    /// Compares a file by its listing if that tells enough; else by reading it.
    fn compare(
        &self,
        path: &RepositoryPath,
        listed: Option<&ListedFile>,
        bytes: &[u8],
        source: impl Fn() -> ByteSource,
        buffer: &mut Vec<u8>,
    ) -> Result<DesiredFile, Error> {
        let desired = |state, over| Ok(DesiredFile { path: path.clone(), state, over });
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if let Some(stamp) = listed.and_then(|listed| listed.stamp) {
            if stamp.size() != size {
                return desired(FileState::Different(source()), Some(stamp));
            }
            if self.store.stamp_of(bytes) == Some(stamp) {
                return desired(FileState::Unchanged, Some(stamp));
            }
        }
        let content = self.store.read(path, bytes.len(), buffer)?;
        let over = content.and_then(|content| content.stamp);
        // An index was listed before the files that it names. Overwriting it as it is by now would lose what it says of
        // files that were not listed.
        let was = listed.and_then(|listed| listed.stamp);
        if was.is_some() && over != was {
            if let Some(conflict) = self.attempt.conflict_at(path) {
                return Err(conflict.into());
            }
        }
        match content {
            None => desired(FileState::Missing(source()), None),
            Some(_) if *buffer == bytes => desired(FileState::Unchanged, over),
            Some(_) => desired(FileState::Different(source()), over),
        }
    }

    /// The packages there that change or are removed, if `key` signed them.
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

    /// A policy there, if `key` signed it.
    pub fn policy(&self, name: &PolicyName, key: &PublicKey) -> Result<Published<Policy>, Error> {
        let path = RepositoryPath::policy(name);
        if !self.listed.contains_key(&path) {
            return Ok(Published::Missing);
        }
        Ok(Reader::new(self.store, key.clone()).policy(name, &mut Vec::new())?)
    }

    /// `versions` there, if `key` signed it.
    pub fn versions(&self, key: &PublicKey) -> Result<Published<Versions>, Error> {
        let path = RepositoryPath::resource(&Resource::Versions);
        if !self.listed.contains_key(&path) {
            return Ok(Published::Missing);
        }
        Ok(Reader::new(self.store, key.clone()).versions(&mut Vec::new())?)
    }

    /// Where the key of the destination is, if it is another one.
    pub fn other_key(&self, local: &Local) -> Result<Option<String>, Error> {
        let path = RepositoryPath::public_key();
        if !self.listed.contains_key(&path) {
            return Ok(None);
        }
        let published = PublishedKey::read(self.store)?;
        let other = published.filter(|published| !published.is(&local.key));
        Ok(other.map(|_| self.store.locate(&path)))
    }

    /// A file that is here and not there, if there is one.
    pub fn lacks<'b>(&self, local: &'b Local) -> Option<&'b RepositoryPath> {
        let mut here = local.registry.keys().chain(local.files.iter().map(|file| &file.path));
        here.find(|path| !self.listed.contains_key(path) && !self.deep.contains(path))
    }

    /// How many tarballs that packages name are neither here nor there.
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

    /// Packages, policies, tarballs and documentation that are there and not here.
    pub fn surplus(&self, local: &Local) -> Vec<(RepositoryPath, ListedFile)> {
        let here: HashSet<_> =
            local.registry.keys().chain(local.files.iter().map(|file| &file.path)).collect();
        let mut surplus: BTreeMap<_, _> = BTreeMap::new();
        for (path, listed) in &self.listed {
            let is_hidden = listed.name.starts_with('.');
            // The documentation of a site lies beside the archives.
            let is_page = path.folder() == Folder::Docs && Asset::at(path.as_str()).is_none();
            if path.folder() != Folder::Root && !is_hidden && !is_page && !here.contains(path) {
                surplus.insert(path.clone(), listed.clone());
            }
        }
        surplus.into_iter().collect()
    }
}
