//! What a build did, for the cli to print.

use crate::registry::Registry;
use crate::repository::{Action, Plan, RepositoryPath};

/// What a build did, or with a dry run would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many packages the registry lists.
    pub packages: usize,
    /// How many releases they have together.
    pub releases: usize,
    /// What changed, in the order in which it did.
    pub changes: Vec<(RepositoryPath, Changed)>,
    /// How many files were left alone.
    pub unchanged: usize,
    /// What a person should look at.
    pub warnings: Vec<Warning>,
}

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was missing.
    Created,
    /// It was different.
    Updated,
    /// It was no longer wanted.
    Removed,
}

/// Something that does not keep a registry from being built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// A file in `tarballs/` that is not called a tarball.
    #[error("{location} passed over: it does not end in .tar")]
    PassedOver {
        /// Where it lies.
        location: String,
    },
    /// Something in `packages/` that is no file.
    #[error("{location} left alone: it is not a file, and nothing but files belongs there")]
    NotAPackage {
        /// Where it lies.
        location: String,
    },
}

pub(super) fn of(registry: &Registry, plan: &Plan, warnings: Vec<Warning>) -> Report {
    let changes = plan.changes.iter().map(|change| {
        let changed = match change.action {
            Action::CreateFolder | Action::Create(_) => Changed::Created,
            Action::Update(_) => Changed::Updated,
            Action::Remove => Changed::Removed,
        };
        (change.path.clone(), changed)
    });
    Report {
        packages: registry.packages.len(),
        releases: registry.release_count(),
        changes: changes.collect(),
        unchanged: plan.unchanged,
        warnings,
    }
}
