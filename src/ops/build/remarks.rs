//! Remarks, which no tarball has: which releases are retired, when they were published, which advisories concern them.
//! A build carries them over from the published registry, and from upstream where a mirror keeps upstream's files beside
//! the tarballs.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::cached::Cached;
use super::error::Error;
use super::listing::Listing;
use super::options::Options;
use crate::checksum::OuterChecksum;
use crate::name::PackageName;
use crate::ops::upstream::{Base, PackageBase, UpstreamFiles};
use crate::package::merge::{merge, merge_unknown};
use crate::package::{Package, Release, Remarks, UnixSeconds};
use crate::publish::dependencies;
use crate::publish::observer::{Observer, Warning};
use crate::published::{Published, Reader, TrustedKeys};
use crate::registry::{DependencySummary, PackageEntry, Releases, Resource};
use crate::repository::RepositoryPath;
use crate::store::Store;
use crate::unknown_fields::UnknownFields;
use crate::version::Version;

/// The packages with the remarks on their releases.
pub(super) struct CarriedOver {
    pub packages: Vec<PackageEntry>,
    /// What upstream says of them, to be saved once the registry says it.
    pub base: Base,
}

/// Published releases, by version and tarball.
type ByTarball<'a> = HashMap<(Version, OuterChecksum), &'a Release>;

/// What is published of a package.
enum PublishedPackage {
    /// The same payload, as the cache knows.
    Same,
    /// Another payload, or none that can be trusted.
    Other(Option<Releases>),
}

/// Gives each release the remarks that the published registry, validly signed, has on the same tarball, merged with those
/// of upstream. In a store that does not keep the times of files, a package that has not changed keeps its time too.
pub(super) fn carry_over(
    store: &dyn Store,
    options: &Options,
    listing: &Listing,
    cached: &Cached<'_>,
    packages: Vec<PackageEntry>,
    observer: &dyn Observer,
) -> Result<CarriedOver, Error> {
    let keys = TrustedKeys::published_and(store, options.key.public_key())?;
    let reader = Reader::new(store, keys);
    let times = if store.keeps_times() { Times::new() } else { times(&reader)? };
    let upstream = if listing.is_mirror() { UpstreamFiles::open(store)? } else { None };
    let mut base = if upstream.is_some() { Base::read(store)? } else { Base::default() };
    let (upstream, before) = (upstream.as_ref(), &base);
    let sources = Sources { store, options, listing, cached, reader, upstream, before, observer };
    let carried = packages.into_par_iter().map(|entry| {
        let (mut entry, is_same, note) = sources.carry_over(entry, !times.is_empty())?;
        if let Some(time) = times.get(&entry.name).filter(|_| is_same) {
            entry.updated_at = options.latest.map_or(*time, |latest| latest.min(*time));
        }
        Ok((entry, note))
    });
    let carried = carried.collect::<Result<Vec<_>, Error>>()?;
    let mut packages = Vec::with_capacity(carried.len());
    for (entry, note) in carried {
        if let Some(note) = note {
            base.note(&entry.name, note);
        }
        packages.push(entry);
    }
    Ok(CarriedOver { packages, base })
}

/// When each package was last changed, according to `names`.
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
    cached: &'a Cached<'a>,
    reader: Reader<'a>,
    upstream: Option<&'a UpstreamFiles<'a>>,
    before: &'a Base,
    observer: &'a dyn Observer,
}

