//! What upstream's two indexes say of each package.

use std::collections::BTreeMap;

use crate::name::{PackageName, RepositoryName};
use crate::package::{Marks, UnixSeconds};
use crate::registry::{DecodeError, ListedVersion, Names, Payload, Versions};

/// What `versions` and `names` say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indexes {
    pub packages: BTreeMap<PackageName, Listing>,
}

/// What they say of one package: as long as it stays, so does the package's own file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Ascending.
    pub versions: Vec<ListedVersion>,
    /// When upstream last changed it, where it says so.
    pub updated_at: Option<UnixSeconds>,
}

/// `names` or `versions`, decoded.
#[derive(Clone, Debug)]
pub(super) enum Index {
    Names(Names),
    Versions(Versions),
}

impl Index {
    pub fn decode_names(payload: &Payload) -> Result<Self, DecodeError> {
        Names::decode(payload).map(Self::Names)
    }

    pub fn decode_versions(payload: &Payload) -> Result<Self, DecodeError> {
        Versions::decode(payload).map(Self::Versions)
    }

    pub fn repository(&self) -> &RepositoryName {
        match self {
            Self::Names(names) => &names.repository,
            Self::Versions(versions) => &versions.repository,
        }
    }
}

impl Indexes {
    /// What is in neither is no package.
    pub fn of(indexes: [&Index; 2]) -> Self {
        let mut packages: BTreeMap<PackageName, Listing> = BTreeMap::new();
        for index in indexes {
            match index {
                Index::Names(names) => {
                    for (name, updated_at) in &names.packages {
                        packages.entry(name.clone()).or_default().updated_at = *updated_at;
                    }
                }
                Index::Versions(index) => {
                    for (name, versions) in &index.packages {
                        packages.entry(name.clone()).or_default().versions.clone_from(versions);
                    }
                }
            }
        }
        Self { packages }
    }
}

impl Listing {
    /// By which it is known again.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let updated_at = self.updated_at.map(|UnixSeconds(seconds)| seconds);
        hasher.update(format!("{updated_at:?}").as_bytes());
        for ListedVersion { version, marks } in &self.versions {
            let Marks { retired, with_advisories } = marks;
            hasher.update(format!("\n{version} {retired} {with_advisories}").as_bytes());
        }
        hasher.finalize().to_hex().chars().take(32).collect()
    }
}
