//! Version requirements, as Elixir's `Version` and as Hex's solver read them.

mod intervals;
mod solver;
mod version_requirement;

pub use solver::{UnsolvableRequirement, check_solvable};
pub use version_requirement::{InvalidRequirement, VersionRequirement};
