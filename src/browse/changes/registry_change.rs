//! One change of a registry.

use std::cmp::Ordering;

use crate::name::PackageName;
use crate::package::{RetirementReason, UnixSeconds};
use crate::version::Version;

/// One change of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryChange {
    /// The package.
    pub package: PackageName,
    /// The release; of a new package the newest one. `None` if the package was removed.
    pub version: Option<Version>,
    /// What changed.
    pub kind: ChangeKind,
    /// When this server saw it; `None` of a release that was there when it looked for the first time.
    pub seen_at: Option<UnixSeconds>,
    /// When the release was published, if the registry says so.
    pub published_at: Option<UnixSeconds>,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The package is new.
    NewPackage,
    /// The release is new.
    NewRelease,
    /// The release was retired.
    Retired {
        /// Why; `None` if the file of the package could not be read.
        reason: Option<RetirementReason>,
        /// The explanation of the person who retired it.
        message: Option<String>,
    },
    /// The release is no longer retired.
    Unretired,
    /// There is an advisory of the release. Further ones of the same release are not seen: the index says only whether
    /// there is any.
    Advised {
        /// The identifiers of the advisories.
        ids: Vec<String>,
    },
    /// The release, or the package, was removed.
    Removed,
}

impl RegistryChange {
    /// The time by which it is sorted: when it was seen; else when it was published. A release that was published years
    /// ago and mirrored today came today.
    #[must_use]
    pub fn time(&self) -> UnixSeconds {
        self.seen_at.or(self.published_at).unwrap_or(UnixSeconds(i64::MIN))
    }

    /// Whether it says that a release is there: a new one, or that of a new package.
    #[must_use]
    pub fn is_new_release(&self) -> bool {
        matches!(self.kind, ChangeKind::NewPackage | ChangeKind::NewRelease)
    }
}

impl ChangeKind {
    /// What matters most comes first.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Advised { .. } => 0,
            Self::Retired { .. } => 1,
            Self::Unretired => 2,
            Self::Removed => 3,
            Self::NewPackage => 4,
            Self::NewRelease => 5,
        }
    }
}

/// The order of a list: newest first. Changes of one time are sorted by the time of publishing, then by package, version
/// and kind.
pub(super) fn by_time(one: &RegistryChange, other: &RegistryChange) -> Ordering {
    let newest_first = other.time().cmp(&one.time());
    newest_first
        .then_with(|| other.published_at.cmp(&one.published_at))
        .then_with(|| one.package.cmp(&other.package))
        .then_with(|| other.version.cmp(&one.version))
        .then_with(|| one.kind.rank().cmp(&other.kind.rank()))
}
