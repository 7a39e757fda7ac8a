//! What commands have in common that change a registry, wherever it lives.

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
    /// How many seconds to wait for, or try again because of, others who work on the same registry
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u32,
    /// Say what would be done and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print errors alone
    #[arg(long, short)]
    pub quiet: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub writing: Writing,
}

impl WriteArgs {
    /// How long to wait for others.
    pub fn lock_timeout(&self) -> Duration {
        Duration::from_secs(self.lock_timeout.into())
    }

    /// How to tell of it.
    pub fn manner(&self) -> Manner {
        Manner { quiet: self.quiet, json: self.json }
    }
}

/// How a command tells what it does.
#[derive(Clone, Copy)]
pub struct Manner {
    pub quiet: bool,
    pub json: bool,
}

/// What `--json` prints of a failure.
#[derive(Serialize)]
struct JsonFailure<'a> {
    #[serde(flatten)]
    failure: &'a Failure,
    #[serde(flatten)]
    so_far: ChangeLog,
}

/// Opens what is to be changed, does the work, and tells how it ended.
pub fn main(
    destination: &Destination,
    args: &WriteArgs,
    jobs: Option<u16>,
    work: impl FnOnce(&Reporter<'_>) -> Result<(), Failure>,
) -> ExitCode {
    let manner = args.manner();
    let store = match args.writing.open(destination, jobs) {
        Ok(store) => store,
        Err(failure) => return end(manner, &Err(failure), ChangeLog::default()),
    };
    let listener = Reporter::new(store.as_ref(), !manner.json && !manner.quiet);
    let done = work(&listener);
    let so_far = listener.change_log().clone();
    end(manner, &done, so_far)
}

/// Tells how it ended.
pub fn end(manner: Manner, done: &Result<(), Failure>, so_far: ChangeLog) -> ExitCode {
    if let Err(failure) = done {
        if !manner.json || output::json(&JsonFailure { failure, so_far }).is_err() {
            failure.print();
        }
    }
    failure::exit_code(done)
}

/// The key that signs, which must not lie where it would be served.
pub fn private_key(
    argument: Option<&Path>,
    destination: &Destination,
    listener: &Reporter<'_>,
) -> Result<PrivateKey, Failure> {
    let source = KeySource::from_argument(argument)?;
    destination.as_dir().map_or(Ok(()), |public_dir| source.refuse_inside(public_dir))?;
    let key = source.parse(&source.read()?)?;
    if let Some(exposure) = source.exposure() {
        listener.say(exposure);
    }
    Ok(key)
}

/// As many threads as suit the place.
pub fn threads(destination: &Destination, jobs: Option<u16>) -> Result<ThreadPool, Failure> {
    let pool = ThreadPoolBuilder::new().num_threads(destination.jobs(jobs)).build();
    pool.map_err(|error| Failure::environment(format!("no threads: {error}")))
}

/// What to do where a change could not be made.
pub fn unwritten(message: String, error: &StoreError, listener: &Reporter<'_>) -> Failure {
    if error.is_source_changed() {
        return Failure::input(message).hint(
            "somebody wrote to it meanwhile: what was done before it stands, and every file is whole; \
             do it again when nobody does",
        );
    }
    let hint = if let Some(conditions) = error.conditions() {
        without_conditions(conditions)
    } else if error.is_being_removed() {
        "after ten seconds it is taken for one that was cut short: give a longer --lock-timeout"
    } else if error.is_conflict() {
        "others change it again and again: try once more, or give a longer --lock-timeout"
    } else if listener.change_log().is_empty() && error.operation == Operation::Write {
        "nothing was changed: try again once this is mended"
    } else {
        "what was done before it stands, and every file is whole: try again once this is mended"
    };
    Failure::environment(message).hint(hint)
}

/// What to do where a store has no conditions that could be relied on.
fn without_conditions(error: ConditionalWriteError) -> &'static str {
    match error {
        ConditionalWriteError::IfNoneMatchIgnored => {
            "Ceph ignores it in buckets with versioning: turn that off; or where nobody else ever writes \
             at the same time, give --assume-single-writer"
        }
        ConditionalWriteError::NeverMet => {
            "is there a proxy before it that changes `ETag` or `If-Match`? or where nobody else ever writes \
             at the same time, give --assume-single-writer"
        }
        ConditionalWriteError::IfMatchIgnored
        | ConditionalWriteError::Unsupported(_)
        | ConditionalWriteError::NoTag => {
            "where nobody else ever writes at the same time, --assume-single-writer does without"
        }
    }
}

/// How much was done, in a few words.
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

/// What follows a summary where nothing was done.
pub const DRY_RUN: &str = " (dry run: nothing was written)";
