//! What a change to a registry would break: what clients are told now, validly signed, of all that a plan changes.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;

use super::bridge::{self, Bridges};
use super::compare;
use super::kind::Breakage;
use crate::key::{KeyError, PrivateKey, PublicKey};
use crate::name::PackageName;
use crate::publish::Plan;
use crate::published::{Published, Reader, TrustedKeys};
use crate::registry::{Registry, Releases, Resource, Versions};
use crate::repository::RepositoryPath;
use crate::store::{Change, Store, StoreError};
use crate::version::Version;

/// What is published of all that a plan changes. A file that lies elsewhere than clients look for it, or that neither
/// the published key nor the new one signed, does not count as published.
#[derive(Default)]
pub(crate) struct Before {
    /// The packages whose files change or are removed.
    packages: BTreeMap<PackageName, Releases>,
    /// Other files of `packages/` that change or are removed. What they published is not known any more.
    unreadable: Vec<RepositoryPath>,
    versions: Published<Versions>,
    /// Whether there is `names`, which is written after `versions`.
    has_names: bool,
    /// The packages whose files change, are removed, or are missing already.
    changing: HashSet<PackageName>,
}

impl Before {
    /// Reads what the plan changes, and `versions`. Nothing is read if the plan changes no resource.
    pub fn read(store: &dyn Store, signing: &PublicKey, plan: &Plan) -> Result<Self, StoreError> {
        let resources = plan.changes.iter().filter_map(|change| Some((change, resource(change)?)));
        let resources: Vec<_> = resources.collect();
        let mut before = Self::default();
        if resources.is_empty() {
            return Ok(before);
        }
        let reader = Reader::new(store, TrustedKeys::published_and(store, signing)?);
        before.versions = reader.versions(&mut Vec::new())?;
        let names = reader.names(&mut Vec::new())?;
        before.has_names = !matches!(names, Published::Missing | Published::BeingRemoved { .. });
        let packages = resources.into_par_iter().filter_map(|(change, resource)| match resource {
            Resource::Package(name) => Some((&change.path, name)),
            Resource::Names | Resource::Versions | Resource::Policy(_) => None,
        });
        let read = packages.map_init(Vec::new, |buffer, (path, name)| {
            let published = reader.package(&name, buffer)?;
            Ok((path, name, published))
        });
        for (path, name, published) in read.collect::<Result<Vec<_>, StoreError>>()? {
            match published {
                Published::Missing | Published::BeingRemoved { .. } => {}
                Published::Present { document, .. } => {
                    before.packages.insert(name.clone(), document);
                }
                Published::Unsound { .. } => before.unreadable.push(path.clone()),
            }
            before.changing.insert(name);
        }
        Ok(before)
    }

    /// What would break if this registry took the place of what is published.
    pub fn breakages(&self, registry: &Registry) -> Vec<Breakage> {
        let packages = self.packages.values().flat_map(|was| {
            let is = registry.package(&was.package);
            let is = is.and_then(|is| Releases::decode(&is.payload).ok());
            compare::package(was, is.as_ref(), false).collect::<Vec<_>>()
        });
        let unexplained = self.unexplained(registry).into_iter().map(|(package, version)| {
            let is = registry.package(package);
            let (package, version) = (package.clone(), version.clone());
            match is {
                Some(is) if is.lists(&version) => Breakage::Unverifiable { package, version },
                _ => Breakage::Removed { package, version },
            }
        });
        let mut breakages: Vec<_> = packages.chain(unexplained).collect();
        let unreadable = |path: &RepositoryPath| Breakage::Unreadable { path: path.clone() };
        match &self.versions {
            // A package absent from `versions` was never visible to clients; those in it were compared above.
            Published::Present { document: versions, .. } => {
                breakages.extend(compare::name(&versions.repository, &registry.repository));
            }
            // The first build did not get as far as to write it.
            Published::Missing | Published::BeingRemoved { .. } if !self.has_names => {
                breakages.extend(self.unreadable.iter().map(unreadable));
            }
            Published::Missing | Published::BeingRemoved { .. } | Published::Unsound { .. } => {
                breakages.extend(self.unreadable.iter().map(unreadable));
                breakages.push(unreadable(&RepositoryPath::resource(&Resource::Versions)));
            }
        }
        breakages
    }

    /// The releases that `versions` names and no package file lists: its file is missing or damaged, or is an older
    /// one.
    fn unexplained(&self, registry: &Registry) -> Vec<(&PackageName, &Version)> {
        let Published::Present { document: versions, .. } = &self.versions else {
            return Vec::new();
        };
        let unexplained = versions.packages.iter().flat_map(|(name, versions)| {
            let listed: HashSet<&Version> = match self.packages.get(name) {
                Some(was) => was.releases.iter().map(|release| &release.version).collect(),
                None if self.changing.contains(name) => HashSet::new(),
                // A file that the plan leaves alone is as it should be.
                None => {
                    let listed = registry.package(name).into_iter().flat_map(|is| &is.versions);
                    listed.map(|listed| &listed.version).collect()
                }
            };
            let named = versions.iter().map(|listed| &listed.version);
            let unexplained = named.filter(move |version| !listed.contains(version));
            unexplained.map(move |version| (name, version))
        });
        unexplained.collect()
    }

    /// The bridges to this registry.
    pub fn bridges(&self, registry: &Registry, key: &PrivateKey) -> Result<Bridges, KeyError> {
        let packages = self.packages.par_iter().filter_map(|(name, was)| {
            Some((was, Releases::decode(&registry.package(name)?.payload).ok()?))
        });
        bridge::signed(packages, key)
    }
}

/// The resource that a change is one to.
fn resource(change: &Change) -> Option<Resource> {
    RepositoryPath::resource_at(change.path.as_str().as_ref())
}
