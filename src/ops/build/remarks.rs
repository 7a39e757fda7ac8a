//! What no tarball says lives on in the registry: which releases are retired, when they were published,
//! which advisories concern them.

use std::collections::HashMap;

use rayon::prelude::*;

use super::error::Error;
use super::listing::Listing;
use super::memory::Recalled;
use super::options::Options;
use crate::checksum::OuterChecksum;
use crate::name::PackageName;
use crate::ops::standing::{Keys, Standing};
use crate::package::{Package, Remarks, UnixSeconds};
use crate::registry::{Entry, Names, Releases, Resource};
use crate::repository::RepositoryPath;
use crate::store::Store;
use crate::version::Version;

/// What is remarked on releases, each known by its version and the tarball that it was remarked on.
type Former = HashMap<(Version, OuterChecksum), Remarks>;

/// What stands of a package.
enum Found {
    /// The very same, as the cache knows.
    Same,
    /// Something else, or nothing that is believed.
    Says(Option<Releases>),
}

/// Gives each release what the standing registry, validly signed, remarks on the same tarball. Where times
/// of files tell nothing, a package that says what it said before keeps its time as well.
pub(super) fn carry_over(
    store: &dyn Store,
    options: &Options,
    listing: &Listing,
    recalled: &Recalled<'_>,
    packages: Vec<Entry>,
) -> Result<Vec<Entry>, Error> {
    let keys = Keys::of(store, options.key.public_key())?;
    let times = if store.keeps_times() { Times::new() } else { times(store, &keys)? };
    let carried = packages.into_par_iter().map(|entry| {
        let found = find(store, options, listing, recalled, &keys, &entry)?;
        let (mut entry, is_same) = match found {
            Found::Same => (entry, true),
            Found::Says(None) => (remarked(options, entry, &Former::new()), false),
            Found::Says(Some(standing)) => {
                let entry = remarked(options, entry, &former(&standing));
                let is_same = !times.is_empty()
                    && Releases::decode(&entry.payload).is_ok_and(|says| says == standing);
                (entry, is_same)
            }
        };
        if let Some(time) = times.get(&entry.name).filter(|_| is_same) {
            entry.updated_at = options.latest.map_or(*time, |latest| latest.min(*time));
        }
        Ok(entry)
    });
    carried.collect()
}

/// When each package was last changed, by what `names` says.
type Times = HashMap<PackageName, UnixSeconds>;

fn times(store: &dyn Store, keys: &Keys) -> Result<Times, Error> {
    let path = RepositoryPath::resource(&Resource::Names);
    match keys.read(store, &path, Names::decode)? {
        Standing::Legible(names) => {
            let known = names.packages.into_iter().filter_map(|(name, time)| Some((name, time?)));
            Ok(known.collect())
        }
        _ => Ok(Times::new()),
    }
}

/// What stands may have been written since it was listed; then it is found to be another file when it
/// comes to be replaced.
fn find(
    store: &dyn Store,
    options: &Options,
    listing: &Listing,
    recalled: &Recalled<'_>,
    keys: &Keys,
    entry: &Entry,
) -> Result<Found, Error> {
    let resource = Resource::Package(entry.name.clone());
    let path = RepositoryPath::resource(&resource);
    let Some(served) = listing.served(&path).filter(|_| !options.fresh) else {
        return Ok(Found::Says(None));
    };
    let holds = served.stamp.and_then(|stamp| recalled.holds(&resource, stamp, &entry.payload));
    if holds == Some(true) {
        return Ok(Found::Same);
    }
    match keys.read(store, &path, Releases::decode)? {
        Standing::Legible(says) if says.package == entry.name => Ok(Found::Says(Some(says))),
        _ => Ok(Found::Says(None)),
    }
}

fn former(standing: &Releases) -> Former {
    let remarked = standing.releases.iter().filter(|release| !release.remarks.is_empty());
    let by_tarball =
        remarked.map(|one| ((one.version.clone(), one.outer_checksum), one.remarks.clone()));
    by_tarball.collect()
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
