//! From payloads to signed files. Only those that are not published already are signed.

use rayon::prelude::*;

use super::cached::Cached;
use super::error::Error;
use super::listing::Listing;
use super::options::Options;
use crate::key::{PrivateKey, PublicKey};
use crate::publish::observer::Work;
use crate::publish::sign::sign_if_changed;
use crate::publish::transaction::Attempt;
use crate::publish::{DesiredFile, FileState};
use crate::published::{PublishedKey, is_signed_by};
use crate::registry::{Gzip, Payload, Resource};
use crate::repository::{Folder, RepositoryPath};
use crate::store::Store;

/// `public_key` as it should be, unless that would lock every client out.
pub(super) fn public_key(
    store: &dyn Store,
    options: &Options,
    listing: &Listing,
) -> Result<DesiredFile, Error> {
    let (signing, rotate) = (options.key.public_key(), options.rotate_key);
    let path = RepositoryPath::public_key();
    let Some(PublishedKey { pem, stamp, key }) = PublishedKey::read(store)? else {
        if !rotate {
            refuse_lost_key(store, signing, listing)?;
        }
        let state = FileState::of(None, signing.to_pem().into());
        return Ok(DesiredFile { path, state, over: None });
    };
    if !rotate {
        let location = store.locate(&path);
        match key {
            // It may be the same key in another form, such as SPKI.
            Ok(key) if key == *signing => {}
            Ok(key) => {
                return Err(Error::OtherKey {
                    location,
                    published: key.fingerprint().to_owned(),
                    signing: signing.fingerprint().to_owned(),
                });
            }
            Err(source) => return Err(Error::NotAKey { location, source }),
        }
    }
    let state = FileState::of(Some(&pem), signing.to_pem().into());
    Ok(DesiredFile { path, state, over: stamp })
}

/// Where `public_key` is missing, the first signed file tells whether clients hold the signing key.
fn refuse_lost_key(store: &dyn Store, signing: &PublicKey, listing: &Listing) -> Result<(), Error> {
    let indexes = [Resource::Versions, Resource::Names].map(|one| RepositoryPath::resource(&one));
    let packages = listing.resources.iter().map(|file| Folder::Packages.file(&file.name));
    let mut buffer = Vec::new();
    for path in indexes.into_iter().chain(packages) {
        match is_signed_by(store, &path, signing, &mut buffer)? {
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

/// Every resource as it should be, in the order of `payloads`.
pub(super) fn sign_changed(
    attempt: &Attempt<'_>,
    key: &PrivateKey,
    payloads: &[(Resource, &Payload)],
    listing: &Listing,
    cached: &Cached<'_>,
) -> Result<Vec<DesiredFile>, Error> {
    let (store, observer) = (attempt.store(), attempt.observer());
    observer.began(Work::SigningResources, payloads.len());
    let worker = || (Vec::new(), Gzip::new());
    let desired = payloads.par_iter().map_init(worker, |(buffer, gzip), (resource, payload)| {
        let path = RepositoryPath::resource(resource);
        let stamp = listing.served(&path).and_then(|file| file.stamp);
        let state = match stamp.and_then(|stamp| cached.holds(resource, stamp, payload)) {
            Some(true) => FileState::Unchanged,
            Some(false) => FileState::Different(payload.sign(key)?.to_gzip(gzip).into()),
            None => {
                let content = store.read(&path, resource.max_size(), buffer)?;
                if content.and_then(|content| content.stamp) != stamp {
                    return Err(Error::changed(attempt, &path));
                }
                let published = content.map(|_| buffer.as_slice());
                sign_if_changed(resource, payload, key, gzip, published)?
            }
        };
        observer.progressed(1, 0);
        Ok(DesiredFile { path, state, over: stamp })
    });
    desired.collect()
}
