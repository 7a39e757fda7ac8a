//! A summary of a repository.

use crate::key::{KeyError, PublicKey};
use crate::name::{PackageName, RepositoryName};
use crate::published::DocumentError;
use crate::registry::{ListedVersion, Versions};
use crate::store::StoreError;
use crate::version::Version;

/// The state of a repository.
#[derive(Debug)]
pub enum RepositoryState {
    /// Its `versions` is signed by its key.
    Built(Overview),
    /// It has no `versions`.
    NotBuilt,
    /// It has files that clients refuse.
    Unsound(OverviewError),
}

/// A summary of `versions`.
#[derive(Debug)]
pub struct Overview {
    /// The name of the repository in its signed files.
    pub repository: RepositoryName,
    /// The key that signed it.
    pub key: PublicKey,
    /// Sorted by name.
    pub packages: Vec<PackageSummary>,
    /// The number of releases of all packages.
    pub releases: usize,
}

/// A package in an [`Overview`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageSummary {
    /// The name of the package.
    pub name: PackageName,
    /// The latest stable release, or the latest of all if none is stable. A retired one only if there is no other.
    pub latest: Option<Version>,
    /// The number of its releases.
    pub releases: usize,
}

/// Why clients refuse a repository.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each variant is")]
pub enum OverviewError {
    #[error("public_key is missing")]
    NoKey,
    #[error("public_key cannot be used")]
    Key(#[source] KeyError),
    /// Damaged, or signed by another key.
    #[error("versions cannot be trusted")]
    Versions(#[source] DocumentError),
    /// Signed, and another message.
    #[error("versions cannot be understood")]
    Contents(#[source] DocumentError),
    #[error("a file cannot be read")]
    Unreadable(#[source] StoreError),
}

impl Overview {
    /// A package of this name.
    #[must_use]
    pub fn package(&self, name: &PackageName) -> Option<&PackageSummary> {
        let at = self.packages.binary_search_by(|one| one.name.cmp(name)).ok()?;
        self.packages.get(at)
    }

    /// Summarizes what `key` signed.
    #[must_use]
    pub fn new(key: PublicKey, versions: Versions) -> Self {
        let packages = versions.packages.into_iter().map(|(name, versions)| PackageSummary {
            name,
            releases: versions.len(),
            latest: recommended(versions),
        });
        let mut packages: Vec<PackageSummary> = packages.collect();
        // mix writes the file in any order.
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Self::of(versions.repository, key, packages)
    }

    /// Without the packages of some names; `None` if it has none of them.
    #[must_use]
    pub fn without(&self, is_hidden: impl Fn(&PackageName) -> bool) -> Option<Self> {
        if !self.packages.iter().any(|package| is_hidden(&package.name)) {
            return None;
        }
        let shown = self.packages.iter().filter(|package| !is_hidden(&package.name));
        let (repository, key) = (self.repository.clone(), self.key.clone());
        Some(Self::of(repository, key, shown.cloned().collect()))
    }

    /// A repository with these packages.
    #[must_use]
    pub fn of(repository: RepositoryName, key: PublicKey, packages: Vec<PackageSummary>) -> Self {
        let releases = packages.iter().map(|package| package.releases).sum();
        Self { repository, key, packages, releases }
    }
}

/// The latest release that is not retired, else the latest retired one.
fn recommended(versions: Vec<ListedVersion>) -> Option<Version> {
    let (retired, good): (Vec<_>, Vec<_>) =
        versions.into_iter().partition(|listed| listed.marks.retired);
    let of =
        |versions: Vec<ListedVersion>| versions.into_iter().map(|listed| listed.version).collect();
    latest(of(good)).or_else(|| latest(of(retired)))
}

fn latest(versions: Vec<Version>) -> Option<Version> {
    versions.into_iter().max_by(|a, b| {
        let rank = |version: &Version| !version.is_pre_release();
        rank(a).cmp(&rank(b)).then_with(|| a.cmp(b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(versions: &[&str]) -> Option<String> {
        let versions = versions.iter().map(|version| version.parse().unwrap());
        latest(versions.collect()).map(|version| version.to_string())
    }

    #[test]
    fn the_latest_is_stable_where_one_is() {
        assert_eq!(of(&["1.9.0", "1.10.0", "2.0.0-rc.1"]).unwrap(), "1.10.0");
        assert_eq!(of(&["0.1.0", "0.10.0", "0.9.0"]).unwrap(), "0.10.0");
        assert_eq!(of(&["1.0.0-rc.2", "1.0.0-rc.10", "1.0.0-beta"]).unwrap(), "1.0.0-rc.10");
        assert_eq!(of(&[]), None);
    }
}
