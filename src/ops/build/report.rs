//! What a build did.

use crate::publish::Plan;
use crate::publish::transaction::ChangeLog;
use crate::registry::Registry;
use crate::repository::RepositoryPath;
use crate::store::Changed;

/// What a build did, or with a dry run would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many packages the registry lists.
    pub packages: usize,
    /// How many releases they have together.
    pub releases: usize,
    /// How many tarballs were read; the others were in the cache.
    pub read: usize,
    /// What changed, in the order in which it did.
    pub changes: Vec<(RepositoryPath, Changed)>,
    /// How many files were left alone.
    pub unchanged: usize,
}

impl Report {
    pub(super) fn of(registry: &Registry, read: usize, plan: &Plan) -> Self {
        Self {
            packages: registry.packages.len(),
            releases: registry.release_count(),
            read,
            changes: Vec::new(),
            unchanged: plan.unchanged,
        }
    }

    pub(super) fn with_changes(self, changes: ChangeLog) -> Self {
        Self { changes, ..self }
    }
}
