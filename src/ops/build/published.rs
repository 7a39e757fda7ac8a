//! What the standing registry told clients, validly signed, of that which is about to change.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;

use super::error::Error;
use crate::key::PublicKey;
use crate::name::PackageName;
use crate::registry::{
    DecodeError, MAX_FILE, Payload, Registry, Releases, Resource, Signed, Versions,
};
use crate::repository::{Change, Plan, RepositoryPath};
use crate::store::Store;
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
    pub versions: Index,
    /// The packages whose files change, go, or are missing already.
    changing: HashSet<PackageName>,
}

/// An index, if it is there.
#[derive(Default)]
pub(super) enum Index {
    #[default]
    Missing,
    Illegible,
    Legible(Versions),
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
        let keys = Keys::of(store, signing)?;
        let index = RepositoryPath::resource(&Resource::Versions);
        published.versions = match keys.read(store, &index, Versions::decode)? {
            None => Index::Missing,
            Some(None) => Index::Illegible,
            Some(Some(versions)) => Index::Legible(versions),
        };
        let packages = resources.into_par_iter().filter_map(|(change, resource)| match resource {
            Resource::Package(name) => Some((&change.path, name)),
            Resource::Names | Resource::Versions => None,
        });
        let found = packages.map(|(path, name)| {
            let found = keys.read(store, path, Releases::decode)?;
            Ok((path, name, found))
        });
        for (path, name, found) in found.collect::<Result<Vec<_>, Error>>()? {
            match found {
                None => {}
                Some(Some(releases)) if releases.package == name => {
                    published.packages.insert(name.clone(), releases);
                }
                Some(_) => published.illegible.push(path.clone()),
            }
            published.changing.insert(name);
        }
        Ok(published)
    }

    /// The packages that `versions` names, and that no file tells the releases of.
    pub fn without_file(
        &self,
        registry: &Registry,
    ) -> impl Iterator<Item = (&PackageName, &[Version])> {
        let named = match &self.versions {
            Index::Legible(versions) => versions.packages.as_slice(),
            Index::Missing | Index::Illegible => &[],
        };
        let without_file = named.iter().filter(|(name, _)| {
            // A file that the plan leaves alone is as it should be.
            let stands = !self.changing.contains(name) && registry.package(name).is_some();
            !stands && !self.packages.contains_key(name)
        });
        without_file.map(|(name, versions)| (name, versions.as_slice()))
    }
}

/// The resource that a change is one to.
fn resource(change: &Change) -> Option<Resource> {
    RepositoryPath::resource_at(change.path.as_str().as_ref())
}

/// What a signature may hold under: the key that clients have, and the one that they will have.
struct Keys(Vec<PublicKey>);

impl Keys {
    fn of(store: &dyn Store, signing: &PublicKey) -> Result<Self, Error> {
        let mut standing = Vec::new();
        store.read(&RepositoryPath::public_key(), MAX_FILE, &mut standing)?;
        let standing = PublicKey::from_pem(&String::from_utf8_lossy(&standing)).ok();
        Ok(Self(standing.into_iter().chain([signing.clone()]).collect()))
    }

    /// What a file says; `None` where it is missing, and inside of it where it says nothing that one
    /// of the keys signed.
    fn read<T>(
        &self,
        store: &dyn Store,
        path: &RepositoryPath,
        decode: impl Fn(&Payload) -> Result<T, DecodeError>,
    ) -> Result<Option<Option<T>>, Error> {
        let mut file = Vec::new();
        if store.read(path, MAX_FILE, &mut file)?.is_none() {
            return Ok(None);
        }
        let signed = Signed::from_gzip(&file).ok();
        let payload =
            signed.and_then(|signed| self.0.iter().find_map(|key| signed.clone().verify(key).ok()));
        Ok(Some(payload.and_then(|payload| decode(&payload).ok())))
    }
}
