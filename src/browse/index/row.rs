//! A row as it lies in memory: encoded, as it is shown seldom and there are many.

use serde::{Deserialize, Serialize};

use super::package::{IndexedPackage, PackageDependency, PackageInside, PackageRow};
use super::words::beginning;
use crate::name::PackageName;
use crate::package::UnixSeconds;

/// The longest description that is kept, in bytes. hex.pm allows 300.
pub(super) const MAX_DESCRIPTION: usize = 4 << 10;

/// How many licences are kept, and how long each.
const MAX_LICENSES: usize = 32;
const MAX_LICENSE: usize = 200;

/// The fields of a row, borrowed from its bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredRow<'a> {
    #[serde(borrow)]
    version: Option<&'a str>,
    releases: usize,
    published_at: Option<i64>,
    updated_at: Option<i64>,
    first_published_at: Option<i64>,
    is_retired: bool,
    advisories: usize,
    source: [u8; 32],
    /// Repository and name.
    pub dependencies: Vec<(Option<&'a str>, &'a str)>,
    pub inside: StoredInside<'a>,
}

/// What is kept of the inside of a package.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct StoredInside<'a> {
    source: Option<[u8; 32]>,
    #[serde(borrow)]
    description: &'a str,
    licenses: Vec<&'a str>,
}

impl<'a> StoredRow<'a> {
    /// The row of a package with this inside.
    pub(super) fn encode(package: &IndexedPackage, inside: StoredInside<'_>) -> Box<[u8]> {
        let version = package.version.as_ref().map(ToString::to_string);
        let seconds = |time: Option<UnixSeconds>| time.map(|time| time.0);
        let dependencies = package.dependencies.iter();
        let row = StoredRow {
            version: version.as_deref(),
            releases: package.releases,
            published_at: seconds(package.published_at),
            updated_at: seconds(package.updated_at),
            first_published_at: seconds(package.first_published_at),
            is_retired: package.is_retired,
            advisories: package.advisories,
            source: package.source,
            dependencies: dependencies
                .map(|it| (it.repository.as_deref(), it.name.as_str()))
                .collect(),
            inside,
        };
        // Encoding into memory does not fail.
        postcard::to_stdvec(&row).unwrap_or_default().into()
    }

    /// Reads a row; `None` if it is damaged.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    /// When the latest release was published, as far as that is known.
    pub(super) fn date(&self) -> i64 {
        self.published_at.or(self.updated_at).unwrap_or(i64::MIN)
    }

    /// The row as it is shown.
    pub(super) fn show(&self, name: &PackageName, dependents: usize) -> PackageRow {
        let time = |seconds: Option<i64>| seconds.map(UnixSeconds);
        let dependencies = self.dependencies.iter().map(|(repository, name)| PackageDependency {
            repository: repository.map(str::to_owned),
            name: (*name).to_owned(),
        });
        PackageRow {
            name: name.clone(),
            version: self.version.and_then(|version| version.parse().ok()),
            releases: self.releases,
            published_at: time(self.published_at),
            updated_at: time(self.updated_at),
            first_published_at: time(self.first_published_at),
            is_retired: self.is_retired,
            advisories: self.advisories,
            dependencies: dependencies.collect(),
            source: self.source,
            inside_source: self.inside.source,
            description: self.inside.description.to_owned(),
            licenses: self.inside.licenses.iter().map(|it| (*it).to_owned()).collect(),
            dependents,
        }
    }
}

impl<'a> StoredInside<'a> {
    pub(super) fn of(inside: &'a PackageInside) -> Self {
        let licenses = inside.licenses.iter().take(MAX_LICENSES);
        Self {
            source: Some(inside.source),
            description: beginning(&inside.description, MAX_DESCRIPTION),
            licenses: licenses.map(|license| beginning(license, MAX_LICENSE)).collect(),
        }
    }

    /// Whether a tarball was read.
    pub(super) fn is_read(&self) -> bool {
        self.source.is_some()
    }

    pub(super) fn description(&self) -> &'a str {
        self.description
    }

    pub(super) fn licenses(&self) -> &[&'a str] {
        &self.licenses
    }
}