impl Sources<'_> {
    /// The entry with its remarks; with `compares`, whether the published file says the same; and what is to be noted of
    /// upstream, if upstream's file was read.
    fn carry_over(
        &self,
        entry: PackageEntry,
        compares: bool,
    ) -> Result<(PackageEntry, bool, Option<Vec<u8>>), Error> {
        let published = self.published(&entry)?;
        if matches!(published, PublishedPackage::Same) && self.is_carried_over(&entry.name) {
            return Ok((entry, true, None));
        }
        let published = match published {
            PublishedPackage::Same => Releases::decode(&entry.payload).ok(),
            PublishedPackage::Other(published) => published,
        };
        let upstream = self.upstream(&entry.name)?;
        let (entry, note) = self.with_remarks(entry, published.as_ref(), upstream.as_ref());
        let is_same = compares && Releases::decode(&entry.payload).ok() == published;
        Ok((entry, is_same, note))
    }

    /// The file may have been written since it was listed. That is noticed when it is replaced.
    fn published(&self, entry: &PackageEntry) -> Result<PublishedPackage, Error> {
        let resource = Resource::Package(entry.name.clone());
        let path = RepositoryPath::resource(&resource);
        let Some(served) = self.listing.served(&path).filter(|_| !self.options.fresh) else {
            return Ok(PublishedPackage::Other(None));
        };
        let stamp = served.stamp;
        let holds = stamp.and_then(|stamp| self.cached.holds(&resource, stamp, &entry.payload));
        if holds == Some(true) {
            return Ok(PublishedPackage::Same);
        }
        Ok(PublishedPackage::Other(self.reader.package(&entry.name, &mut Vec::new())?.document()))
    }

    /// Whether the cache has what upstream's file says of a package, or there is no such file.
    fn is_carried_over(&self, package: &PackageName) -> bool {
        let file = self.listing.mirrored(package).filter(|_| self.upstream.is_some());
        file.is_none_or(|file| file.stamp.is_some() && self.cached.upstream(package) == file.stamp)
    }

    /// Upstream's file of a package, if a mirror has it.
    fn upstream(&self, package: &PackageName) -> Result<Option<Releases>, Error> {
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

    /// The entry with these remarks and no others, and the base for the next build. A dependency keeps the repository that
    /// the same tarball has in the published registry, if the tarball names none.
    fn with_remarks(
        &self,
        entry: PackageEntry,
        published: Option<&Releases>,
        upstream: Option<&Releases>,
    ) -> (PackageEntry, Option<Vec<u8>>) {
        let is_bare = |package: Option<&Releases>| {
            package.is_none_or(|package| {
                package.unknown.is_empty()
                    && package.releases.iter().all(|one| one.remarks.is_empty())
            })
        };
        let repository = &self.options.repository;
        let has_public =
            published.is_some_and(|package| dependencies::has_public(repository, package));
        let is_bare = is_bare(published) && is_bare(upstream) && !entry.has_remarks && !has_public;
        if is_bare && upstream.is_none() {
            return (entry, None);
        }
        // It was encoded in this process, so it can be decoded.
        let Ok(releases) = Releases::decode(&entry.payload) else { return (entry, None) };
        let mut releases = releases.releases;
        let note = upstream.map(|upstream| {
            let built: HashSet<_> = releases.iter().map(|release| release.outer_checksum).collect();
            PackageBase::encode(upstream, |checksum| built.contains(&checksum))
        });
        if is_bare {
            return (entry, note);
        }
        let former = published.map(by_tarball).unwrap_or_default();
        let before = self.before.package(&entry.name);
        let mut keeps_repository = entry.dependencies.keeps_repository;
        let there = upstream.into_iter().flat_map(|upstream| &upstream.releases);
        let there: HashMap<_, _> = there.map(|one| (one.outer_checksum, &one.remarks)).collect();
        for release in &mut releases {
            let here = former.get(&(release.version.clone(), release.outer_checksum)).copied();
            if let Some(here) = here.filter(|_| has_public) {
                keeps_repository |= dependencies::keep_public(release, here);
            }
            let here = here.map(|release| &release.remarks);
            let upstream = there.get(&release.outer_checksum).copied();
            release.remarks = match (here, upstream) {
                (None, None) => Remarks::default(),
                (Some(here), None) => here.clone(),
                // What was carried over before was lost from the registry together with the release.
                (None, Some(there)) => there.clone(),
                (Some(here), Some(there)) => {
                    let before = before.as_ref().map(|before| before.release(release));
                    merge(here, there, before.as_ref())
                }
            };
        }
        let nothing = UnknownFields::default();
        let here = published.map_or(&nothing, |says| &says.unknown);
        let there = upstream.map_or(&nothing, |says| &says.unknown);
        let unknown = merge_unknown(here, there, before.as_ref().map(PackageBase::unknown));
        let package = Package { name: entry.name, releases, unknown };
        let entry = PackageEntry::of(repository, package, entry.updated_at);
        let dependencies = DependencySummary { keeps_repository, ..entry.dependencies };
        (PackageEntry { dependencies, ..entry }, note)
    }
}

fn by_tarball(published: &Releases) -> ByTarball<'_> {
    let releases = published.releases.iter();
    releases.map(|one| ((one.version.clone(), one.outer_checksum), one)).collect()
}
