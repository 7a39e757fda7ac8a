//! What no tarball says lives on in the registry: which releases are retired, when they were published, which
//! advisories concern them. It comes from the standing registry, and from upstream where a mirror keeps its files
//! beside the tarballs.

use std::collections::HashMap;

use rayon::prelude::*;

use super::error::Error;
use super::listing::Listing;
use super::memory::Recalled;
use super::options::Options;
use crate::checksum::OuterChecksum;
use crate::name::PackageName;
use crate::ops::upstream::{Base, PackageBase, UpstreamFiles, merge, merge_unknown};
use crate::package::{Package, Release, Remarks, UnixSeconds};
use crate::publish::observer::{Observer, Warning};
use crate::published::{Published, Reader, TrustedKeys};
use crate::registry::{PackageEntry, Releases, Resource};
use crate::repository::RepositoryPath;
use crate::store::Store;
use crate::unknown_fields::UnknownFields;
use crate::version::Version;

/// The packages with what is remarked on their releases.
pub(super) struct Carried {
    pub packages: Vec<PackageEntry>,
    /// What upstream says of them, to be kept once the registry says it.
    pub base: Base,
}

/// What is remarked on releases, each known by its version and the tarball that it was remarked on.
type Former = HashMap<(Version, OuterChecksum), Remarks>;

/// What stands of a package.
enum Found {
    /// The very same, as the cache knows.
    Same,
    /// Something else, or nothing that is believed.
    Says(Option<Releases>),
}

/// Gives each release what the standing registry, validly signed, remarks on the same tarball, and merges what
/// upstream says of that tarball into it. Where times of files tell nothing, a package that says what it said
/// before keeps its time as well.
pub(super) fn carry_over(
    store: &dyn Store,
    options: &Options,
    listing: &Listing,
    recalled: &Recalled<'_>,
    packages: Vec<PackageEntry>,
    observer: &dyn Observer,
) -> Result<Carried, Error> {
    let keys = TrustedKeys::published_and(store, options.key.public_key())?;
    let reader = Reader::new(store, keys);
    let times = if store.keeps_times() { Times::new() } else { times(&reader)? };
    let upstream = if listing.is_mirror() { UpstreamFiles::open(store)? } else { None };
    let mut base = if upstream.is_some() { Base::read(store)? } else { Base::default() };
    let (upstream, before) = (upstream.as_ref(), &base);
    let sources = Sources { store, options, listing, recalled, reader, upstream, before, observer };
    let carried = packages.into_par_iter().map(|entry| {
        let (mut entry, is_same, said) = sources.carry(entry, !times.is_empty())?;
        if let Some(time) = times.get(&entry.name).filter(|_| is_same) {
            entry.updated_at = options.latest.map_or(*time, |latest| latest.min(*time));
        }
        Ok((entry, said))
    });
    let carried = carried.collect::<Result<Vec<_>, Error>>()?;
    let mut packages = Vec::with_capacity(carried.len());
    for (entry, said) in carried {
        if let Some(said) = said {
            base.note(&entry.name, said);
        }
        packages.push(entry);
    }
    Ok(Carried { packages, base })
}

/// When each package was last changed, by what `names` says.
type Times = HashMap<PackageName, UnixSeconds>;

fn times(reader: &Reader<'_>) -> Result<Times, Error> {
    let names = reader.names(&mut Vec::new())?.document();
    let packages = names.into_iter().flat_map(|names| names.packages);
    Ok(packages.filter_map(|(name, time)| Some((name, time?))).collect())
}

/// Where remarks come from.
struct Sources<'a> {
    store: &'a dyn Store,
    options: &'a Options,
    listing: &'a Listing,
    recalled: &'a Recalled<'a>,
    reader: Reader<'a>,
    upstream: Option<&'a UpstreamFiles<'a>>,
    before: &'a Base,
    observer: &'a dyn Observer,
}

