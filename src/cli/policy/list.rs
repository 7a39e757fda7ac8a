//! `hexreg policy list`

use std::path::PathBuf;

use hexreg::ops::policy::{self, ListedPolicy};
use serde::Serialize;

use crate::cli::destination::Reading;
use crate::cli::failure::{Failure, chain};
use crate::cli::registry_argument::RegistryArgument;
use crate::cli::{output, public_key};

/// List the policies of a registry
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  hexreg policy list --from public")]
pub struct ListPolicies {
    /// The registry: a directory, or a bucket. No index lists policies, so a URL cannot be listed
    #[arg(long, value_name = "DEST", value_parser = RegistryArgument::parser())]
    from: RegistryArgument,
    /// The key that signed them, in PEM; `-` reads standard input [default: DEST/public_key]
    #[arg(long, value_name = "PATH")]
    public_key: Option<PathBuf>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    reading: Reading,
}

/// What `--json` prints.
#[derive(Serialize)]
struct PoliciesJson {
    policies: Vec<PolicyLine>,
}

#[derive(Serialize)]
struct PolicyLine {
    name: String,
    /// `REPOSITORY/NAME`, as clients name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The repositories that it has rules for.
    repositories: Vec<String>,
    /// Why clients refuse it.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl ListPolicies {
    /// Runs the command.
    pub fn run(&self) -> Result<(), Failure> {
        let RegistryArgument::Place(place) = &self.from else {
            let message = "no index lists policies, so those at a URL cannot be listed";
            return Err(Failure::environment(message)
                .hint("`hexreg policy show NAME --from URL` shows one of them"));
        };
        let store = self.reading.open(place)?;
        let key = public_key::from_argument(self.public_key.as_deref())?;
        let listed = policy::list(store.as_ref(), key)
            .map_err(|error| Failure::environment(chain(&error)))?;
        let lines: Vec<_> = listed.into_iter().map(PolicyLine::of).collect();
        let refused = lines.iter().filter(|line| line.problem.is_some()).count();
        let all = lines.len();
        if self.json {
            output::json(&PoliciesJson { policies: lines })?;
        } else {
            let width = lines.iter().map(|line| line.name.len()).max().unwrap_or_default();
            lines.iter().try_for_each(|line| output::line(&line.text(width)))?;
            if lines.is_empty() {
                let hint = format!("{place} has no policy: `hexreg policy set` publishes one");
                output::hint(&hint);
            }
        }
        if refused == 0 {
            return Ok(());
        }
        let message = format!("{place}: clients refuse {refused} of {all} policies");
        Err(Failure::input(message))
    }
}

impl PolicyLine {
    fn of(ListedPolicy { name, contents }: ListedPolicy) -> Self {
        let name = name.to_string();
        match contents {
            Ok(policy) => Self {
                name,
                policy: Some(format!("{}/{}", policy.repository, policy.name)),
                description: policy.description,
                repositories: policy.repositories.into_iter().map(|one| one.repository).collect(),
                problem: None,
            },
            Err(error) => Self {
                name,
                policy: None,
                description: None,
                repositories: Vec::new(),
                problem: Some(chain(&error)),
            },
        }
    }

    /// Such as `strict  for hexpm, acme: company rules`.
    fn text(&self, width: usize) -> String {
        let rest = match (&self.problem, &self.description) {
            (Some(problem), _) => format!("clients refuse it: {problem}"),
            (None, None) => format!("for {}", self.repositories.join(", ")),
            (None, Some(text)) => format!("for {}: {text}", self.repositories.join(", ")),
        };
        format!("{:width$}  {rest}", self.name)
    }
}
