//! Files below a directory, opened so that no link leads out of it.

#[cfg(target_os = "linux")]
mod kernel;
mod open_root;
mod root;

pub use root::{LeadsOut, Links};

pub(crate) use open_root::OpenRoot;
pub(crate) use root::Root;
