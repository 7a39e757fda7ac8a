//! What the commands have in common that write to a registry: `build`, `push`, and those of [`edit`](super::edit).

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use hexreg::key::PrivateKey;
use hexreg::repository::RepositoryPath;
use hexreg::store::{Changed, ConditionalWriteError, Operation, StoreError};
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::Serialize;

use super::change_log::ChangeLog;
use super::destination::{Destination, Writing};
use super::failure::{self, Failure};
use super::output;
use super::private_key::KeySource;
use super::reporter::Reporter;

/// How to change a registry.
#[derive(clap::Args)]
pub struct WriteArgs {
    /// How many seconds to wait for other processes that use the same registry, or to try again after conflicts
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u32,
    /// Print what would be done and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print only errors
    #[arg(long, short)]
    pub quiet: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub writing: Writing,
}

impl WriteArgs {
    /// How long to wait for other processes.
    pub fn lock_timeout(&self) -> Duration {
        Duration::from_secs(self.lock_timeout.into())
    }

    /// What to print.
    pub fn format(&self) -> OutputFormat {
        OutputFormat { quiet: self.quiet, json: self.json }
    }
}

/// What a command prints.
#[derive(Clone, Copy)]
pub struct OutputFormat {
    pub quiet: bool,
    pub json: bool,
}

/// What `--json` prints of a failure.
#[derive(Serialize)]
struct JsonFailure<'a> {
    #[serde(flatten)]
    failure: &'a Failure,
    #[serde(flatten)]
    changes: ChangeLog,
}

/// Opens the destination, does the work, and reports the result.
pub fn main(
    destination: &Destination,
    args: &WriteArgs,
    jobs: Option<u16>,
    work: impl FnOnce(&Reporter<'_>) -> Result<(), Failure>,
) -> ExitCode {
    let format = args.format();
    let store = match args.writing.open(destination, jobs) {
        Ok(store) => store,
        Err(failure) => return end(format, &Err(failure), ChangeLog::default()),
    };
    let reporter = Reporter::new(store.as_ref(), !format.json && !format.quiet);
    let done = work(&reporter);
    let changes = reporter.change_log().clone();
    end(format, &done, changes)
}

/// Reports the result.
pub fn end(format: OutputFormat, done: &Result<(), Failure>, changes: ChangeLog) -> ExitCode {
    if let Err(failure) = done {
        if !format.json || output::json(&JsonFailure { failure, changes }).is_err() {
            failure.print();
        }
    }
    failure::exit_code(done)
}

/// The key that signs. It must not lie in the directory, where it would be served.
pub fn private_key(
    argument: Option<&Path>,
    destination: &Destination,
    reporter: &Reporter<'_>,
) -> Result<PrivateKey, Failure> {
    let source = KeySource::from_argument(argument)?;
    destination.as_dir().map_or(Ok(()), |public_dir| source.refuse_inside(public_dir))?;
    let key = source.parse(&source.read()?)?;
    if let Some(exposure) = source.exposure() {
        reporter.say(exposure);
    }
    Ok(key)
}

/// As many threads as suit the destination.
pub fn threads(destination: &Destination, jobs: Option<u16>) -> Result<ThreadPool, Failure> {
    let pool = ThreadPoolBuilder::new().num_threads(destination.jobs(jobs)).build();
    pool.map_err(|error| Failure::environment(format!("no threads: {error}")))
}

/// The failure of a write, with a hint.
pub fn unwritten(message: String, error: &StoreError, reporter: &Reporter<'_>) -> Failure {
    if error.is_source_changed() {
        return Failure::input(message).hint(
            "another process wrote to it: what was done before remains, and every file is whole; try \
             again when no process writes to it",
        );
    }
    let hint = if let Some(conditions) = error.conditions() {
        without_conditions(conditions)
    } else if error.is_being_removed() {
        "another removal is in progress; retry, or raise --lock-timeout above 10"
    } else if error.is_conflict() {
        "other writers keep changing it: try again, or give a longer --lock-timeout"
    } else if reporter.change_log().is_empty() && error.operation == Operation::Write {
        "nothing was changed: fix this and try again"
    } else {
        "what was done before remains, and every file is whole: fix this and try again"
    };
    Failure::environment(message).hint(hint)
}

/// A hint for a store whose conditions cannot be relied on.
fn without_conditions(error: ConditionalWriteError) -> &'static str {
    match error {
        ConditionalWriteError::IfNoneMatchIgnored => {
            "Ceph ignores it in buckets with versioning: turn that off; or, if no other process ever \
             writes at the same time, give --assume-single-writer"
        }
        ConditionalWriteError::NeverMet => {
            "check for a proxy that changes `ETag` or `If-Match`; or, if no other process ever writes at \
             the same time, give --assume-single-writer"
        }
        ConditionalWriteError::IfMatchIgnored
        | ConditionalWriteError::Unsupported(_)
        | ConditionalWriteError::NoTag => {
            "if no other process ever writes at the same time, give --assume-single-writer"
        }
    }
}

/// How many files were created, updated and removed.
pub fn counted(changes: &[(RepositoryPath, Changed)], dry_run: bool) -> String {
    let of = |wanted| changes.iter().filter(|(_, changed)| *changed == wanted).count();
    let counted = if changes.is_empty() {
        "nothing has changed".to_owned()
    } else {
        format!(
            "{} created, {} updated, {} removed",
            output::thousands(of(Changed::Created)),
            output::thousands(of(Changed::Updated)),
            output::thousands(of(Changed::Removed)),
        )
    };
    let dry_run = if dry_run { DRY_RUN } else { "" };
    format!("{counted}{dry_run}")
}

/// The end of a dry run's summary.
pub const DRY_RUN: &str = " (dry run: nothing was written)";
