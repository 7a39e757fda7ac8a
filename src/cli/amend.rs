//! What the commands have in common that change some releases and leave all others alone.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueHint;
use hexreg::name::RepositoryName;
use hexreg::ops::amend::{Error, Options, Report};
use hexreg::store::{Store, StoreError};
use rayon::ThreadPoolBuilder;
use serde::Serialize;

use super::destination::{Destination, Writing};
use super::failure::{self, Failure, Rejected, chain};
use super::heard::Heard;
use super::listener::Listener;
use super::output;
use super::private_key::Source;

/// What each of these commands reads, beside what buckets take.
pub const ENVIRONMENT: &str = "\
Environment:
  HEXREG_PRIVATE_KEY             the private key itself, where --private-key is not given
  HEXREG_PRIVATE_KEY_PASSPHRASE  the passphrase of an encrypted key
  AWS_…, GOOGLE_…, AZURE_…       keys and places of buckets, as their own tools have them";

/// Which registry to change.
#[derive(clap::Args)]
pub struct WhichArgs {
    /// Where the registry lives: the directory that is served to clients, or a bucket as
    /// s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX
    #[arg(long, value_name = "DEST", value_parser = Destination::parser(), value_hint = ValueHint::AnyPath)]
    to: Destination,
    /// The name under which clients know the repository
    #[arg(long)]
    name: RepositoryName,
    /// The RSA private key that signs, in PEM; `-` reads standard input
    #[arg(long, value_name = "PATH")]
    private_key: Option<PathBuf>,
}

/// How to change it.
#[derive(clap::Args)]
pub struct AmendArgs {
    /// How many seconds to wait for, or try again because of, others who change the same registry
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u32,
    /// Say what would be done and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print errors alone
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    writing: Writing,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    repository: &'a RepositoryName,
    fingerprint: &'a str,
    dry_run: bool,
    #[serde(flatten)]
    so_far: Heard,
}

/// What `--json` prints of a failure.
#[derive(Serialize)]
struct JsonFailure<'a> {
    #[serde(flatten)]
    failure: &'a Failure,
    #[serde(flatten)]
    so_far: Heard,
}

/// What is done to the registry, and what to say of it.
type Work<'a> =
    dyn Fn(&dyn Store, &Options, &Listener<'_>) -> Result<(Report, String), Error> + Sync + 'a;

/// A change, and what a person calls it.
pub struct Change<'a> {
    /// Where.
    pub which: &'a WhichArgs,
    /// As in `failed to add to`.
    pub attempt: &'static str,
    /// What to do to the registry, and what to say of it.
    pub work: &'a Work<'a>,
}

impl AmendArgs {
    /// Makes a change, and tells how it went.
    pub fn main(&self, change: &Change<'_>) -> ExitCode {
        let store = match self.writing.open(&change.which.to, None) {
            Ok(store) => store,
            Err(failure) => return self.end(&Err(failure), Heard::default()),
        };
        let listener = Listener::new(store.as_ref(), !self.json && !self.quiet);
        let done = self.run(change, &listener);
        let so_far = listener.heard().clone();
        self.end(&done, so_far)
    }

    /// Tells of a failure before anything was begun.
    pub fn fail(&self, failure: Failure) -> ExitCode {
        self.end(&Err(failure), Heard::default())
    }

    fn end(&self, done: &Result<(), Failure>, so_far: Heard) -> ExitCode {
        if let Err(failure) = done {
            if !self.json || output::json(&JsonFailure { failure, so_far }).is_err() {
                failure.print();
            }
        }
        failure::exit_code(done)
    }

