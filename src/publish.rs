//! What all that changes a repository shares: a [`Plan`] and what makes it, one writer at a time.

pub mod lock;
pub mod observer;
mod plan;
pub(crate) mod retry;
pub(crate) mod sign;
pub(crate) mod withdrawn;

pub use plan::Plan;
pub(crate) use plan::{State, Wanted};
