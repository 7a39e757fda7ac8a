//! What a build need not find out again, and what the next one need not.

use std::collections::HashMap;

use bytes::Bytes;

use super::listing::{self, Listing};
use super::options::Options;
use super::report::Report;
use crate::cache::{
    self, CacheBody, CacheFile, CacheHead, CachedIndex, CachedPackage, CachedTarball, Context,
};
use crate::name::PackageName;
use crate::package::{Release, UnixSeconds};
use crate::publish::{State, Wanted};
use crate::registry::{ListedVersion, PackageEntry, Payload, Registry, Releases, Resource};
use crate::store::{ListedFile, Stamp};
use crate::tarball::FileName;

/// Among how many tarballs one that was read makes it worth writing a cache.
const WORTHWHILE: usize = 64;

/// The cache of one registry, if it has one.
pub(super) struct Memory<'a>(Option<(&'a CacheFile, Context)>);

impl<'a> Memory<'a> {
    /// A memory that nothing was recalled from yet.
    pub fn new(options: &'a Options) -> Self {
        Self(options.cache.as_ref().and_then(|cache| Some((cache, context(options)?))))
    }

    /// The report of a build that has nothing to do: everything stands as it last stood well.
    pub fn unchanged(&self, listing: &Listing) -> Option<Report> {
        let (cache, context) = self.0.as_ref()?;
        let head = cache.head(context)?;
        let settled = head.settled?;
        let (packages, releases, unchanged) = (head.packages, head.releases, head.files);
        let report = Report { packages, releases, read: 0, changes: Vec::new(), unchanged };
        let nothing_to_do = listing.missing.is_none() && listing.leftovers.is_empty();
        let same = nothing_to_do && listing.fingerprint() == Some(settled);
        same.then_some(report)
    }

    /// The bytes that [`recall`](Self::recall) makes sense of.
    pub fn read(&self) -> Bytes {
        let read = self.0.as_ref().and_then(|(cache, context)| cache.read(context));
        read.unwrap_or_default().into()
    }

    /// What is known, package by package.
    pub fn recall<'b>(&self, bytes: &'b Bytes) -> Recalled<'b> {
        let known = self.0.as_ref().and_then(|(_, context)| CacheBody::parse(bytes, context));
        Recalled { bytes, known: known.unwrap_or_default() }
    }

    /// Keeps what was found for the next build, if that is worth it. That one does without where this
    /// fails, so nobody is told.
    pub fn remember(
        &self,
        recalled: &Recalled<'_>,
        listing: &Listing,
        registry: &Registry,
        wanted: &[Wanted],
        report: &Report,
    ) {
        let Some((cache, context)) = &self.0 else { return };
        // What was just written is too young to be known again, so the next build will look at it and
        // write a cache, whatever this one does. To write all of it for a few tarballs takes longer
        // than reading those once more.
        let little = report.read < recalled.tarballs() / WORTHWHILE;
        if little && !report.changes.is_empty() {
            return;
        }
        let mut known = CacheBody::default();
        let payloads = registry.payloads();
        for ((resource, payload), wanted) in payloads.iter().zip(wanted) {
            let stands = wanted.state == State::Stands;
            let file = listing.served(&wanted.path).filter(|_| stands);
            let served = file.and_then(|file| listing.settled_stamp(file));
            let index = || {
                let payload = cache::fingerprint(payload.as_bytes());
                served.map(|served| CachedIndex { served, payload })
            };
            match resource {
                // No build makes one.
                Resource::Policy(_) => {}
                Resource::Names => known.names = index(),
                Resource::Versions => known.versions = index(),
                Resource::Package(name) => {
                    let all = listing.tarballs_of(name.as_str());
                    let tarballs = known_again(listing, all);
                    let entry = registry.package(name);
                    known.packages.push(CachedPackage {
                        name: name.as_str(),
                        complete: tarballs.len() == all.len(),
                        tarballs,
                        payload: payload.as_bytes(),
                        has_remarks: entry.is_some_and(|one| one.has_remarks),
                        has_doubtful_dependency: entry
                            .is_some_and(|one| one.has_doubtful_dependency),
                        served,
                        upstream: listing
                            .mirrored(name)
                            .and_then(|file| listing.settled_stamp(file)),
                    });
                }
            }
        }
        let head = CacheHead {
            settled: report.changes.is_empty().then(|| listing.fingerprint()).flatten(),
            packages: report.packages,
            releases: report.releases,
            files: report.unchanged,
        };
        let _ = cache.save(context, &head, &known);
    }
}

/// Those of a package's tarballs that will be known again.
fn known_again<'a>(listing: &Listing, tarballs: &'a [ListedFile]) -> Vec<CachedTarball<'a>> {
    let settled = tarballs.iter().filter_map(|file| {
        Some(CachedTarball { name: &file.name, stamp: listing.settled_stamp(file)? })
    });
    settled.collect()
}

