//! `hexreg policy set`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueHint;
use hexreg::name::{PolicyName, RepositoryName};
use hexreg::ops::policy;
use hexreg::snippets::PolicyLines;

use crate::cli::change_log::ChangeLog;
use crate::cli::edit::{ENVIRONMENT, EditCommand, Summary, WhichArgs};
use crate::cli::policy_argument;
use crate::cli::write::{self, WriteArgs};

/// Publish a policy, or replace it
///
/// Signs the rules of FILE as policies/NAME. A file of which some client of Hex 2.5 or later would ignore a
/// part is refused, with the line of each fault. Clients fetch a policy whenever they resolve, so a change
/// holds for the next `mix deps.get`.
#[derive(clap::Args)]
#[command(after_help = format!("\
Example:
  hexreg policy set strict --file strict.toml --to public --name=acme --private-key=acme.pem

FILE, such as:
  [[repository]]
  name = \"hexpm\"
  minimum-severity = \"high\"
  cooldown = \"7d\"
  deny = [{{ package = \"left_pad\", comment = \"SEC-12\" }}]

{ENVIRONMENT}"))]
pub struct SetPolicy {
    /// The name of the policy
    #[arg(value_name = "NAME")]
    policy: PolicyName,
    /// Its rules, in TOML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    which: WhichArgs,
    /// Publish an allow list (default = "deny") that does not hide releases of this registry without a time of
    /// publication
    #[arg(long)]
    accept_undated: bool,
    #[command(flatten)]
    change: WriteArgs,
}

impl SetPolicy {
    /// Publishes the policy and reports the result.
    pub fn main(&self) -> ExitCode {
        let repository = self.which.name();
        let file = match policy_argument::read_file(&self.file, repository, &self.policy) {
            Ok(file) => file,
            Err(failure) => {
                return write::end(self.change.format(), &Err(failure), ChangeLog::default());
            }
        };
        let command = EditCommand {
            which: &self.which,
            attempt: "publish a policy in",
            work: &|store, options, reporter| {
                for warning in &file.warnings {
                    let line = warning.line;
                    reporter.say(format!("{}:{line}: {warning}", self.file.display()));
                }
                if !file.gate.is_empty() {
                    reporter.say(FOR_CHECK_ALONE.to_owned());
                }
                let report = policy::set(store, options, &file, self.accept_undated, reporter)?;
                let done = format!("policy {} published", self.policy);
                Ok((report, Summary { done, notes: for_developers(repository, &self.policy) }))
            },
        };
        command.main(&self.change)
    }
}

/// Rules that a signed policy has no fields for.
const FOR_CHECK_ALONE: &str = "`licenses`, `allow-public`, `git` and `except` of a `license` are not part of the \
                               signed policy: `hexreg check` alone applies them";

/// How a project takes a policy.
fn for_developers(repository: &RepositoryName, policy: &PolicyName) -> Vec<String> {
    let PolicyLines { variable, command, project } = PolicyLines::new(repository, policy);
    vec![
        "mix obeys it where one of these says so:".to_owned(),
        format!("  {variable}"),
        format!("  {command}"),
        format!("  {project}   in project/0 of mix.exs"),
    ]
}
