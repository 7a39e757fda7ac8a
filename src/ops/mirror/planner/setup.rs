//! The input of a plan.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::{PackageName, RepositoryName};
use crate::ops::mirror::indexes::{Indexes, Listing};
use crate::ops::mirror::selection::Want;
use crate::package::UnixSeconds;
use crate::tarball::FileName;

/// What the mirror has.
#[derive(Clone, Debug, Default)]
pub(crate) struct MirrorContents {
    pub packages: BTreeSet<PackageName>,
    pub tarballs: BTreeSet<FileName>,
    pub docs: BTreeSet<FileName>,
    /// Releases without documentation upstream when their package was fetched.
    pub without_docs: BTreeSet<FileName>,
    /// The [digest](Listing::digest) of what the indexes said of each package when its file was fetched.
    pub listings: BTreeMap<PackageName, String>,
    /// The time of the last request for each package's file.
    pub asked: BTreeMap<PackageName, UnixSeconds>,
    /// The time of a failed request after that.
    pub failed: BTreeMap<PackageName, UnixSeconds>,
}

/// The input of a plan.
#[derive(Debug)]
pub(crate) struct Setup {
    pub repository: RepositoryName,
    /// What is selected of each package; `None` means all releases of all packages.
    pub wants: Option<BTreeMap<PackageName, Vec<Want>>>,
    pub upstream: Indexes,
    pub contents: MirrorContents,
    pub docs: bool,
    /// Packages whose file is taken even if upstream lost or changed releases.
    pub accept: BTreeSet<PackageName>,
    pub refresh: Refresh,
    pub now: UnixSeconds,
}

/// Which packages are requested although the indexes say that they have not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refresh {
    /// All selected packages, without conditions. Files on the disk are checked.
    pub all: bool,
    /// All selected packages, as soon as one of them was not requested for this many seconds.
    pub after: i64,
}

impl Setup {
    /// What upstream's indexes say of a package.
    pub fn listing(&self, name: &PackageName) -> Option<&Listing> {
        self.upstream.packages.get(name)
    }

    /// Whether the indexes say of a package what they said when its file was fetched.
    pub fn is_current(&self, name: &PackageName, listing: &Listing) -> bool {
        let Self { contents, .. } = self;
        contents.packages.contains(name) && contents.listings.get(name) == Some(&listing.digest())
    }

    /// Whether a package that is current was not requested for too long.
    pub fn is_overdue(&self, name: &PackageName) -> bool {
        let Self { contents, refresh, now, .. } = self;
        let listing = self.listing(name);
        listing.is_some_and(|listing| self.is_current(name, listing))
            && refresh.is_due(contents.asked.get(name).copied(), *now)
    }

    /// Whether a package is overdue, and not because the last request for it failed: then only this package is
    /// requested again.
    pub fn demands_full_check(&self, name: &PackageName) -> bool {
        let failed = self.contents.failed.get(name).copied();
        self.is_overdue(name) && self.refresh.is_due(failed, self.now)
    }
}

impl Refresh {
    /// Whether it is time to request a package again. A time in the future counts as unknown.
    pub fn is_due(self, asked: Option<UnixSeconds>, now: UnixSeconds) -> bool {
        let age = asked.map(|asked| now.0.saturating_sub(asked.0));
        self.all || age.is_none_or(|age| !(0..self.after).contains(&age))
    }
}
