//! The operations of hexreg: one file per verb, from options to a report. The parts of a verb are in the folder of its
//! name.

pub mod add;
#[cfg(feature = "serve")]
pub mod auth;
pub mod batch;
pub mod build;
pub mod check;
pub(crate) mod checked_tarball;
pub mod edit;
pub mod inspect;
#[cfg(feature = "mirror")]
pub mod lease;
#[cfg(feature = "mirror")]
pub mod mirror;
pub mod policy;
pub mod push;
pub mod registry_source;
pub(crate) mod rejection;
pub mod remove;
pub mod retire;
pub mod site;
mod upstream;
pub mod verify;
