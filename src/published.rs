//! What stands, as far as a key that clients know signed it.

use std::collections::{HashMap, HashSet};

use crate::key::PublicKey;
use crate::name::PackageName;
use crate::registry::{DecodeError, MAX_FILE, Names, Payload, Resource, Signed, Versions};
use crate::repository::RepositoryPath;
use crate::store::{self, Store, StoreError};
use crate::version::Version;

/// A file that may be there.
#[derive(Default)]
pub(crate) enum Standing<T> {
    #[default]
    Missing,
    /// It says nothing, or nothing that a known key signed.
    Illegible,
    Legible(T),
}

/// What a signature may hold under: the key that clients have, and the one that they will have.
pub(crate) struct Keys(Vec<PublicKey>);

/// Under one key and no other.
impl From<PublicKey> for Keys {
    fn from(key: PublicKey) -> Self {
        Self(vec![key])
    }
}

impl Keys {
    /// The key that stands, and the one that signs from now on.
    pub fn of(store: &dyn Store, signing: &PublicKey) -> Result<Self, StoreError> {
        let mut standing = Vec::new();
        store.read(&RepositoryPath::public_key(), MAX_FILE, &mut standing)?;
        let standing = PublicKey::from_pem(&String::from_utf8_lossy(&standing)).ok();
        Ok(Self(standing.into_iter().chain([signing.clone()]).collect()))
    }

    /// Reads a file and what it says.
    pub fn read<T>(
        &self,
        store: &dyn Store,
        path: &RepositoryPath,
        decode: impl Fn(&Payload) -> Result<T, DecodeError>,
    ) -> Result<Standing<T>, StoreError> {
        let mut file = Vec::new();
        let is_there = store.read(path, MAX_FILE, &mut file)?.is_some();
        if !is_there || (store.has_tombstones() && store::is_tombstone(&file)) {
            return Ok(Standing::Missing);
        }
        let signed = Signed::from_gzip(&file).ok();
        let payload =
            signed.and_then(|signed| self.0.iter().find_map(|key| signed.verify(key).ok()));
        let says = payload.and_then(|payload| decode(&payload).ok());
        Ok(says.map_or(Standing::Illegible, Standing::Legible))
    }

    /// The index that does not name all of these, if there is one.
    pub fn index_without(
        &self,
        store: &dyn Store,
        releases: &HashMap<&PackageName, HashSet<&Version>>,
    ) -> Result<Option<RepositoryPath>, StoreError> {
        let path = RepositoryPath::resource(&Resource::Names);
        let Standing::Legible(names) = self.read(store, &path, Names::decode)? else {
            return Ok(Some(path));
        };
        let listed: HashSet<_> = names.packages.iter().map(|(name, _)| name).collect();
        if !releases.keys().all(|name| listed.contains(name)) {
            return Ok(Some(path));
        }
        let path = RepositoryPath::resource(&Resource::Versions);
        let Standing::Legible(versions) = self.read(store, &path, Versions::decode)? else {
            return Ok(Some(path));
        };
        let listed = versions
            .packages
            .iter()
            .map(|(name, all)| (name, all.iter().map(|one| &one.version).collect::<HashSet<_>>()));
        let listed: HashMap<_, _> = listed.collect();
        let is_whole = releases.iter().all(|(name, versions)| {
            listed.get(*name).is_some_and(|listed| versions.is_subset(listed))
        });
        Ok((!is_whole).then_some(path))
    }
}
