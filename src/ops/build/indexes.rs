//! Keeps fields of the published `names` and `versions` that this version does not know.

use super::cached::Cached;
use super::error::Error;
use super::listing::Listing;
use super::options::Options;
use crate::published::{Document, Reader, TrustedKeys};
use crate::registry::{Names, Payload, Registry, Versions};
use crate::repository::RepositoryPath;
use crate::store::Store;

/// The registry with the fields of its published indexes that this version does not know, if those are validly signed.
/// An index that the cache knows to be published already is not read.
pub(super) fn carry_over(
    store: &dyn Store,
    options: &Options,
    listing: &Listing,
    cached: &Cached<'_>,
    registry: Registry,
) -> Result<Registry, Error> {
    let published = PublishedIndexes { store, options, listing, cached };
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
    cached: &'a Cached<'a>,
}

impl PublishedIndexes<'_> {
    /// The published index, if it may say more than this payload does.
    fn read<D: Document<Name = ()>>(&self, payload: &Payload) -> Result<Option<D>, Error> {
        let resource = D::resource(&());
        let path = RepositoryPath::resource(&resource);
        let Some(served) = self.listing.served(&path).filter(|_| !self.options.fresh) else {
            return Ok(None);
        };
        let holds = |stamp| self.cached.holds(&resource, stamp, payload) == Some(true);
        if served.stamp.is_some_and(holds) {
            return Ok(None);
        }
        let keys = TrustedKeys::published_and(self.store, self.options.key.public_key())?;
        let index = Reader::new(self.store, keys).document::<D>(&(), &mut Vec::new())?;
        Ok(index.document())
    }
}
