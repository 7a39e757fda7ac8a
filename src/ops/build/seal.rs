//! From payloads to signed files, signing only what does not stand already.

use rayon::prelude::*;

use super::error::Error;
use super::listing::Listing;
use super::memory::Recalled;
use super::options::Options;
use crate::key::{PrivateKey, PublicKey};
use crate::publish::observer::{Observer, Work};
use crate::publish::sign::seal;
use crate::publish::{State, Wanted};
use crate::published::{PublishedKey, is_signed_by};
use crate::registry::{Gzip, Payload, Resource};
use crate::repository::{Folder, RepositoryPath};
use crate::store::Store;

/// `public_key` as it should stand, unless that would lock every client out.
pub(super) fn public_key(
    store: &dyn Store,
    options: &Options,
    listing: &Listing,
) -> Result<Wanted, Error> {
    let (key, rotate) = (&options.key, options.rotate_key);
    let path = RepositoryPath::public_key();
    let signing = key.public_key();
    let Some(PublishedKey { pem, stamp, key }) = PublishedKey::read(store)? else {
        if !rotate {
            refuse_lost_key(store, signing, listing)?;
        }
        return Ok(Wanted { path, state: State::of(None, signing.to_pem().into()), over: None });
    };
    if !rotate {
        let location = store.locate(&path);
        match key {
            // Also in another form, such as SPKI.
            Ok(key) if key == *signing => {}
            Ok(key) => {
                return Err(Error::OtherKey {
                    location,
                    standing: key.fingerprint().to_owned(),
                    signing: signing.fingerprint().to_owned(),
                });
            }
            Err(source) => return Err(Error::NotAKey { location, source }),
        }
    }
    Ok(Wanted { path, state: State::of(Some(&pem), signing.to_pem().into()), over: stamp })
}

/// Where `public_key` is gone, what stands still tells which key clients hold: the first file that tells
/// anything.
fn refuse_lost_key(store: &dyn Store, signing: &PublicKey, listing: &Listing) -> Result<(), Error> {
    let indexes = [Resource::Versions, Resource::Names].map(|one| RepositoryPath::resource(&one));
    let packages = listing.resources.iter().map(|file| Folder::Packages.file(&file.name));
    let mut file = Vec::new();
    for path in indexes.into_iter().chain(packages) {
        match is_signed_by(store, &path, signing, &mut file)? {
            None => {}
            Some(true) => return Ok(()),
            Some(false) => {
                return Err(Error::LostKey {
                    location: store.locate(&RepositoryPath::public_key()),
                    signed: store.locate(&path),
                    signing: signing.fingerprint().to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// Every resource as it should stand, in the order of `payloads`.
pub(super) fn resources(
    store: &dyn Store,
    key: &PrivateKey,
    payloads: &[(Resource, &Payload)],
    listing: &Listing,
    recalled: &Recalled<'_>,
    observer: &dyn Observer,
) -> Result<Vec<Wanted>, Error> {
    observer.began(Work::SealingResources, payloads.len());
    let worker = || (Vec::new(), Gzip::new());
    let wanted = payloads.par_iter().map_init(worker, |(standing, gzip), (resource, payload)| {
        let path = RepositoryPath::resource(resource);
        let stamp = listing.served(&path).and_then(|file| file.stamp);
        let state = match stamp.and_then(|stamp| recalled.holds(resource, stamp, payload)) {
            Some(true) => State::Stands,
            Some(false) => State::Differs(payload.sign(key)?.to_gzip(gzip).into()),
            None => {
                let content = store.read(&path, resource.max_size(), standing)?;
                if content.and_then(|content| content.stamp) != stamp {
                    return Err(Error::changed(store, &path));
                }
                seal(resource, payload, key, gzip, content.map(|_| standing.as_slice()))?
            }
        };
        observer.went_on(1, 0);
        Ok(Wanted { path, state, over: stamp })
    });
    wanted.collect()
}
