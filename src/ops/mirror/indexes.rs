//! What upstream's two indexes say of each package.

use std::collections::BTreeMap;

use crate::name::{PackageName, RepositoryName};
use crate::package::UnixSeconds;
use crate::registry::{DecodeError, Marks, Names, Payload, Versions};
use crate::version::Version;

/// What `versions` and `names` say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indexes {
    pub packages: BTreeMap<PackageName, Listing>,
}

/// What they say of one package: as long as it stays, so does the package's own file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Ascending.
    pub versions: Vec<Version>,
    /// Of each version.
    pub marks: Vec<Marks>,
    /// When upstream last changed it, where it says so.
    pub updated_at: Option<UnixSeconds>,
}

/// `names` or `versions`, decoded.
#[derive(Clone, Debug)]
pub(super) enum Index {
    Names(Names),
    Versions(Versions, Vec<Vec<Marks>>),
}

impl Index {
    pub fn decode_names(payload: &Payload) -> Result<Self, DecodeError> {
        Names::decode(payload).map(Self::Names)
    }

    pub fn decode_versions(payload: &Payload) -> Result<Self, DecodeError> {
        Ok(Self::Versions(Versions::decode(payload)?, Marks::decode(payload)?))
    }

    pub fn repository(&self) -> &RepositoryName {
        match self {
            Self::Names(names) => &names.repository,
            Self::Versions(versions, _) => &versions.repository,
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
                Index::Versions(versions, marks) => {
                    for ((name, versions), marks) in versions.packages.iter().zip(marks) {
                        let listing = packages.entry(name.clone()).or_default();
                        (listing.versions, listing.marks) = (versions.clone(), marks.clone());
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
        for (version, marks) in self.versions.iter().zip(&self.marks) {
            let Marks { retired, with_advisories } = marks;
            hasher.update(format!("\n{version} {retired} {with_advisories}").as_bytes());
        }
        hasher.finalize().to_hex().chars().take(32).collect()
    }
}