impl Sources<'_> {
    /// The entry with its remarks, whether the standing file says the same where that `is_asked`, and what is to
    /// be noted of upstream, if its file was read.
    fn carry(
        &self,
        entry: PackageEntry,
        is_asked: bool,
    ) -> Result<(PackageEntry, bool, Option<Vec<u8>>), Error> {
        let found = self.find(&entry)?;
        if matches!(found, Found::Same) && self.is_carried(&entry.name) {
            return Ok((entry, true, None));
        }
        let standing = match found {
            Found::Same => Releases::decode(&entry.payload).ok(),
            Found::Says(standing) => standing,
        };
        let said = self.said(&entry.name)?;
        let (entry, note) = self.remarked(entry, standing.as_ref(), said.as_ref());
        let is_same = is_asked && Releases::decode(&entry.payload).ok() == standing;
        Ok((entry, is_same, note))
    }

    /// The file may have been written since it was listed; then it is found to be another file when it
    /// comes to be replaced.
    fn find(&self, entry: &PackageEntry) -> Result<Found, Error> {
        let resource = Resource::Package(entry.name.clone());
        let path = RepositoryPath::resource(&resource);
        let Some(served) = self.listing.served(&path).filter(|_| !self.options.fresh) else {
            return Ok(Found::Says(None));
        };
        let stamp = served.stamp;
        let holds = stamp.and_then(|stamp| self.recalled.holds(&resource, stamp, &entry.payload));
        if holds == Some(true) {
            return Ok(Found::Same);
        }
        Ok(Found::Says(self.reader.package(&entry.name, &mut Vec::new())?.document()))
    }

    /// Whether the cache has what upstream's file says of a package, or there is none.
    fn is_carried(&self, package: &PackageName) -> bool {
        let file = self.listing.mirrored(package).filter(|_| self.upstream.is_some());
        file.is_none_or(|file| {
            file.stamp.is_some() && self.recalled.upstream(package) == file.stamp
        })
    }

    /// What upstream says of a package, as far as a mirror has it.
    fn said(&self, package: &PackageName) -> Result<Option<Releases>, Error> {
        let Some(upstream) = self.upstream else { return Ok(None) };
        if self.listing.mirrored(package).is_none() {
            return Ok(None);
        }
        match upstream.package(package)? {
            Published::Present { document, .. } => Ok(Some(document)),
            Published::Missing | Published::BeingRemoved { .. } => Ok(None),
            Published::Unsound { .. } => {
                let location = self.store.locate(&UpstreamFiles::path(package));
                self.observer.warn(Warning::Upstream { location });
                Ok(None)
            }
        }
    }

    /// The entry with these remarks and no others, and the base for the next time.
    fn remarked(
        &self,
        entry: PackageEntry,
        standing: Option<&Releases>,
        upstream: Option<&Releases>,
    ) -> (PackageEntry, Option<Vec<u8>>) {
        let is_bare = |says: Option<&Releases>| {
            says.is_none_or(|says| {
                says.unknown.is_empty() && says.releases.iter().all(|one| one.remarks.is_empty())
            })
        };
        let is_bare = is_bare(standing) && is_bare(upstream) && !entry.has_remarks;
        if is_bare && upstream.is_none() {
            return (entry, None);
        }
        // What was encoded here is decoded here.
        let Ok(releases) = Releases::decode(&entry.payload) else { return (entry, None) };
        let mut releases = releases.releases;
        let note = upstream.map(|upstream| {
            let carried: std::collections::HashSet<_> =
                releases.iter().map(|release| release.outer_checksum).collect();
            PackageBase::encode(upstream, |checksum| carried.contains(&checksum))
        });
        if is_bare {
            return (entry, note);
        }
        let former = standing.map(former).unwrap_or_default();
        let before = self.before.package(&entry.name);
        let said = upstream.into_iter().flat_map(|upstream| &upstream.releases);
        let said: HashMap<_, _> = said.map(|one| (one.outer_checksum, &one.remarks)).collect();
        for release in &mut releases {
            let here = former.get(&(release.version.clone(), release.outer_checksum));
            let there = said.get(&release.outer_checksum).copied();
            release.remarks = match (here, there) {
                (None, None) => Remarks::default(),
                (Some(here), None) => here.clone(),
                // Whatever was carried over before, the registry has lost it together with the release.
                (None, Some(there)) => there.clone(),
                (Some(here), Some(there)) => {
                    let before = before.as_ref().map(|before| before.release(release));
                    merge(here, there, before.as_ref())
                }
            };
        }
        let nothing = UnknownFields::default();
        let here = standing.map_or(&nothing, |says| &says.unknown);
        let there = upstream.map_or(&nothing, |says| &says.unknown);
        let unknown = merge_unknown(here, there, before.as_ref().map(PackageBase::unknown));
        let package = Package { name: entry.name, releases, unknown };
        (PackageEntry::of(&self.options.repository, package, entry.updated_at), note)
    }
}

fn former(standing: &Releases) -> Former {
    let by_tarball =
        |one: &Release| ((one.version.clone(), one.outer_checksum), one.remarks.clone());
    standing.releases.iter().map(by_tarball).collect()
}
