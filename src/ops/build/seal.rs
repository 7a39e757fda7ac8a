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
use crate::registry::{Gzip, MAX_FILE, Payload, Resource, Signed};
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
    let mut standing = Vec::new();
    let found = store.read(&path, MAX_FILE, &mut standing)?;
    let over = found.and_then(|found| found.stamp);
    let found = found.is_some();
    if found && !rotate && standing != signing.to_pem().as_bytes() {
        let location = store.locate(&path);
        match PublicKey::from_pem(&String::from_utf8_lossy(&standing)) {
            // The same key in another form, such as SPKI.
            Ok(standing) if standing == *signing => {}
            Ok(standing) => {
                return Err(Error::OtherKey {
                    location,
                    standing: standing.fingerprint().to_owned(),
                    signing: signing.fingerprint().to_owned(),
                });
            }
            Err(source) => return Err(Error::NotAKey { location, source }),
        }
    }
    if !found && !rotate {
        refuse_lost_key(store, signing, listing)?;
    }
    let state = State::of(found.then_some(&standing), signing.to_pem().into());
    Ok(Wanted { path, state, over })
}

/// Where `public_key` is gone, what stands still tells which key clients hold: the first file that tells
/// anything.
fn refuse_lost_key(store: &dyn Store, signing: &PublicKey, listing: &Listing) -> Result<(), Error> {
    let indexes = [Resource::Versions, Resource::Names].map(|one| RepositoryPath::resource(&one));
    let packages = listing.resources.iter().map(|file| Folder::Packages.file(&file.name));
    let mut file = Vec::new();
    for path in indexes.into_iter().chain(packages) {
        store.read(&path, MAX_FILE, &mut file)?;
        if let Ok(signed) = Signed::from_gzip(&file) {
            if signed.is_signed_by(signing) {
                return Ok(());
            }
            return Err(Error::LostKey {
                location: store.locate(&RepositoryPath::public_key()),
                signed: store.locate(&path),
                signing: signing.fingerprint().to_owned(),
            });
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
                let content = store.read(&path, MAX_FILE, standing)?;
                if content.and_then(|content| content.stamp) != stamp {
                    return Err(Error::changed(store, &path));
                }
                seal(payload, key, gzip, content.map(|_| standing.as_slice()))?
            }
        };
        observer.went_on(1, 0);
        Ok(Wanted { path, state, over: stamp })
    });
    wanted.collect()
}
