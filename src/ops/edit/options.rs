//! The options of an edit, and its report.

use std::time::Duration;

use crate::key::PrivateKey;
use crate::name::RepositoryName;
use crate::repository::RepositoryPath;
use crate::store::Changed;

/// Which registry to change, and how.
#[derive(Debug)]
pub struct Options {
    /// The name under which clients know the repository.
    pub repository: RepositoryName,
    /// The key that signs it.
    pub key: PrivateKey,
    /// How long to wait for other writers.
    pub lock_timeout: Duration,
    /// Plan, and write nothing.
    pub dry_run: bool,
}

/// What was done, or with a dry run would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What changed, in the order in which it did.
    pub changes: Vec<(RepositoryPath, Changed)>,
}
