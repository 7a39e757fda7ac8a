//! `hexreg policy show`

use hexreg::name::PolicyName;
use hexreg::ops::inspect::{Contents, Signature, SignedResource};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::registry_argument::{self, AccessArgs, RegistryArgument};
use crate::cli::view::View;
use crate::cli::{inspect, output};

/// Show what a policy says
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg policy show strict --from public
  hexreg policy show strict --from https://hex.example.com --public-key=acme_public.pem")]
pub struct ShowPolicy {
    /// The name of the policy
    name: PolicyName,
    /// The registry: a directory, a bucket or a URL
    #[arg(long, value_name = "DEST|URL", value_parser = RegistryArgument::parser())]
    from: RegistryArgument,
    #[command(flatten)]
    access: AccessArgs,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct PolicyJson {
    #[serde(flatten)]
    view: View,
    warnings: Vec<String>,
}

impl ShowPolicy {
    /// Runs the command.
    pub fn run(&self) -> Result<(), Failure> {
        let source = self.from.open(&self.access.access()?)?;
        let policy =
            source.policy(&self.name).map_err(|error| registry_argument::failure(&error))?;
        let Some(policy) = policy else {
            let message = format!("there is no policy {}", self.name);
            return Err(
                Failure::input(message).hint("`hexreg policy list` lists those of a directory")
            );
        };
        let inert = policy.inert_parts();
        let warnings: Vec<_> = inert.iter().map(ToString::to_string).collect();
        let contents = Contents::Signed(SignedResource::Policy(policy), Signature::Holds);
        let view = View::of(contents, Some(source.key().fingerprint()));
        if self.json {
            return output::json(&PolicyJson { view, warnings });
        }
        inspect::print(&view)?;
        for warning in &warnings {
            output::warning(warning);
        }
        Ok(())
    }
}
