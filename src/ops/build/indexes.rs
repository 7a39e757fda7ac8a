//! What the published `names` and `versions` say in fields that this version does not know lives on.

use super::error::Error;
use super::listing::Listing;
use super::memory::Recalled;
use super::options::Options;
use crate::published::{Document, Reader, TrustedKeys};
use crate::registry::{Names, Payload, Registry, Versions};
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
    let published = PublishedIndexes { store, options, listing, recalled };
    let names = published.read::<Names>(registry.names())?;
    let versions = published.read::<Versions>(registry.versions())?;
    let names = names.map(|names| names.unknown).unwrap_or_default();
    let versions = versions.map(|versions| versions.unknown).unwrap_or_default();
    Ok(registry.keeping(&names, &versions))
}

struct PublishedIndexes<'a> {
    store: &'a dyn Store,
    options: &'a Options,
    listing: &'a Listing,
    recalled: &'a Recalled<'a>,
}

impl PublishedIndexes<'_> {
    /// An index that may say more than this payload does.
    fn read<D: Document<Name = ()>>(&self, payload: &Payload) -> Result<Option<D>, Error> {
        let resource = D::resource(&());
        let path = RepositoryPath::resource(&resource);
        let Some(served) = self.listing.served(&path).filter(|_| !self.options.fresh) else {
            return Ok(None);
        };
        let holds = |stamp| self.recalled.holds(&resource, stamp, payload) == Some(true);
        if served.stamp.is_some_and(holds) {
            return Ok(None);
        }
        let keys = TrustedKeys::published_and(self.store, self.options.key.public_key())?;
        let index = Reader::new(self.store, keys).document::<D>(&(), &mut Vec::new())?;
        Ok(index.document())
    }
}