    fn run(&self, change: &Change<'_>, listener: &Listener<'_>) -> Result<(), Failure> {
        let WhichArgs { to, name, private_key } = change.which;
        let source = Source::from_argument(private_key.as_deref())?;
        to.as_dir().map_or(Ok(()), |public_dir| source.refuse_inside(public_dir))?;
        let key = source.parse(&source.read()?)?;
        if let Some(exposure) = source.exposure() {
            listener.say(exposure);
        }
        let options = Options {
            repository: name.clone(),
            key,
            lock_timeout: Duration::from_secs(self.lock_timeout.into()),
            dry_run: self.dry_run,
        };
        let pool = ThreadPoolBuilder::new().num_threads(to.jobs(None)).build();
        let pool = pool.map_err(|error| Failure::environment(format!("no threads: {error}")))?;
        let done = pool.install(|| (change.work)(listener.store, &options, listener));
        listener.end();
        let (report, summary) = done.map_err(|error| failure(change, &error, listener))?;
        if self.json {
            return output::json(&Json {
                repository: &options.repository,
                fingerprint: options.key.public_key().fingerprint(),
                dry_run: options.dry_run,
                so_far: listener.heard().clone(),
            });
        }
        if self.quiet {
            return Ok(());
        }
        let done =
            if report.changes.is_empty() { "nothing has changed".to_owned() } else { summary };
        let dry_run = if options.dry_run { " (dry run: nothing was written)" } else { "" };
        output::line(&format!("{name}: {done}{dry_run}"))
    }
}

fn failure(change: &Change<'_>, error: &Error, listener: &Listener<'_>) -> Failure {
    let failed = format!("failed to {} `{}`", change.attempt, change.which.name);
    let message = format!("{failed}: {}", chain(error));
    match error {
        Error::Rejected { rejections, total } => {
            let rejected = rejections.iter().map(|rejection| Rejected {
                path: rejection.location.clone(),
                reason: chain(&rejection.cause),
            });
            let counted = format!(
                "{} of {} rejected",
                output::thousands(rejections.len()),
                output::count(total.get(), "tarball"),
            );
            Failure::input(format!("{failed}: {counted}"))
                .rejecting(rejected.collect())
                .hint("nothing was written; replace these files, or leave them out")
        }
        Error::Exists { .. } => Failure::input(message).hint(
            "nothing was written; publish it under a new version, or give --replace and break the \
                 lock files of whoever has this one",
        ),
        Error::InTheWay { .. } => Failure::input(message).hint(
            "nothing was written; somebody may be adding it right now, or was cut short: look \
                 again, and if nobody is, give --replace",
        ),
        Error::NoSuchRelease { .. } => Failure::input(message)
            .hint("nothing was written; it may be gone already, or be spelt otherwise"),
        Error::Signed { .. } | Error::OtherKey { .. } => Failure::input(message).hint(
            "nothing was written; sign with the key that clients know, or mend the registry with \
                 `hexreg build`",
        ),
        Error::Decode { .. } | Error::OtherPackage { .. } | Error::Incomplete { .. } => {
            Failure::input(message)
                .hint("nothing was written; `hexreg build` makes it anew out of its tarballs")
        }
        Error::OtherRepository { found, .. } => Failure::input(message)
            .hint(format!("nothing was written; did you mean --name={found}?")),
        Error::Busy { .. } => Failure::environment(message)
            .hint("nothing was written; let it end, or give a longer --lock-timeout"),
        Error::Key(_) | Error::Read(_) => Failure::environment(message).hint("nothing was written"),
        Error::Write(error) => unwritten(message, error, listener),
    }
}

/// What to do where a change could not be made.
pub fn unwritten(message: String, error: &StoreError, listener: &Listener<'_>) -> Failure {
    let hint = if error.ignores_conditions() {
        "where nobody else ever writes at the same time, --assume-single-writer does without"
    } else if error.is_conflict() {
        "others change it again and again: try once more, or give a longer --lock-timeout"
    } else if listener.heard().is_empty() {
        "nothing was changed: try again once this is mended"
    } else {
        "what was done before it stands, and every file is whole: try again once this is mended"
    };
    Failure::environment(message).hint(hint)
}
