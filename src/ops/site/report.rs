//! What was made.

use crate::name::RepositoryName;

/// What was made, or with a dry run would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The name under which clients know the repository.
    pub repository: RepositoryName,
    /// The fingerprint of the key that signed it.
    pub fingerprint: String,
    /// How many packages have a page.
    pub packages: usize,
    /// Of how many releases there is documentation.
    pub documentation: usize,
    /// How many tarballs and archives of documentation were read; pages of the others are as they were.
    pub read: usize,
    /// How many files were created.
    pub created: usize,
    /// How many files were replaced.
    pub updated: usize,
    /// How many files were removed.
    pub removed: usize,
    /// How many files were left as they are.
    pub unchanged: usize,
}
