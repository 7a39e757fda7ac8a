//! What a plan is made from.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::{PackageName, RepositoryName};
use crate::ops::mirror::indexes::Indexes;
use crate::ops::mirror::selection::Want;
use crate::tarball::FileName;

/// What the mirror has.
#[derive(Clone, Debug, Default)]
pub(in crate::ops::mirror) struct Known {
    pub packages: BTreeSet<PackageName>,
    pub tarballs: BTreeSet<FileName>,
    pub docs: BTreeSet<FileName>,
    /// Those of which upstream had none when their package was fetched.
    pub without_docs: BTreeSet<FileName>,
    /// What the indexes said of each package when its file was fetched: [`Listing::digest`](crate::ops::mirror::indexes::Listing::digest).
    pub listings: BTreeMap<PackageName, String>,
}

/// What a plan is made from.
#[derive(Debug)]
pub(in crate::ops::mirror) struct Setup {
    pub repository: RepositoryName,
    /// What is wanted of each package; without, everything.
    pub wants: Option<BTreeMap<PackageName, Vec<Want>>>,
    pub upstream: Indexes,
    pub known: Known,
    pub docs: bool,
    /// Packages of which is taken what upstream says, though it lost or changed releases.
    pub accept: BTreeSet<PackageName>,
}
