//! Upstream's two indexes: what they say of each package, and whether they are older than the mirror's.

use std::collections::{BTreeMap, BTreeSet};

use super::file_error::FileError;
use crate::name::PackageName;
use crate::package::{Marks, UnixSeconds};
use crate::registry::{ListedVersion, Names, Versions};
use crate::version::Version;

/// What `versions` and `names` say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indexes {
    pub packages: BTreeMap<PackageName, Listing>,
}

/// What the indexes say of one package. As long as this stays the same, so does the package's own file, except for
/// new advisories and retirements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Ascending.
    pub versions: Vec<ListedVersion>,
    /// When upstream last changed the package, if `names` says so.
    pub updated_at: Option<UnixSeconds>,
}

/// `names` or `versions`, decoded.
#[derive(Clone, Debug)]
pub(super) enum Index {
    Names(Names),
    Versions(Versions),
}

/// The error if upstream's `names` is older than the mirror's, by the newest change in each. Packages in `accept` may
/// have lost their change, and a package may be missing if `may_be_removed`: the newest package may be one that its owner
/// took back.
pub(super) fn rollback(
    held: Option<&Index>,
    new: &Index,
    accept: &BTreeSet<PackageName>,
    may_be_removed: impl Fn(&PackageName) -> bool,
) -> Option<FileError> {
    let (Some(Index::Names(held)), Index::Names(new)) = (held, new) else { return None };
    let named: BTreeSet<&PackageName> = new.packages.iter().map(|(name, _)| name).collect();
    let newest = new.packages.iter().filter_map(|(_, updated_at)| *updated_at).max();
    let newer = held.packages.iter().filter_map(|(name, updated_at)| {
        let updated_at = updated_at.filter(|at| newest.is_none_or(|newest| *at > newest))?;
        let may_lack = || !named.contains(name) && may_be_removed(name);
        (!accept.contains(name) && !may_lack()).then(|| (name.clone(), updated_at))
    });
    let mut newer: Vec<_> = newer.collect();
    newer.sort_by(|(a, first), (b, second)| second.cmp(first).then_with(|| a.cmp(b)));
    (!newer.is_empty()).then_some(FileError::RolledBack { newest, held: newer })
}

/// Releases of `held` that `new` lacks: one of each package, of so many packages at most. Of `names` there are none.
pub(super) fn lost(held: Option<&Index>, new: &Index, most: usize) -> Vec<(PackageName, Version)> {
    let (Some(Index::Versions(held)), Index::Versions(new)) = (held, new) else {
        return Vec::new();
    };
    let new: BTreeMap<&PackageName, &Vec<ListedVersion>> =
        new.packages.iter().map(|(name, listed)| (name, listed)).collect();
    let lost = held.packages.iter().filter_map(|(name, listed)| {
        let new = new.get(name).map(|listed| listed.as_slice()).unwrap_or_default();
        let new: BTreeSet<&Version> = new.iter().map(|listed| &listed.version).collect();
        let mut lost = listed.iter().filter(|listed| !new.contains(&listed.version));
        Some((name.clone(), lost.next()?.version.clone()))
    });
    lost.take(most).collect()
}

impl Indexes {
    /// Joins both indexes. Consumes them: those of a large registry take some hundred MB.
    pub fn of(indexes: [Index; 2]) -> Self {
        let mut packages: BTreeMap<PackageName, Listing> = BTreeMap::new();
        for index in indexes {
            match index {
                Index::Names(names) => {
                    for (name, updated_at) in names.packages {
                        packages.entry(name).or_default().updated_at = updated_at;
                    }
                }
                Index::Versions(index) => {
                    for (name, versions) in index.packages {
                        packages.entry(name).or_default().versions = versions;
                    }
                }
            }
        }
        Self { packages }
    }
}

impl Listing {
    /// Whether a release is retired or has advisories. Their texts may change while the indexes stay the same.
    pub fn is_marked(&self) -> bool {
        self.versions.iter().any(|listed| listed.marks != Marks::default())
    }

    /// A digest by which a later run sees whether it has changed.
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
