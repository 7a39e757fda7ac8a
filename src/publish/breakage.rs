//! What would break clients: a release that their lock files name, and that is no longer what it was.

mod before;
mod bridge;
mod compare;
mod kind;
mod replaced;

pub(crate) use before::Before;
pub(crate) use bridge::{Bridges, lost_releases, shrinking};
pub use kind::Breakage;
pub(crate) use replaced::{by_other_policy, by_other_registry};
