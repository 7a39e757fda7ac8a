//! In place of `bucket.rs` in a binary that cannot open buckets.

use hexreg::serve::RepositoryLocation;

use super::section::{Section, Text};

/// Refuses the URL of a bucket.
pub fn read(table: &Section<'_>, at: &Text) -> Option<RepositoryLocation> {
    let message = "`at` is the URL of a bucket, and this hexreg was built without buckets";
    table.problem(at.place.clone(), message, "install it with the feature `buckets`");
    None
}
