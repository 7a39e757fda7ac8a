//! Cache lookups: what a build need not read again, and what it saves for the next one.

use std::collections::HashMap;

use bytes::Bytes;

use super::listing::{self, Listing};
use super::options::Options;
use super::planned::Built;
use super::report::Report;
use crate::cache::{
    self, CacheBody, CacheFile, CacheHead, CachedIndex, CachedPackage, CachedTarball, Context,
};
use crate::name::PackageName;
use crate::package::{Release, UnixSeconds};
use crate::publish::{FileState, Plan};
use crate::registry::{
    DependencySummary, ListedVersion, PackageEntry, Payload, Releases, Resource,
};
use crate::repository::RepositoryPath;
use crate::store::{ListedFile, Stamp};
use crate::tarball::FileName;

/// A cache is written if at least one in so many tarballs was read.
const WORTHWHILE: usize = 64;

/// The cache of one registry, if it has one.
pub(super) struct BuildCache<'a>(Option<(&'a CacheFile, Context)>);

impl<'a> BuildCache<'a> {
    pub fn new(options: &'a Options) -> Self {
        Self(options.cache.as_ref().and_then(|cache| Some((cache, context(options)?))))
    }

    /// The report of a build that has nothing to do: every file is as it was after a build that changed nothing.
    pub fn unchanged(&self, listing: &Listing) -> Option<Report> {
        let (cache, context) = self.0.as_ref()?;
        let head = cache.head(context)?;
        let settled = head.settled?;
        let (packages, releases, unchanged) = (head.packages, head.releases, head.files);
        let report = Report { packages, releases, read: 0, changes: Vec::new(), unchanged };
        let nothing_to_do = listing.missing.is_none() && listing.leftovers.is_empty();
        let is_same = nothing_to_do && listing.fingerprint() == Some(settled);
        is_same.then_some(report)
    }

    /// The bytes of the cache, for [`parse`](Self::parse).
    pub fn read(&self) -> Bytes {
        let read = self.0.as_ref().and_then(|(cache, context)| cache.read(context));
        read.unwrap_or_default().into()
    }

    /// What the cache has of each package.
    pub fn parse<'b>(&self, bytes: &'b Bytes) -> Cached<'b> {
        let known = self.0.as_ref().and_then(|(_, context)| CacheBody::parse(bytes, context));
        Cached { bytes, known: known.unwrap_or_default() }
    }

    /// Saves what was found for the next build, if that is worth it. A failure is not reported: the next build does
    /// without.
    pub fn save(&self, built: &Built, report: &Report, plan: &Plan) {
        let Some((cache, context)) = &self.0 else { return };
        let Built { listing, registry, resources, cached_tarballs, .. } = built;
        // The stamps of files that were just written are too young to be trusted. So the next build reads those files
        // again and writes a cache, whatever this one does; and writing the whole cache for a few tarballs takes longer
        // than reading those once more.
        let few_were_read = report.read < cached_tarballs / WORTHWHILE;
        if few_were_read && !plan.changes.is_empty() {
            return;
        }
        let mut known = CacheBody::default();
        let payloads = registry.payloads();
        for ((resource, payload), desired) in payloads.iter().zip(resources) {
            let is_unchanged = desired.state == FileState::Unchanged;
            let file = listing.served(&desired.path).filter(|_| is_unchanged);
            let served = file.and_then(|file| listing.settled_stamp(file));
            let index = || {
                let payload = cache::fingerprint(payload.as_bytes());
                served.map(|served| CachedIndex { served, payload })
            };
            match resource {
                // A build makes no policies.
                Resource::Policy(_) => {}
                Resource::Names => known.names = index(),
                Resource::Versions => known.versions = index(),
                Resource::Package(name) => {
                    let all = listing.tarballs_of(name.as_str());
                    let tarballs = settled(listing, all);
                    let entry = registry.package(name);
                    known.packages.push(CachedPackage {
                        name: name.as_str(),
                        complete: tarballs.len() == all.len(),
                        tarballs,
                        payload: payload.as_bytes(),
                        has_remarks: entry.is_some_and(|one| one.has_remarks),
                        dependencies: entry.map(|one| one.dependencies).unwrap_or_default(),
                        served,
                        upstream: listing
                            .mirrored(name)
                            .and_then(|file| listing.settled_stamp(file)),
                    });
                }
            }
        }
        let head = CacheHead {
            settled: plan.changes.is_empty().then(|| listing.fingerprint()).flatten(),
            packages: report.packages,
            releases: report.releases,
            files: report.unchanged,
        };
        let _ = cache.save(context, &head, &known);
    }
}

