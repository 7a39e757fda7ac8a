//! What the published `names` and `versions` say in fields that this version does not know lives on.

use super::error::Error;
use super::listing::Listing;
use super::memory::Recalled;
use super::options::Options;
use crate::published::{Keys, Standing};
use crate::registry::{DecodeError, Names, Payload, Registry, Resource, Versions};
use crate::repository::RepositoryPath;
use crate::store::Store;

/// The registry with the fields of its published indexes that this version does not know, as far as these
/// are validly signed. What the cache knows to be published already is not read.
pub(super) fn carry_over(
    store: &dyn Store,
    options: &Options,
    listing: &Listing,
    recalled: &Recalled<'_>,
    registry: Registry,
) -> Result<Registry, Error> {
    let published = Published { store, options, listing, recalled };
    let names = published.read(&Resource::Names, registry.names(), Names::decode)?;
    let versions = published.read(&Resource::Versions, registry.versions(), Versions::decode)?;
    let names = names.map(|names| names.unknown).unwrap_or_default();
    let versions = versions.map(|versions| versions.unknown).unwrap_or_default();
    Ok(registry.keeping(&names, &versions))
}

struct Published<'a> {
    store: &'a dyn Store,
    options: &'a Options,
    listing: &'a Listing,
    recalled: &'a Recalled<'a>,
}

impl Published<'_> {
    /// An index that may say more than this payload does.
    fn read<T>(
        &self,
        resource: &Resource,
        payload: &Payload,
        decode: impl Fn(&Payload) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, Error> {
        let path = RepositoryPath::resource(resource);
        let Some(served) = self.listing.served(&path).filter(|_| !self.options.fresh) else {
            return Ok(None);
        };
        let holds = |stamp| self.recalled.holds(resource, stamp, payload) == Some(true);
        if served.stamp.is_some_and(holds) {
            return Ok(None);
        }
        let keys = Keys::of(self.store, self.options.key.public_key())?;
        match keys.read(self.store, &path, decode)? {
            Standing::Legible(says) => Ok(Some(says)),
            Standing::Missing | Standing::Illegible => Ok(None),
        }
    }
}
