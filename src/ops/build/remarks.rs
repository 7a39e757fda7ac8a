//! What no tarball says lives on in the registry: which releases are retired, when they were published,
//! which advisories concern them.

use std::collections::HashMap;

use rayon::prelude::*;

use super::error::Error;
use super::listing::Listing;
use super::memory::Recalled;
use super::options::Options;
use crate::checksum::OuterChecksum;
use crate::ops::standing::{Keys, Standing};
use crate::package::{Package, Remarks};
use crate::registry::{Entry, Releases, Resource};
use crate::repository::RepositoryPath;
use crate::store::Store;
use crate::version::Version;

/// What is remarked on releases, each known by its version and the tarball that it was remarked on.
type Former = HashMap<(Version, OuterChecksum), Remarks>;

/// Gives each release what the standing registry, validly signed, remarks on the same tarball.
pub(super) fn carry_over(
    store: &dyn Store,
    options: &Options,
    listing: &Listing,
    recalled: &Recalled<'_>,
    packages: Vec<Entry>,
) -> Result<Vec<Entry>, Error> {
    let keys = Keys::of(store, options.key.public_key())?;
    let carried = packages.into_par_iter().map(|entry| {
        let resource = Resource::Package(entry.name.clone());
        let path = RepositoryPath::resource(&resource);
        let stamp = listing.served(&path).and_then(|file| file.stamp);
        let holds = stamp.and_then(|stamp| recalled.holds(&resource, stamp, &entry.payload));
        let former = match holds {
            Some(true) if !options.fresh => return Ok(entry),
            _ if options.fresh || listing.served(&path).is_none() => Former::new(),
            _ => former(store, &keys, &path, &entry)?,
        };
        Ok(remarked(options, entry, &former))
    });
    carried.collect()
}

/// What stands may have been written since it was listed; then it is found to be another file when it
/// comes to be replaced.
fn former(
    store: &dyn Store,
    keys: &Keys,
    path: &RepositoryPath,
    entry: &Entry,
) -> Result<Former, Error> {
    match keys.read(store, path, Releases::decode)? {
        Standing::Legible(standing) if standing.package == entry.name => {
            let releases = standing.releases.into_iter();
            let remarked = releases.filter(|release| !release.remarks.is_empty());
            Ok(remarked.map(|one| ((one.version, one.outer_checksum), one.remarks)).collect())
        }
        _ => Ok(Former::new()),
    }
}

/// The entry with these remarks and no others.
fn remarked(options: &Options, entry: Entry, former: &Former) -> Entry {
    if former.is_empty() && !entry.has_remarks {
        return entry;
    }
    // What was encoded here is decoded here.
    let Ok(releases) = Releases::decode(&entry.payload) else { return entry };
    let mut releases = releases.releases;
    for release in &mut releases {
        let known = former.get(&(release.version.clone(), release.outer_checksum));
        release.remarks = known.cloned().unwrap_or_default();
    }
    let package = Package { name: entry.name, releases };
    Entry::of(&options.repository, package, entry.updated_at)
}
