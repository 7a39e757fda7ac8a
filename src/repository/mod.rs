//! The tree that clients are served, and how it comes to change.

pub(crate) mod git;
mod path;
mod plan;

pub use path::{Folder, RepositoryPath};
pub use plan::{Action, Change, Changed, Plan};
pub(crate) use plan::{State, Wanted};
