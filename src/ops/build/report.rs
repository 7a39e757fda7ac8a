//! What a build did, once it is done.

use crate::publish::Plan;
use crate::registry::Registry;
use crate::repository::RepositoryPath;
use crate::store::{Change, Changed};

/// What a build did, or with a dry run would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many packages the registry lists.
    pub packages: usize,
    /// How many releases they have together.
    pub releases: usize,
    /// How many tarballs were read; the others were known.
    pub read: usize,
    /// What changed, in the order in which it did.
    pub changes: Vec<(RepositoryPath, Changed)>,
    /// How many files were left alone.
    pub unchanged: usize,
}

impl Report {
    pub(super) fn of(registry: &Registry, read: usize, plan: &Plan) -> Self {
        let changed = |change: &Change| Some((change.path.clone(), change.changed()?));
        Self {
            packages: registry.packages.len(),
            releases: registry.release_count(),
            read,
            changes: plan.changes.iter().filter_map(changed).collect(),
            unchanged: plan.unchanged,
        }
    }
}