/// What was found the last time.
pub(super) struct Recalled<'a> {
    bytes: &'a Bytes,
    known: CacheBody<'a>,
}

impl<'a> Recalled<'a> {
    /// How many tarballs are known, whether they still are as they were or not.
    pub fn tarballs(&self) -> usize {
        self.known.packages.iter().map(|package| package.tarballs.len()).sum()
    }

    /// The package that these tarballs are of.
    fn package(&self, tarballs: &[ListedFile]) -> Option<&CachedPackage<'a>> {
        self.named(listing::package(tarballs.first()?))
    }

    fn named(&self, name: &str) -> Option<&CachedPackage<'a>> {
        let packages = &self.known.packages;
        let found = packages.binary_search_by(|known| known.name.cmp(name)).ok()?;
        packages.get(found)
    }

    /// The entry of a package whose tarballs are all as they were.
    pub fn entry(&self, tarballs: &[ListedFile], updated_at: UnixSeconds) -> Option<PackageEntry> {
        let known = self.package(tarballs)?;
        let same = known.complete
            && known.tarballs.len() == tarballs.len()
            && known.tarballs.iter().zip(tarballs).all(|(known, listed)| is_same(known, listed));
        if !same {
            return None;
        }
        let (name, payload) = (known.name.parse().ok()?, self.payload(known));
        let versions = if known.has_remarks {
            let releases = Releases::decode(&payload).ok()?.releases.into_iter();
            let listed = releases.map(|release| (release.version, release.remarks.marks()));
            listed.map(|(version, marks)| ListedVersion { version, marks }).collect()
        } else {
            let names = tarballs.iter().map(|listed| listed.name.parse::<FileName>());
            let versions = names.map(|name| name.map(|name| name.version));
            let mut versions: Vec<_> = versions.collect::<Result<_, _>>().ok()?;
            versions.sort();
            versions.into_iter().map(ListedVersion::from).collect()
        };
        let CachedPackage { has_remarks, has_doubtful_dependency, .. } = *known;
        Some(PackageEntry {
            name,
            versions,
            updated_at,
            payload,
            has_remarks,
            has_doubtful_dependency,
        })
    }

    /// For each tarball of a package its release, if it is as it was.
    pub fn releases(&self, tarballs: &[ListedFile]) -> Vec<Option<(FileName, Release)>> {
        let known = self.package(tarballs);
        let decoded = known.and_then(|known| Releases::decode(&self.payload(known)).ok());
        let (Some(known), Some(decoded)) = (known, decoded) else {
            return vec![None; tarballs.len()];
        };
        let releases = decoded.releases.into_iter();
        let mut releases: HashMap<_, _> =
            releases.map(|release| (release.version.clone(), release)).collect();
        let of_tarballs = tarballs.iter().map(|listed| {
            let by_name = |known: &CachedTarball<'_>| known.name.cmp(&listed.name);
            let known = known.tarballs.get(known.tarballs.binary_search_by(by_name).ok()?)?;
            let name: FileName = listed.name.parse().ok().filter(|_| is_same(known, listed))?;
            let release = releases.remove(&name.version)?;
            Some((name, release))
        });
        of_tarballs.collect()
    }

    /// The file of upstream's whose remarks were carried over into what is known of a package, if it was settled.
    pub fn upstream(&self, package: &PackageName) -> Option<Stamp> {
        self.named(package.as_str())?.upstream
    }

    fn payload(&self, known: &CachedPackage<'a>) -> Payload {
        Payload::from_bytes(self.bytes.slice_ref(known.payload))
    }

    /// Whether a file with this stamp holds this payload, validly signed; `None` where that is not
    /// known.
    pub fn holds(&self, resource: &Resource, stamp: Stamp, payload: &Payload) -> Option<bool> {
        let index = |known: Option<CachedIndex>| {
            let known = known.filter(|known| known.served == stamp)?;
            Some(known.payload == cache::fingerprint(payload.as_bytes()))
        };
        match resource {
            Resource::Policy(_) => None,
            Resource::Names => index(self.known.names),
            Resource::Versions => index(self.known.versions),
            Resource::Package(name) => {
                let known = self.named(name.as_str());
                let known = known.filter(|known| known.served == Some(stamp))?;
                let payload = payload.as_bytes();
                // Where no tarball has changed, it is the very same bytes.
                Some(std::ptr::eq(known.payload, payload) || known.payload == payload)
            }
        }
    }
}

fn is_same(known: &CachedTarball<'_>, listed: &ListedFile) -> bool {
    known.name == listed.name && Some(known.stamp) == listed.stamp
}

/// Of everything that answers depend on besides files.
fn context(options: &Options) -> Option<Context> {
    let parts = [
        options.repository.as_str().to_owned(),
        options.check_contents.to_string(),
        format!("{:?}", options.latest),
        format!("{:?}", options.limits),
        options.fresh.to_string(),
    ];
    // No part holds a zero byte, so none runs into the next.
    Context::of(&options.key, &parts.join("\0"))
}