/// Those of a package's tarballs whose stamps will tell whether they have changed.
fn settled<'a>(listing: &Listing, tarballs: &'a [ListedFile]) -> Vec<CachedTarball<'a>> {
    let settled = tarballs.iter().filter_map(|file| {
        Some(CachedTarball { name: &file.name, stamp: listing.settled_stamp(file)? })
    });
    settled.collect()
}

/// What the last build found.
pub(super) struct Cached<'a> {
    bytes: &'a Bytes,
    known: CacheBody<'a>,
}

impl<'a> Cached<'a> {
    /// How many tarballs the cache has, changed or not.
    pub fn tarballs(&self) -> usize {
        self.known.packages.iter().map(|package| package.tarballs.len()).sum()
    }

    /// The package of these tarballs.
    fn package(&self, tarballs: &[ListedFile]) -> Option<&CachedPackage<'a>> {
        self.named(listing::package(tarballs.first()?))
    }

    fn named(&self, name: &str) -> Option<&CachedPackage<'a>> {
        let packages = &self.known.packages;
        let found = packages.binary_search_by(|known| known.name.cmp(name)).ok()?;
        packages.get(found)
    }

    /// The entry of a package if none of its tarballs has changed; nor the published file, if the entry has anything
    /// from there that a build reads of tarballs.
    pub fn entry(
        &self,
        listing: &Listing,
        tarballs: &[ListedFile],
        updated_at: UnixSeconds,
    ) -> Option<PackageEntry> {
        let known = self.package(tarballs)?;
        let same = known.complete
            && known.tarballs.len() == tarballs.len()
            && known.tarballs.iter().zip(tarballs).all(|(known, listed)| is_same(known, listed));
        if !same {
            return None;
        }
        let (name, payload) = (known.name.parse().ok()?, self.payload(known));
        if known.dependencies.keeps_repository {
            let served = listing.served(&RepositoryPath::package(&name))?;
            known.served.filter(|known| served.stamp == Some(*known))?;
        }
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
        let dependencies = DependencySummary { has_own: false, ..known.dependencies };
        let has_remarks = known.has_remarks;
        Some(PackageEntry { name, versions, updated_at, payload, has_remarks, dependencies })
    }

    /// For each tarball of a package its release, if the tarball has not changed, and the cache has nothing of the package
    /// from elsewhere that a build reads of tarballs.
    pub fn releases(&self, tarballs: &[ListedFile]) -> Vec<Option<(FileName, Release)>> {
        let known = self.package(tarballs).filter(|known| !known.dependencies.keeps_repository);
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

    /// The stamp of the upstream file whose remarks are in the cached package, if the stamp was settled.
    pub fn upstream(&self, package: &PackageName) -> Option<Stamp> {
        self.named(package.as_str())?.upstream
    }

    fn payload(&self, known: &CachedPackage<'a>) -> Payload {
        Payload::from_bytes(self.bytes.slice_ref(known.payload))
    }

    /// Whether a file with this stamp holds this payload, validly signed; `None` if the cache does not have it.
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
                // If no tarball has changed, it is the same slice of the cache.
                Some(std::ptr::eq(known.payload, payload) || known.payload == payload)
            }
        }
    }
}

fn is_same(known: &CachedTarball<'_>, listed: &ListedFile) -> bool {
    known.name == listed.name && Some(known.stamp) == listed.stamp
}

/// All that lookups depend on besides files.
fn context(options: &Options) -> Option<Context> {
    let parts = [
        options.repository.as_str().to_owned(),
        options.check_contents.to_string(),
        format!("{:?}", options.latest),
        format!("{:?}", options.limits),
        options.fresh.to_string(),
    ];
    // No part holds a zero byte, so the parts stay apart.
    Context::of(&options.key, &parts.join("\0"))
}
