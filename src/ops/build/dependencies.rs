//! Dependencies that would harm clients: new releases with them are rejected, published ones are warned of.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use rayon::prelude::*;

use super::error::Error;
use super::listing::Listing;
use super::options::Options;
use crate::checksum::OuterChecksum;
use crate::name::PackageName;
use crate::ops::rejection::Rejection;
use crate::ops::upstream::UpstreamFiles;
use crate::package::Release;
use crate::publish::dependencies::{self, DependencyFaults, DependencyRules};
use crate::publish::observer::Observer;
use crate::published::{Published, Reader, TrustedKeys};
use crate::registry::{PackageEntry, Registry, Releases};
use crate::repository::RepositoryPath;
use crate::store::Store;
use crate::tarball::FileName;
use crate::version::Version;

/// The releases of one package that have faulty dependencies.
struct Faulty {
    package: PackageName,
    releases: Vec<(Release, DependencyFaults)>,
}

/// Rejects new releases that have a faulty dependency. Those that were published already as the same tarball, by this
/// registry or by the one that was mirrored, are warned of.
pub(super) fn check(
    store: &dyn Store,
    options: &Options,
    listing: &Listing,
    registry: &Registry,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let rules = DependencyRules {
        repository: &registry.repository,
        has_package: &|name| registry.package(name).is_some(),
        allow_public: &options.allow_public,
    };
    let doubtful = registry.packages.par_iter().filter(|entry| entry.has_doubtful_dependency);
    let faulty: Vec<_> = doubtful.filter_map(|entry| faulty(&rules, entry)).collect();
    if faulty.is_empty() {
        return Ok(());
    }
    let keys = TrustedKeys::published_and(store, options.key.public_key())?;
    let reader = Reader::new(store, keys);
    let upstream = UpstreamFiles::open(store)?;
    let mut rejections = Vec::new();
    for Faulty { package, releases } in faulty {
        let mut published = tarballs(reader.package(&package, &mut Vec::new())?);
        if let Some(upstream) = &upstream {
            published.extend(tarballs(upstream.package(&package)?));
        }
        let is_published = |release: &Release| {
            published.contains(&(release.version.clone(), release.outer_checksum))
        };
        let (old, new): (Vec<_>, Vec<_>) =
            releases.into_iter().partition(|(release, _)| is_published(release));
        dependencies::warn(
            observer,
            &package,
            old.iter().map(|(release, faults)| (release, faults.clone())),
        );
        rejections.extend(new.into_iter().map(|(release, faults)| {
            let file = FileName { package: package.clone(), version: release.version };
            let path = RepositoryPath::tarball(&file);
            Rejection { location: store.locate(&path), cause: faults.into() }
        }));
    }
    match NonZeroUsize::new(listing.tarballs.len()) {
        Some(total) if !rejections.is_empty() => Err(Error::Rejected { rejections, total }),
        _ => Ok(()),
    }
}

fn faulty(rules: &DependencyRules<'_>, entry: &PackageEntry) -> Option<Faulty> {
    // What was encoded here is decoded here.
    let releases = Releases::decode(&entry.payload).ok()?.releases.into_iter();
    let faulty = releases.filter_map(|release| {
        let faults = rules.check(&release.dependencies).err()?;
        Some((release, faults))
    });
    let releases: Vec<_> = faulty.collect();
    (!releases.is_empty()).then(|| Faulty { package: entry.name.clone(), releases })
}

/// The tarballs that a package's file offers to clients.
fn tarballs(file: Published<Releases>) -> HashSet<(Version, OuterChecksum)> {
    let releases = file.document().map(|package| package.releases).unwrap_or_default();
    releases.into_iter().map(|release| (release.version, release.outer_checksum)).collect()
}
