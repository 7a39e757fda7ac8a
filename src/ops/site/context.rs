//! What all pages of a site are made from.

use std::collections::{BTreeMap, BTreeSet};

use super::archives::Archive;
use super::options::DocsChoice;
use super::source::{SignedPackage, SiteSource};
use crate::browse::index::{IndexedPackage, Inside, PackageDependency, PackageIndex};
use crate::browse::pages::{Frame, Urls};
use crate::name::PackageName;
use crate::package::{Release, UnixSeconds};
use crate::publish::observer::Observer;
use crate::repository::is_elixirs;
use crate::tarball::FileName;
use crate::version::Version;

/// What all pages of a site are made from.
pub(super) struct SiteContext<'a> {
    pub source: &'a SiteSource<'a>,
    pub observer: &'a dyn Observer,
    /// Which packages use which.
    pub index: PackageIndex,
    /// The versions of which the site has documentation, ascending.
    pub docs: BTreeMap<PackageName, Vec<Version>>,
    /// The archives of that documentation, and those that were chosen and cannot be used.
    pub archives: BTreeMap<FileName, Archive>,
    /// The URL of the site, without a slash at its end.
    pub url: Option<String>,
    /// Whether the files of the registry lie in the same tree.
    pub has_registry: bool,
    /// How many threads make pages.
    pub threads: usize,
}

impl SiteContext<'_> {
    /// Links from a file of the site.
    pub fn urls(&self, path: &str) -> Urls {
        Urls::of_file(path, self.has_registry)
    }

    /// What is around a page.
    pub fn frame(&self, urls: Urls) -> Frame<'_> {
        Frame { site: self.source.repository.as_str(), query: "", urls, has_search: true }
    }

    /// The versions of a package of which the site has documentation, ascending.
    pub fn docs_of(&self, package: &PackageName) -> &[Version] {
        self.docs.get(package).map_or(&[], Vec::as_slice)
    }

    /// Whether the site has documentation of a version.
    pub fn has_docs(&self, package: &PackageName, version: &Version) -> bool {
        self.docs_of(package).binary_search(version).is_ok()
    }
}

/// The packages, and which uses which. What is inside of them is not read.
pub(super) fn index(packages: &[SignedPackage]) -> PackageIndex {
    let mut index = PackageIndex::new();
    index.update(packages.iter().filter_map(indexed));
    index
}

fn indexed(package: &SignedPackage) -> Option<IndexedPackage> {
    let release = package.releases.recommended()?;
    let dependencies = release.dependencies.iter().map(|one| PackageDependency {
        repository: one.repository.clone(),
        name: one.package.clone(),
    });
    Some(IndexedPackage {
        name: package.releases.package.clone(),
        version: Some(release.version.clone()),
        releases: package.releases.releases.len(),
        published_at: published_at(release),
        updated_at: package.updated_at,
        first_published_at: package.releases.releases.iter().filter_map(published_at).min(),
        is_retired: release.remarks.retired.is_some(),
        advisories: release.remarks.advisories.len(),
        dependencies: dependencies.collect(),
        source: [0; 32],
        inside: Inside::Unread,
    })
}

fn published_at(release: &Release) -> Option<UnixSeconds> {
    release.remarks.published_at.as_ref().map(|time| time.seconds)
}

/// Which documentation a site has: as chosen, and what is pinned.
pub(super) fn docs(
    source: &SiteSource<'_>,
    choice: DocsChoice,
    pinned: &BTreeSet<FileName>,
) -> BTreeMap<PackageName, Vec<Version>> {
    let mut docs = BTreeMap::new();
    for (package, versions) in &source.docs {
        let signed = source.package(package).map(|signed| &signed.releases);
        let is_named = |version: &&Version| match signed {
            Some(signed) => signed.release(version).is_some(),
            None => is_elixirs(package),
        };
        let versions: Vec<&Version> = versions.keys().filter(is_named).collect();
        let is_pinned = |version: &Version| {
            let (package, version) = (package.clone(), version.clone());
            pinned.contains(&FileName { package, version })
        };
        let latest = latest(versions.iter().copied());
        let is_chosen = |version: &&Version| match choice {
            DocsChoice::All => true,
            DocsChoice::Latest => Some(*version) == latest || is_pinned(version),
            DocsChoice::None => is_pinned(version),
        };
        let chosen: Vec<Version> = versions.into_iter().filter(is_chosen).cloned().collect();
        if !chosen.is_empty() {
            docs.insert(package.clone(), chosen);
        }
    }
    docs
}

/// The version whose documentation is shown where none is named: the latest stable one, else the latest.
pub(super) fn latest<'a>(versions: impl Iterator<Item = &'a Version>) -> Option<&'a Version> {
    versions.max_by_key(|version| (!version.is_pre_release(), *version))
}

/// Without the versions whose archives cannot be used.
pub(super) fn usable(
    mut docs: BTreeMap<PackageName, Vec<Version>>,
    archives: &BTreeMap<FileName, Archive>,
) -> BTreeMap<PackageName, Vec<Version>> {
    for (package, versions) in &mut docs {
        versions.retain(|version| {
            let release = FileName { package: package.clone(), version: version.clone() };
            archives.get(&release).is_some_and(|archive| archive.is_usable)
        });
    }
    docs.retain(|_, versions| !versions.is_empty());
    docs
}
