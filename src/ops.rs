//! What hexreg does: one verb a file, from options to a report; a verb's parts stand in the folder
//! beside it.

pub mod add;
pub mod auth;
pub mod build;
pub mod edit;
pub mod inspect;
pub mod mirror;
pub mod push;
pub(crate) mod rejection;
pub mod remove;
pub mod retire;
mod upstream;
pub mod verify;
