//! `hexreg policy remove`

use std::process::ExitCode;

use hexreg::name::PolicyName;
use hexreg::ops::policy;

use crate::cli::edit::{ENVIRONMENT, EditCommand, Summary, WhichArgs};
use crate::cli::write::WriteArgs;

/// Remove a policy
///
/// mix fails in each project that still names the policy, unless it has a copy in its cache.
#[derive(clap::Args)]
#[command(after_help = format!("\
Example:
  hexreg policy remove strict --to public --name=acme --private-key=acme.pem

{ENVIRONMENT}"))]
pub struct RemovePolicy {
    /// The name of the policy
    #[arg(value_name = "NAME")]
    policy: PolicyName,
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    change: WriteArgs,
}

impl RemovePolicy {
    /// Removes the policy and reports the result.
    pub fn main(&self) -> ExitCode {
        let command = EditCommand {
            which: &self.which,
            attempt: "remove a policy from",
            work: &|store, options, reporter| {
                let report = policy::remove(store, options, &self.policy, reporter)?;
                let note = "mix fails in projects that still name it: take it out of mix.exs and HEX_POLICY";
                let done = format!("policy {} removed", self.policy);
                Ok((report, Summary { done, notes: vec![note.to_owned()] }))
            },
        };
        command.main(&self.change)
    }
}
