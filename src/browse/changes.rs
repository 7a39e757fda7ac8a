//! What came lately: what changed between two states of the signed registry, newest first.
//!
//! [`RecentChanges`] is a list of at most a thousand changes. It grows with each state that the registry is seen in, and
//! is kept in a cache that may be lost. Without it the list begins with the releases that were published last.

mod comparison;
mod recent;
mod registry_change;

pub use comparison::PackageDetails;
pub use recent::{MOST_CHANGES, RecentChanges};
pub use registry_change::{ChangeKind, RegistryChange};
