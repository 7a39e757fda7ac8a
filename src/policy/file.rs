//! The TOML file in which people write a policy.
//!
//! It refuses what clients would ignore without a message, and warns of what some of them ignore.

mod fault;
mod override_entries;
mod policy_file;
mod repository_table;
mod table;
#[cfg(test)]
mod tests;

pub use fault::{PolicyFault, PolicyFileError};
pub use policy_file::{PolicyFile, read_policy};
