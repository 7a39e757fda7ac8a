//! What the standing registry told clients, validly signed, of that which is about to change.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;

use super::error::Error;
use crate::key::{PrivateKey, PublicKey};
use crate::name::PackageName;
use crate::package::Release;
use crate::publish::Plan;
use crate::published::{Published as PublishedFile, Reader, TrustedKeys};
use crate::registry::{Gzip, Registry, Releases, Resource, Versions};
use crate::repository::RepositoryPath;
use crate::store::{Change, Store};
use crate::version::Version;

/// What was published, as far as a plan changes it. What lies elsewhere than clients look for it, or
/// neither the standing key nor the new one signed, was not published.
#[derive(Default)]
pub(super) struct Published {
    /// The packages whose files change or go.
    pub packages: BTreeMap<PackageName, Releases>,
    /// Other files of `packages/` that change or go. What they told, they do not tell any more.
    pub illegible: Vec<RepositoryPath>,
    /// What `versions` tells.
    pub versions: PublishedFile<Versions>,
    /// Whether there is `names`, which is written after `versions`.
    pub has_names: bool,
    /// The packages whose files change, go, or are missing already.
    changing: HashSet<PackageName>,
}

impl Published {
    /// Reads what the plan changes, and `versions`.
    pub fn read(store: &dyn Store, signing: &PublicKey, plan: &Plan) -> Result<Self, Error> {
        let resources = plan.changes.iter().filter_map(|change| Some((change, resource(change)?)));
        let resources: Vec<_> = resources.collect();
        let mut published = Self::default();
        if resources.is_empty() {
            return Ok(published);
        }
        let reader = Reader::new(store, TrustedKeys::published_and(store, signing)?);
        published.versions = reader.versions(&mut Vec::new())?;
        let names = reader.names(&mut Vec::new())?;
        published.has_names =
            !matches!(names, PublishedFile::Missing | PublishedFile::BeingRemoved { .. });
        let packages = resources.into_par_iter().filter_map(|(change, resource)| match resource {
            Resource::Package(name) => Some((&change.path, name)),
            Resource::Names | Resource::Versions | Resource::Policy(_) => None,
        });
        let found = packages.map(|(path, name)| {
            let found = reader.package(&name, &mut Vec::new())?;
            Ok((path, name, found))
        });
        for (path, name, found) in found.collect::<Result<Vec<_>, Error>>()? {
            match found {
                PublishedFile::Missing | PublishedFile::BeingRemoved { .. } => {}
                PublishedFile::Present { document, .. } => {
                    published.packages.insert(name.clone(), document);
                }
                PublishedFile::Unsound { .. } => published.illegible.push(path.clone()),
            }
            published.changing.insert(name);
        }
        Ok(published)
    }

    /// The releases that `versions` names, and no package tells of: its file is gone or damaged, or it
    /// is an older one.
    pub fn untold(&self, registry: &Registry) -> Vec<(&PackageName, &Version)> {
        let PublishedFile::Present { document: versions, .. } = &self.versions else {
            return Vec::new();
        };
        let untold = versions.packages.iter().flat_map(|(name, versions)| {
            let told: HashSet<&Version> = match self.packages.get(name) {
                Some(was) => was.releases.iter().map(|release| &release.version).collect(),
                None if self.changing.contains(name) => HashSet::new(),
                // A file that the plan leaves alone is as it should be.
                None => {
                    let listed = registry.package(name).into_iter().flat_map(|is| &is.versions);
                    listed.map(|listed| &listed.version).collect()
                }
            };
            let named = versions.iter().map(|listed| &listed.version);
            let untold = named.filter(move |version| !told.contains(version));
            untold.map(move |version| (name, version))
        });
        untold.collect()
    }

    /// For each package that is to lose releases: nothing, if that is all that happens to it, or the
    /// file that has both what it lists now and what it is to list.
    pub fn bridges(
        &self,
        registry: &Registry,
        key: &PrivateKey,
    ) -> Result<HashMap<RepositoryPath, Option<Vec<u8>>>, Error> {
        let bridges = self.packages.par_iter().filter_map(|(name, was)| {
            let mut is = Releases::decode(&registry.package(name)?.payload).ok()?;
            let lost = lacking(&was.releases, &is.releases);
            if lost.is_empty() {
                return None;
            }
            let gains = !lacking(&is.releases, &was.releases).is_empty();
            is.releases.extend(lost);
            is.releases.sort_by(|a, b| a.version.cmp(&b.version));
            Some((RepositoryPath::package(name), gains.then(|| is.encode())))
        });
        let sealed = bridges.map(|(path, bridge)| {
            let signed = bridge.map(|bridge| bridge.sign(key)).transpose()?;
            Ok((path, signed.map(|signed| signed.to_gzip(&mut Gzip::new()))))
        });
        sealed.collect()
    }
}

/// The resource that a change is one to.
fn resource(change: &Change) -> Option<Resource> {
    RepositoryPath::resource_at(change.path.as_str().as_ref())
}

/// The releases of a version that `others` have not.
fn lacking(releases: &[Release], others: &[Release]) -> Vec<Release> {
    let others: HashSet<_> = others.iter().map(|release| &release.version).collect();
    releases.iter().filter(|release| !others.contains(&release.version)).cloned().collect()
}
