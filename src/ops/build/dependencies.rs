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
use crate::package::{Dependency, Release};
use crate::publish::dependencies::{self, DependencyFaults, DependencyRules};
use crate::publish::observer::Observer;
use crate::published::{Published, Reader, TrustedKeys};
use crate::registry::{PUBLIC_REPOSITORY, PackageEntry, Registry, Releases};
use crate::repository::RepositoryPath;
use crate::store::Store;
use crate::tarball::FileName;
use crate::version::Version;

/// The releases of one package that have faulty dependencies.
struct Faulty {
    package: PackageName,
    releases: Vec<(Release, DependencyFaults)>,
    /// Those with dependencies on packages that the registry does not have.
    incomplete: Vec<(Release, DependencyFaults)>,
}

/// Rejects new releases that have a faulty dependency. Those that were published already as the same tarball, by this
/// registry or by the one that was mirrored, are warned of. New releases are warned of if they depend on packages of this
/// repository that it does not have: a tarball that names no repository may mean hex.pm's.
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
    let is_public = registry.repository.as_str() == PUBLIC_REPOSITORY;
    let doubtful = registry.packages.par_iter().filter(|entry| {
        entry.dependencies.is_doubtful || (entry.dependencies.has_own && !is_public)
    });
    let faulty: Vec<_> = doubtful.filter_map(|entry| faulty(&rules, entry, is_public)).collect();
    if faulty.is_empty() {
        return Ok(());
    }
    let keys = TrustedKeys::published_and(store, options.key.public_key())?;
    let reader = Reader::new(store, keys);
    let upstream = UpstreamFiles::open(store)?;
    let mut rejections = Vec::new();
    for Faulty { package, releases, incomplete } in faulty {
        let mut published = tarballs(reader.package(&package, &mut Vec::new())?);
        if let Some(upstream) = &upstream {
            published.extend(tarballs(upstream.package(&package)?));
        }
        let is_published = |release: &Release| {
            published.contains(&(release.version.clone(), release.outer_checksum))
        };
        let (old, new): (Vec<_>, Vec<_>) =
            releases.into_iter().partition(|(release, _)| is_published(release));
        let incomplete = incomplete.iter().filter(|(release, _)| !is_published(release));
        dependencies::warn(
            observer,
            &package,
            old.iter().chain(incomplete).map(|(release, faults)| (release, faults.clone())),
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

fn faulty(rules: &DependencyRules<'_>, entry: &PackageEntry, is_public: bool) -> Option<Faulty> {
    // What was encoded here is decoded here.
    let all = Releases::decode(&entry.payload).ok()?.releases;
    let with = |check: &dyn Fn(&[Dependency]) -> Result<(), DependencyFaults>| {
        let faulty = all.iter().filter_map(|release| {
            let faults = check(&release.dependencies).err()?;
            Some((release.clone(), faults))
        });
        faulty.collect::<Vec<_>>()
    };
    let releases = with(&|dependencies| rules.check(dependencies));
    let incomplete = if is_public || !entry.dependencies.has_own {
        Vec::new()
    } else {
        with(&|dependencies| rules.check_presence(dependencies))
    };
    let is_faulty = !releases.is_empty() || !incomplete.is_empty();
    is_faulty.then(|| Faulty { package: entry.name.clone(), releases, incomplete })
}

/// The tarballs that a package's file offers to clients.
fn tarballs(file: Published<Releases>) -> HashSet<(Version, OuterChecksum)> {
    let releases = file.document().map(|package| package.releases).unwrap_or_default();
    releases.into_iter().map(|release| (release.version, release.outer_checksum)).collect()
}
