//! `hexreg auth remove`

use std::path::PathBuf;

use hexreg::auth::{TokenId, UserName};
use hexreg::ops::auth::{self, RemovedEntries, Written};
use serde::Serialize;

use crate::cli::auth_file::{failure, verb, warn_of_exposure};
use crate::cli::failure::Failure;
use crate::cli::output;

/// Remove the password and all tokens of a name, or one token
///
/// A server that reads the file refuses what was removed within a second.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg auth remove readers ci
  hexreg auth remove readers ci --token=2bb80d53")]
pub struct Remove {
    /// The file that says who may do what, as `hexreg serve --auth-file` takes it
    file: PathBuf,
    /// The name of a person or a machine
    name: UserName,
    /// Remove only the token with this id, which `hexreg auth list` prints
    #[arg(long, value_name = "ID")]
    token: Option<TokenId>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// What `remove --json` prints.
#[derive(Serialize)]
struct RemoveJson<'a> {
    name: &'a UserName,
    file: String,
    passwords: usize,
    tokens: usize,
}

impl Remove {
    /// Runs the command.
    pub fn run(&self) -> Result<(), Failure> {
        let Self { file, name, token, json } = self;
        let removed = match token {
            None => auth::remove(file, name),
            Some(id) => auth::remove_token(file, name, *id),
        };
        let RemovedEntries { passwords, tokens } = removed.map_err(failure)?;
        if *json {
            let file = file.display().to_string();
            return output::json(&RemoveJson { name, file, passwords, tokens });
        }
        output::line(&format!("* {} {}", verb(Written::Updated), file.display()))?;
        output::line(&match token {
            Some(id) => format!("{name}: token {id} removed"),
            None => format!(
                "{name}: {} and {} removed",
                output::count(passwords, "password"),
                output::count(tokens, "token")
            ),
        })?;
        warn_of_exposure(file);
        Ok(())
    }
}
