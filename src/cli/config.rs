//! `hexreg config`: the configuration file of the server, in TOML.
//!
//! ```text
//! config      reads a file: syntax, then `server`, and all problems at once
//! server      the options of the server, which have the names of the arguments of `hexreg serve`
//! repository  a [[repository]]; bucket: one in object storage
//! upstream    where a repository comes from that has an upstream; mirror, pull_through: how; lock_patterns: lock files
//! keys        the names of all keys
//! section     a table whose keys are read one by one; variables of the environment come before keys
//! expansion   ${NAME} in values
//! values      values in messages, and parsed ones
//! problem     what is wrong, with its line and what to do
//! variables   variables of the environment, and those that no part of hexreg knows
//! ```

#[cfg(feature = "buckets")]
mod bucket;
#[cfg(not(feature = "buckets"))]
#[path = "config/no_bucket.rs"]
mod bucket;
mod expansion;
mod keys;
#[cfg(feature = "mirror")]
mod lock_patterns;
#[cfg(feature = "mirror")]
mod mirror;
mod problem;
#[cfg(feature = "mirror")]
mod pull_through;
mod repository;
mod section;
mod section_values;
mod server;
#[cfg(feature = "mirror")]
mod upstream;
mod values;
mod variables;

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hexreg::regular_file;
use hexreg::serve::WatchedFile;
use serde::Serialize;
use toml::de::DeTable;

use super::failure::{self, Failure, Rejected};
use super::output::{self, count};
use super::secret_file;
use super::serve::spelling::Spelling;
use super::serve::warnings;
use problem::{Place, Problem, Problems};
use section::{Context, Section};
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
  HEXREG_LISTEN, HEXREG_URL, ... are used in place of the keys `listen`, `url`, ... of the whole file.
  HEXREG_PRIVATE_KEY_PASSPHRASE is the passphrase of encrypted private keys.")]
pub struct CheckArgs {
    /// The configuration file, in TOML
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

/// What `check --json` prints.
#[derive(Serialize)]
struct CheckJson {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    repositories: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(flatten)]
    failure: Option<Failure>,
}

impl ConfigCommand {
    /// Runs the command, and reports its failure.
    pub fn main(self) -> ExitCode {
        let Self::Check(CheckArgs { file, json }) = self;
        let read = read(&file).config;
        let repositories = read.as_ref().ok().map(|config| config.options.repositories.len());
        let warnings =
            read.as_ref().map_or_else(|_| Vec::new(), |config| warnings_of(&file, config));
        let done = if json {
            let failure = read.as_ref().err().cloned();
            let file = file.display().to_string();
            let printed = output::json(&CheckJson { file, repositories, warnings, failure });
            printed.inspect_err(Failure::print).and(read.map(|_| ()))
        } else {
            let done = read.and_then(|_| {
                for warning in &warnings {
                    output::warning(warning);
                }
                let number = repositories.unwrap_or_default();
                let noun = if number == 1 { "repository" } else { "repositories" };
                let number = output::thousands(number);
                output::line(&format!("{} can be used: {number} {noun}", file.display()))
            });
            done.inspect_err(Failure::print)
        };
        failure::exit_code(&done)
    }
}

/// What `serve` will warn of.
fn warnings_of(file: &Path, config: &Config) -> Vec<String> {
    let Config { options, secrets, warnings, .. } = config;
    let mut all: Vec<_> = secret_file::writable_by_others(file).into_iter().collect();
    all.extend(warnings.iter().cloned());
    all.extend(warnings::of(options, secrets, Spelling::Keys));
    all
}

/// Warns if others can change the file, and with it what is served, and to whom.
pub fn warn_of_exposure(file: &Path) {
    if let Some(warning) = secret_file::writable_by_others(file) {
        output::warning(&warning);
    }
}

/// A configuration that was read, or what is wrong with it, and the files that this depends on.
pub struct ReadConfig {
    pub config: Result<Config, Failure>,
    pub files: Vec<WatchedFile>,
}

/// Reads a configuration file, and all that it names.
pub fn read(path: &Path) -> ReadConfig {
    read_by(path, regular_file::read_given)
}

/// Reads it again: a pipe, which may take the place of the file, is not waited for.
pub fn read_again(path: &Path) -> ReadConfig {
    read_by(path, regular_file::read)
}

fn read_by(path: &Path, read: impl FnOnce(&Path, u64) -> io::Result<Vec<u8>>) -> ReadConfig {
    let files = RefCell::new(vec![WatchedFile::note(path)]);
    let bytes = read(path, MAX_CONFIG);
    ReadConfig { config: read_bytes(path, bytes, &files), files: files.into_inner() }
}

fn read_bytes(
    path: &Path,
    bytes: io::Result<Vec<u8>>,
    files: &RefCell<Vec<WatchedFile>>,
) -> Result<Config, Failure> {
    let name = path.display();
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::environment(format!("could not read {name}: {error}"))
    };
    let bytes = bytes.map_err(|error| unreadable(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable(&"it is not UTF-8"))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let name = name.to_string();
    let parsed = parse(&text, directory, &variables::value, files);
    let (config, warnings) = parsed.map_err(|problems| {
        let has_variable = |one: &Problem| matches!(one.place, Place::Variable(_));
        let at_fault = if problems.iter().all(has_variable) {
            "the environment has"
        } else if problems.iter().any(has_variable) {
            &format!("{name} and the environment have")
        } else {
            &format!("{name} has")
        };
        let message = format!("{at_fault} {}", count(problems.len(), "problem"));
        let rejected = problems
            .iter()
            .map(|one| Rejected { path: one.place.in_file(&name), reason: one.text() });
        Failure::input(message).rejecting(rejected.collect())
    })?;
    let warnings =
        warnings.iter().map(|one| format!("{}: {}", one.place.in_file(&name), one.text()));
    let warnings = warnings.chain(variables::misspelled()).collect();
    Ok(Config { warnings, ..config })
}

/// Reads the text of a configuration file in `directory`. `variable` looks a variable of the environment up.
fn parse(
    text: &str,
    directory: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
    files: &RefCell<Vec<WatchedFile>>,
) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let problems = Problems::of(text);
    for error in &errors {
        let place = problems.line(&error.span().unwrap_or_default());
        // It has several lines.
        let message: Vec<_> = error.message().lines().map(str::trim).collect();
        let message = message.join(", ");
        let hint = if message == "duplicate key" {
            "keep one of them; several repositories are each below [[repository]]"
        } else {
            "TOML has a text in quotes, as in listen = \"127.0.0.1:8000\""
        };
        problems.add_with_hint(place, message, hint);
    }
    // After an error of the syntax, the rest of the table is a guess.
    if errors.is_empty() {
        let context = Context { problems: &problems, variables: variable, directory, files };
        let config = server::read(&Section::root(&table, &context));
        return problems.into_sorted().map(|warnings| (config, warnings));
    }
    Err(problems.into_sorted().unwrap_or_else(|problems| problems))
}

#[cfg(test)]
mod tests;
