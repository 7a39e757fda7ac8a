//! What is pulled through, and how much of it is kept.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::name::PackageName;
use crate::ops::mirror::Upstream;
use crate::tarball::FileName;

/// What is pulled through, and how much of it is kept.
#[derive(Clone)]
pub struct PullOptions {
    /// Where files are fetched from.
    pub upstream: Upstream,
    /// Packages whose file is taken even if upstream lost or changed releases.
    pub accept: BTreeSet<PackageName>,
    /// In bytes: how much tarballs and documentation may take in a directory. Those that no client has asked
    /// for longest are removed. `None` keeps all.
    pub size: Option<u64>,
    /// Reads the releases that are never removed: those that lock files pin.
    pub pinned: Arc<PinnedReleases>,
    /// What the options are made of. Options are the same if their texts are.
    pub description: String,
}

/// Reads the releases that lock files pin now, or says why it cannot.
pub type PinnedReleases = dyn Fn() -> Result<BTreeSet<FileName>, String> + Send + Sync;

impl PartialEq for PullOptions {
    fn eq(&self, other: &Self) -> bool {
        self.description == other.description
    }
}

impl fmt::Debug for PullOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullOptions")
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}
