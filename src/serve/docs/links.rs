//! What links of documentation may lead to on this server.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::listing::DocsListing;
use crate::browse::pages::Urls;
use crate::docs::links::{DocsLinks, nearest};
use crate::name::PackageName;
use crate::serve::own_names::{self, HiddenNames};
use crate::serve::repository::Repository;
use crate::version::Version;

/// What is escaped in a list of packages in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b',');

/// A repository that documentation leads to.
struct LinkedRepository {
    repository: Arc<Repository>,
    listing: Arc<DocsListing>,
    hidden: HiddenNames,
    /// As seen from the root of the documentation of the page.
    urls: Urls,
}

/// What links of the documentation of one repository may lead to: the repository of the page comes first.
pub(super) struct LinkedRepositories {
    all: Vec<LinkedRepository>,
    /// The page of the repository, as seen from the root of the documentation of the page.
    home: String,
    /// What is different if something else is here, or elsewhere.
    pub context: [u8; 32],
}

impl LinkedRepositories {
    /// `registry` is the way from the root of documentation to the server, with a slash at its end.
    ///
    /// The page of a stranger can ask its own links what is here. So it is told of private packages only if it is one of
    /// these itself: the documentation of a repository that everyone may read leads to others that everyone may read, and
    /// that of strangers' packages too.
    pub async fn of(all: &[Arc<Repository>], own: &Arc<Repository>, registry: &str) -> Self {
        let tells_all = own.needs_credentials && !own.has_upstream();
        let others = all
            .iter()
            .filter(|other| !Arc::ptr_eq(other, own) && (tells_all || !other.needs_credentials));
        let mut linked = Vec::new();
        let mut hasher = blake3::Hasher::new();
        hasher.update(registry.as_bytes());
        for repository in std::iter::once(own).chain(others) {
            let listing = repository.pages.docs.current().await;
            hasher.update(&[0]).update(repository.mount.label().as_bytes());
            hasher.update(&listing.generation.to_le_bytes());
            let path = repository.mount.path();
            let path = path.trim_start_matches('/');
            let slash = if path.is_empty() { "" } else { "/" };
            linked.push(LinkedRepository {
                repository: Arc::clone(repository),
                listing,
                hidden: own_names::hidden(all, repository).await,
                urls: Urls::below(format!("{registry}{path}{slash}")),
            });
        }
        // Own packages come before those of strangers.
        if let Some((_, others)) = linked.split_first_mut() {
            others.sort_by_key(|other| other.repository.has_upstream());
        }
        let home = linked.first().map_or_else(String::new, |own| own.urls.home().to_owned());
        Self { all: linked, home, context: *hasher.finalize().as_bytes() }
    }

    /// The page of the repository, as seen from the root of the documentation of the page.
    pub fn home(&self) -> &str {
        &self.home
    }

    /// The versions of a package that have documentation in the repository of the page. May block.
    pub fn own_versions(&self, package: &PackageName) -> Vec<Version> {
        self.all.first().map_or_else(Vec::new, |own| own.versions(package))
    }

    /// Another repository that has documentation of a package, in this version if there is one. May block.
    pub fn elsewhere(
        &self,
        package: &PackageName,
        version: Option<&Version>,
    ) -> Option<&Arc<Repository>> {
        let mut others = self.all.iter().skip(1);
        let other = others.find(|other| {
            let versions = other.versions(package);
            version.map_or(!versions.is_empty(), |version| versions.contains(version))
        })?;
        Some(&other.repository)
    }

    /// The names of packages with documentation, in order.
    pub fn names(&self) -> Vec<&str> {
        let shown = |one: &&LinkedRepository, name: &&PackageName| !one.hidden.include(name);
        let names = self.all.iter().flat_map(|one| {
            one.listing.names().filter(move |name| shown(&one, name)).map(PackageName::as_str)
        });
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl LinkedRepository {
    fn versions(&self, package: &PackageName) -> Vec<Version> {
        if self.hidden.include(package) {
            return Vec::new();
        }
        let here = self.listing.versions(package);
        // What is not here yet is fetched when a reader follows the link.
        if here.is_empty() && self.repository.is_pulled() {
            return self.released(package);
        }
        here
    }

    fn released(&self, package: &PackageName) -> Vec<Version> {
        self.repository.releases.signed_versions(package).unwrap_or_default()
    }

    /// Whether it has a package, and shows it.
    fn has(&self, package: &PackageName) -> bool {
        !self.hidden.include(package) && self.listing.has(package)
    }
}

impl LinkedRepositories {
    fn with_package(&self, package: &str) -> Option<(&LinkedRepository, PackageName)> {
        let package: PackageName = package.parse().ok()?;
        let found = self.all.iter().find(|one| one.has(&package))?;
        Some((found, package))
    }
}

impl DocsLinks for LinkedRepositories {
    fn nearest(&self, package: &str, version: Option<&Version>) -> Option<Version> {
        let package: PackageName = package.parse().ok()?;
        let versions = self.all.iter().map(|one| one.versions(&package));
        let versions = versions.into_iter().find(|versions| !versions.is_empty())?;
        nearest(version, &versions).cloned()
    }

    fn package_url(&self, package: &str, version: Option<&Version>) -> Option<String> {
        let (found, package) = self.with_package(package)?;
        let is_released = |version: &&Version| found.released(&package).contains(version);
        Some(match version.filter(is_released) {
            Some(version) => found.urls.release(package.as_str(), version),
            None => found.urls.package(package.as_str()),
        })
    }

    fn file_url(&self, package: &str, version: &Version, path: Option<&str>) -> Option<String> {
        let (found, package) = self.with_package(package)?;
        if !found.released(&package).contains(version) {
            return None;
        }
        Some(match path {
            Some(path) => found.urls.file(package.as_str(), version, path),
            None => found.urls.files(package.as_str(), version),
        })
    }

    fn search_url(&self, packages: &[&str]) -> Option<String> {
        let home = &self.home;
        Some(match packages {
            [] => format!("{home}search?q="),
            [name] if !name.contains('-') => {
                format!("{home}search?package={}&q=", utf8_percent_encode(name, QUERY))
            }
            several => {
                let list = several.join(",");
                format!("{home}search?packages={}&q=", utf8_percent_encode(&list, QUERY))
            }
        })
    }
}
