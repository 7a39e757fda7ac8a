//! The list of what came lately.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::comparison::{PackageDetails, compare};
use super::registry_change::{ChangeKind, RegistryChange, by_time};
use crate::name::PackageName;
use crate::package::{RetirementReason, UnixSeconds};
use crate::registry::{Releases, Versions};
use crate::version::Version;

/// The most changes that are kept.
pub const MOST_CHANGES: usize = 1_000;

/// The most bytes that are decoded. A list of the longest texts has fewer.
const MOST_BYTES: usize = 16 << 20;

/// What came lately, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentChanges {
    changes: Vec<RegistryChange>,
}

impl RecentChanges {
    /// All changes, newest first.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &RegistryChange> + ExactSizeIterator {
        self.changes.iter()
    }

    /// Adds what differs between two states of the index. `details` reads the file of a package, and is called for
    /// packages that changed.
    ///
    /// What was removed is no longer listed as new, retired or advised against.
    pub fn observe(
        &mut self,
        before: &Versions,
        after: &Versions,
        seen_at: UnixSeconds,
        details: &PackageDetails<'_>,
    ) {
        let added = compare(before, after, seen_at, details, MOST_CHANGES);
        let removed = added.iter().filter(|change| change.kind == ChangeKind::Removed);
        let removed: HashSet<_> =
            removed.map(|change| (&change.package, &change.version)).collect();
        self.changes.retain(|change| {
            change.kind == ChangeKind::Removed
                || !(removed.contains(&(&change.package, &change.version))
                    || removed.contains(&(&change.package, &None)))
        });
        self.changes.extend(added);
        self.settle();
    }

    /// Adds the releases of a package by the time at which they were published, so that a list which has seen no state
    /// before begins with the latest. The newest release takes `updated_at`, the time of the package in the index, if the
    /// registry does not say when it was published. A release that is listed already is not added.
    pub fn add_published(&mut self, releases: &Releases, updated_at: Option<UnixSeconds>) {
        let newest = releases.releases.iter().map(|release| &release.version).max();
        let dated = releases.releases.iter().filter_map(|release| {
            let published = release.remarks.published_at.as_ref().map(|time| time.seconds);
            let fallback = updated_at.filter(|_| Some(&release.version) == newest);
            Some((&release.version, published.or(fallback)?))
        });
        let mut dated: Vec<(&Version, UnixSeconds)> = dated.collect();
        dated.sort_by_key(|(version, time)| (*time, *version));
        // The first release of a package is the package's, unless an undated one may be older.
        let is_whole = dated.len() == releases.releases.len();
        for (at, (version, time)) in dated.into_iter().enumerate() {
            let is_first = at == 0 && is_whole;
            let kind = if is_first { ChangeKind::NewPackage } else { ChangeKind::NewRelease };
            self.add(RegistryChange {
                package: releases.package.clone(),
                version: Some(version.clone()),
                kind,
                seen_at: None,
                published_at: Some(time),
            });
        }
    }

    fn add(&mut self, change: RegistryChange) {
        let place = self.changes.partition_point(|one| by_time(one, &change).is_le());
        let is_listed = |one: &RegistryChange| {
            one.is_new_release() && one.package == change.package && one.version == change.version
        };
        if place < MOST_CHANGES && !self.changes.iter().any(is_listed) {
            self.changes.insert(place, change);
            self.changes.truncate(MOST_CHANGES);
        }
    }

    fn settle(&mut self) {
        self.changes.sort_by(by_time);
        self.changes.truncate(MOST_CHANGES);
    }

    /// The list as bytes, for a cache.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let stored: Vec<_> = self.changes.iter().map(StoredChange::of).collect();
        postcard::to_stdvec(&stored).unwrap_or_default()
    }

    /// The inverse of [`encode`](Self::encode); `None` of bytes that are no list.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MOST_BYTES {
            return None;
        }
        let (stored, rest) = postcard::take_from_bytes::<Vec<StoredChange>>(bytes).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let changes = stored.into_iter().map(StoredChange::into_change).collect::<Option<_>>()?;
        let mut recent = Self { changes };
        recent.settle();
        Some(recent)
    }
}

/// A change in the cache.
#[derive(Serialize, Deserialize)]
struct StoredChange {
    package: String,
    version: Option<String>,
    kind: StoredKind,
    seen_at: Option<i64>,
    published_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
enum StoredKind {
    NewPackage,
    NewRelease,
    Retired(Option<i32>, Option<String>),
    Unretired,
    Advised(Vec<String>),
    Removed,
}

impl StoredChange {
    fn of(change: &RegistryChange) -> Self {
        let kind = match &change.kind {
            ChangeKind::NewPackage => StoredKind::NewPackage,
            ChangeKind::NewRelease => StoredKind::NewRelease,
            ChangeKind::Retired { reason, message } => {
                StoredKind::Retired(reason.map(RetirementReason::number), message.clone())
            }
            ChangeKind::Unretired => StoredKind::Unretired,
            ChangeKind::Advised { ids } => StoredKind::Advised(ids.clone()),
            ChangeKind::Removed => StoredKind::Removed,
        };
        Self {
            package: change.package.to_string(),
            version: change.version.as_ref().map(ToString::to_string),
            kind,
            seen_at: change.seen_at.map(|time| time.0),
            published_at: change.published_at.map(|time| time.0),
        }
    }

    fn into_change(self) -> Option<RegistryChange> {
        let kind = match self.kind {
            StoredKind::NewPackage => ChangeKind::NewPackage,
            StoredKind::NewRelease => ChangeKind::NewRelease,
            StoredKind::Retired(reason, message) => {
                let reason = reason.map(RetirementReason::from_number);
                ChangeKind::Retired { reason, message }
            }
            StoredKind::Unretired => ChangeKind::Unretired,
            StoredKind::Advised(ids) => ChangeKind::Advised { ids },
            StoredKind::Removed => ChangeKind::Removed,
        };
        Some(RegistryChange {
            package: self.package.parse::<PackageName>().ok()?,
            version: self.version.map(|version| version.parse()).transpose().ok()?,
            kind,
            seen_at: self.seen_at.map(UnixSeconds),
            published_at: self.published_at.map(UnixSeconds),
        })
    }
}

#[cfg(test)]
mod tests;
