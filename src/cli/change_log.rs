//! The changes and warnings of a command, for `--json` and summaries.

use hexreg::repository::RepositoryPath;
use hexreg::store::Changed;
use serde::Serialize;

/// Changes and warnings, in order.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChangeLog {
    pub created: Vec<RepositoryPath>,
    pub updated: Vec<RepositoryPath>,
    pub removed: Vec<RepositoryPath>,
    pub warnings: Vec<String>,
}

impl ChangeLog {
    /// Records the change and returns its verb ("creating").
    pub fn record(&mut self, path: &RepositoryPath, changed: Changed) -> &'static str {
        let (verb, paths) = match changed {
            Changed::Created => ("creating", &mut self.created),
            Changed::Updated => ("updating", &mut self.updated),
            Changed::Removed => ("removing", &mut self.removed),
        };
        paths.push(path.clone());
        verb
    }

    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.updated.is_empty() && self.removed.is_empty()
    }
}
