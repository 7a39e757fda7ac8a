//! What is known of one package while it is mirrored.

use std::collections::BTreeSet;

use crate::ops::mirror::selection::Want;
use crate::ops::mirror::task::PackageFile;
use crate::publish::withdrawn::Withdrawn;
use crate::registry::Releases;
use crate::version::Version;

/// A package that is wanted.
#[derive(Debug, Default)]
pub(super) struct Item {
    pub wants: Vec<Want>,
    /// What the mirror had before.
    pub held: Option<Releases>,
    /// Its releases, once they are known.
    pub releases: Option<Releases>,
    /// What is to be put in place, if it is not there.
    pub file: Option<PackageFile>,
    /// What that file says no longer.
    pub withdrawn: Vec<Withdrawn>,
    /// How many of the wants were seen to.
    pub considered: usize,
    /// Whose tarballs were seen to.
    pub seen: BTreeSet<Version>,
    /// How many tarballs it waits for.
    pub waits_for: usize,
    pub failed: bool,
}
