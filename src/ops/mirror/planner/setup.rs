//! What a plan is made from.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::{PackageName, RepositoryName};
use crate::ops::mirror::indexes::Indexes;
use crate::ops::mirror::selection::Want;
use crate::package::UnixSeconds;
use crate::tarball::FileName;

/// What the mirror has.
#[derive(Clone, Debug, Default)]
pub(in crate::ops::mirror) struct MirrorContents {
    pub packages: BTreeSet<PackageName>,
    pub tarballs: BTreeSet<FileName>,
    pub docs: BTreeSet<FileName>,
    /// Those of which upstream had none when their package was fetched.
    pub without_docs: BTreeSet<FileName>,
    /// What the indexes said of each package when its file was fetched: [`Listing::digest`](crate::ops::mirror::indexes::Listing::digest).
    pub listings: BTreeMap<PackageName, String>,
    /// When upstream was last asked for each package's file.
    pub asked: BTreeMap<PackageName, UnixSeconds>,
    /// When it was last asked in vain, of packages where that was later.
    pub failed: BTreeMap<PackageName, UnixSeconds>,
}

/// What a plan is made from.
#[derive(Debug)]
pub(in crate::ops::mirror) struct Setup {
    pub repository: RepositoryName,
    /// What is wanted of each package; without, everything.
    pub wants: Option<BTreeMap<PackageName, Vec<Want>>>,
    pub upstream: Indexes,
    pub known: MirrorContents,
    pub docs: bool,
    /// Packages of which is taken what upstream says, though it lost or changed releases.
    pub accept: BTreeSet<PackageName>,
    pub refresh: Refresh,
    pub now: UnixSeconds,
}

/// Of what upstream is asked again though its indexes say that it has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops::mirror) struct Refresh {
    /// All that is wanted, whole, and what is on the disk is read again.
    pub all: bool,
    /// The packages that are wanted, once one of them was not asked for in so many seconds.
    pub after: i64,
}

impl Refresh {
    /// Whether it is time to ask for a package again. A time that has not come yet is one that is not known.
    pub fn is_due(self, asked: Option<UnixSeconds>, now: UnixSeconds) -> bool {
        let age = asked.map(|asked| now.0.saturating_sub(asked.0));
        self.all || age.is_none_or(|age| !(0..self.after).contains(&age))
    }
}
