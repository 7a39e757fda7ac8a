//! Reads what the search knows of one package.

use std::collections::HashMap;

use super::recent_log::RecentLog;
use super::tarballs::Tarballs;
use crate::browse::index::{IndexedPackage, Inside, PackageDependency, PackageInside, PackageRow};
use crate::name::PackageName;
use crate::package::{Release, UnixSeconds};
use crate::registry::Releases;
use crate::repository::RepositoryPath;
use crate::serve::clock::unix_nanoseconds;
use crate::serve::files::releases::ReleaseIndex;
use crate::serve::files::source::FileSource;
use crate::serve::overview::PackageSummary;
use crate::store::Stamp;
use crate::tarball::FileName;
use crate::version::Version;

/// The files of a folder by name, with their stamps.
pub(super) type Stamps = HashMap<String, Option<Stamp>>;

/// What stands for the file of a package that may change without another stamp, or is not here.
pub(super) const UNKNOWN: [u8; 32] = [0; 32];

/// Reads packages.
pub(super) struct PackageReader<'a> {
    pub source: &'a dyn FileSource,
    pub releases: &'a ReleaseIndex,
    pub tarballs: &'a Tarballs,
    /// The tarballs and the documentation that are here, where it is worth to list them.
    pub tarball_files: Option<Stamps>,
    pub docs_files: Option<Stamps>,
    /// When each package was changed, as `names` says.
    pub updated_at: HashMap<PackageName, UnixSeconds>,
    pub recent: &'a RecentLog,
}

/// A package that has to be read.
pub(super) struct Changed<'a> {
    pub summary: &'a PackageSummary,
    pub stamp: Option<Stamp>,
    /// What is known of it.
    pub known: Option<PackageRow>,
}

impl PackageReader<'_> {
    /// Reads one package, and what is inside its recommended release if that has changed.
    pub fn read(&self, changed: &Changed<'_>) -> IndexedPackage {
        let seen = unix_nanoseconds();
        let name = &changed.summary.name;
        let updated_at = self.updated_at.get(name).copied();
        // The log says why a package cannot be read. A search finds it by its name.
        let releases = changed.stamp.and_then(|_| self.releases.read_package(name).ok().flatten());
        let release = releases.as_ref().and_then(Releases::recommended);
        let (Some(releases), Some(release)) = (&releases, release) else {
            return without_file(changed.summary, updated_at);
        };
        if self.recent.is_new() {
            self.recent.add_published(releases, updated_at);
        }
        let times = releases.releases.iter().filter_map(published_at);
        let dependencies = release.dependencies.iter().map(|one| PackageDependency {
            repository: one.repository.clone(),
            name: one.package.clone(),
        });
        let is_settled = changed.stamp.is_some_and(|stamp| stamp.is_settled(seen));
        IndexedPackage {
            name: name.clone(),
            version: Some(release.version.clone()),
            releases: releases.releases.len(),
            published_at: published_at(release),
            updated_at,
            first_published_at: times.min(),
            is_retired: release.remarks.retired.is_some(),
            advisories: release.remarks.advisories.len(),
            dependencies: dependencies.collect(),
            source: changed.stamp.filter(|_| is_settled).map_or(UNKNOWN, digest),
            inside: self.inside(changed, release),
        }
    }

    fn inside(&self, changed: &Changed<'_>, release: &Release) -> Inside {
        let (package, version) = (changed.summary.name.clone(), release.version.clone());
        let file = FileName { package, version };
        let docs = self.docs(&file);
        let source = source_of_inside(release, docs);
        if changed.known.as_ref().and_then(|row| row.inside_source) == Some(source) {
            return Inside::Kept;
        }
        let path = RepositoryPath::tarball(&file);
        let listed = self.tarball_files.as_ref();
        if listed.is_some_and(|listed| !listed.contains_key(path.file_name())) {
            return Inside::Unread;
        }
        let Some(mut inside) = self.tarballs.inside(&file, release.outer_checksum) else {
            return Inside::Unread;
        };
        let defined = docs.and_then(|_| self.tarballs.definitions_of_docs(&file));
        if let Some(defined) = defined.filter(|defined| !defined.is_empty()) {
            inside.definitions = defined;
        }
        Inside::Read(PackageInside { source, ..inside })
    }

    /// The stamp of the documentation of a release, if it has any.
    fn docs(&self, file: &FileName) -> Option<Stamp> {
        let path = RepositoryPath::docs(file);
        match &self.docs_files {
            Some(listed) => listed.get(path.file_name()).copied().flatten(),
            None => self.source.stamp(&path).ok().flatten(),
        }
    }
}

/// Names what is read of the inside of a release: its tarball and its documentation.
fn source_of_inside(release: &Release, docs: Option<Stamp>) -> [u8; 32] {
    let mut bytes = release.outer_checksum.as_bytes().to_vec();
    if let Some(stamp) = docs {
        stamp.extend(&mut bytes);
    }
    *blake3::hash(&bytes).as_bytes()
}

impl Changed<'_> {
    /// Whether it has to be read. `tarballs` are those that are here, if what was missing is looked for.
    pub fn is_changed(&self, tarballs: Option<&Stamps>) -> bool {
        let Some(known) = &self.known else { return true };
        let Some(stamp) = self.stamp else {
            return known.source != UNKNOWN || known.version != self.summary.latest;
        };
        let has_come = |version: &Version| {
            let file = FileName { package: self.summary.name.clone(), version: version.clone() };
            let path = RepositoryPath::tarball(&file);
            tarballs.is_some_and(|listed| listed.contains_key(path.file_name()))
        };
        let was_unread = known.inside_source.is_none();
        known.source != digest(stamp)
            || (was_unread && known.version.as_ref().is_some_and(has_come))
    }
}

/// A package of which nothing is known but what the index of the registry says.
pub(super) fn without_file(
    summary: &PackageSummary,
    updated_at: Option<UnixSeconds>,
) -> IndexedPackage {
    IndexedPackage {
        name: summary.name.clone(),
        version: summary.latest.clone(),
        releases: summary.releases,
        published_at: None,
        updated_at,
        first_published_at: None,
        is_retired: false,
        advisories: 0,
        dependencies: Vec::new(),
        source: UNKNOWN,
        inside: Inside::Unread,
    }
}

fn published_at(release: &Release) -> Option<UnixSeconds> {
    release.remarks.published_at.as_ref().map(|time| time.seconds)
}

fn digest(stamp: Stamp) -> [u8; 32] {
    let mut bytes = Vec::new();
    stamp.extend(&mut bytes);
    *blake3::hash(&bytes).as_bytes()
}
