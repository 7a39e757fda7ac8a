//! `hexreg config`: the configuration file of the server, in TOML.
//!
//! ```text
//! config      reads a file: syntax, then `server`, and all problems at once
//! server      the options of the server, which have the names of the arguments of `hexreg serve`
//! repository  a [[repository]]; bucket: one in object storage
//! section     a table whose keys are read one by one; variables of the environment come before keys
//! expansion   ${NAME} in values
//! problem     what is wrong, with its line and what to do
//! ```

#[cfg(feature = "buckets")]
mod bucket;
#[cfg(not(feature = "buckets"))]
#[path = "config/no_bucket.rs"]
mod bucket;
mod expansion;
#[cfg(feature = "mirror")]
mod mirror;
mod problem;
mod repository;
mod section;
mod server;

use std::env;
use std::path::{Path, PathBuf};

use hexreg::regular_file;
use toml::de::DeTable;

use super::failure::{Failure, Rejected};
use super::output::{self, count};
use problem::{Place, Problem, Problems};
use section::Section;
pub use server::Config;

/// In bytes: larger than a configuration of 10,000 repositories.
const MAX_CONFIG: u64 = 4 << 20;

/// Check the configuration file of `hexreg serve --config`
#[derive(clap::Subcommand)]
#[command(arg_required_else_help = true)]
pub enum ConfigCommand {
    Check(CheckArgs),
}

/// Check a configuration file, and report all problems with their lines
///
/// The files and keys that it names are read too. No connection is made.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg config check hexreg.toml

Environment:
  HEXREG_LISTEN, HEXREG_URL, ... are used in place of the keys `listen`, `url`, ... of the whole file.")]
pub struct CheckArgs {
    /// The configuration file, in TOML
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl ConfigCommand {
    /// Runs the command.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check(args) => {
                let config = read(&args.file)?;
                let repositories = count(config.options.repositories.len(), "repository");
                // "repositorys"
                let repositories = repositories.replace("repositorys", "repositories");
                output::line(&format!("{} can be used: {repositories}", args.file.display()))
            }
        }
    }
}

/// Reads a configuration file, and all that it names.
pub fn read(path: &Path) -> Result<Config, Failure> {
    let name = path.display();
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::environment(format!("could not read {name}: {error}"))
    };
    let bytes = regular_file::read_given(path, MAX_CONFIG).map_err(|error| unreadable(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable(&"it is not UTF-8"))?;
    parse(&text, &|name| env::var(name).ok()).map_err(|problems| {
        let message = format!("{name} has {}", count(problems.len(), "problem"));
        let rejected = problems.into_iter().map(|Problem { place, message, hint }| Rejected {
            path: match place {
                Place::Line(line) => format!("{name}:{line}"),
                Place::Variable(variable) => variable,
            },
            reason: match hint {
                Some(hint) => format!("{message}; {hint}"),
                None => message,
            },
        });
        Failure::input(message).rejecting(rejected.collect())
    })
}

/// Reads the text of a configuration file. `variable` looks a variable of the environment up.
fn parse(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Config, Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let problems = Problems::of(text);
    for error in &errors {
        let place = problems.line(&error.span().unwrap_or_default());
        problems.add(place, error.message());
    }
    // After an error of the syntax, the rest of the table is a guess.
    if errors.is_empty() {
        let config = server::read(Section::root(&table, &problems, variable));
        if problems.is_empty() {
            return Ok(config);
        }
    }
    Err(problems.into_sorted())
}
