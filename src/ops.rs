//! The operations of hexreg: one file per verb, from options to a report. The parts of a verb are in the folder of its
//! name.

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
