//! What is made of policy files.

mod gate_files;
mod right_files;
mod wrong_files;

use super::{PolicyFile, PolicyFileError, read_policy};

/// Reads a file as the policy `strict` of `acme`.
fn read(text: &str) -> Result<PolicyFile, PolicyFileError> {
    read_policy(text, &"acme".parse().unwrap(), &"strict".parse().unwrap())
}
