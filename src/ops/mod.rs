//! What hexreg does: one verb a file, from options to a report; a verb's parts stand in the folder
//! beside it.

pub mod add;
pub mod amend;
pub mod auth;
pub mod build;
pub mod dependencies;
pub mod inspect;
mod lock;
pub mod mirror;
pub mod observer;
mod patience;
pub mod push;
pub mod remove;
pub mod retire;
mod seal;
pub mod serve;
mod standing;
mod upstream;
pub mod verify;

pub use lock::Busy;
