//! How projects take a policy.

use crate::name::{PolicyName, RepositoryName};

/// What a user writes so that mix obeys a policy: one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLines {
    /// A variable of the environment, for one command.
    pub variable: String,
    /// A command, for all projects of a user.
    pub command: String,
    /// An entry of `project/0` in `mix.exs`.
    pub project: String,
}

impl PolicyLines {
    /// For a policy of the repository that clients know by this name.
    #[must_use]
    pub fn new(repository: &RepositoryName, policy: &PolicyName) -> Self {
        Self {
            variable: format!("HEX_POLICY={repository}/{policy}"),
            command: format!("mix hex.config policy {repository}/{policy}"),
            project: format!("hex: [policy: [repo: \"{repository}\", name: \"{policy}\"]]"),
        }
    }
}
