//! What all that changes a repository shares: a [`Plan`], and the transaction that applies it, one writer at a time.

pub mod breakage;
pub(crate) mod dependencies;
pub mod lock;
pub mod observer;
mod plan;
pub(crate) mod retry;
pub(crate) mod sign;
pub(crate) mod transaction;
pub(crate) mod withdrawn;

pub use plan::Plan;
pub(crate) use plan::{DesiredFile, FileState};
