//! What the commands have in common that change some releases and leave all others alone.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueHint;
use hexreg::name::RepositoryName;
use hexreg::ops::amend::{Error, Options, Report};
use hexreg::store::{Store, StoreError};
use serde::Serialize;

use super::change::{self, Manner};
use super::destination::{Destination, Writing};
use super::failure::{Failure, Rejected, chain};
use super::heard::Heard;
use super::listener::Listener;
use super::output;

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

/// What is done to the registry, and what to say of it.
type Work<'a> =
    dyn Fn(&dyn Store, &Options, &Listener<'_>) -> Result<(Report, String), Error> + Sync + 'a;

/// What is to be done, and what a person calls it.
pub struct Amendment<'a> {
    /// Where.
    pub which: &'a WhichArgs,
    /// As in `failed to add to`.
    pub attempt: &'static str,
    /// What to do to the registry, and what to say of it.
    pub work: &'a Work<'a>,
}

impl AmendArgs {
    /// Makes a change, and tells how it went.
    pub fn main(&self, amendment: &Amendment<'_>) -> ExitCode {
        let work = |listener: &Listener<'_>| self.run(amendment, listener);
        change::main(&amendment.which.to, &self.writing, None, self.manner(), work)
    }

    /// Tells of a failure before anything was begun.
    pub fn fail(&self, failure: Failure) -> ExitCode {
        change::end(self.manner(), &Err(failure), Heard::default())
    }

    fn manner(&self) -> Manner {
        Manner { quiet: self.quiet, json: self.json }
    }

    fn run(&self, amendment: &Amendment<'_>, listener: &Listener<'_>) -> Result<(), Failure> {
        let WhichArgs { to, name, private_key } = amendment.which;
        let key = change::private_key(private_key.as_deref(), to, listener)?;
        let options = Options {
            repository: name.clone(),
            key,
            lock_timeout: Duration::from_secs(self.lock_timeout.into()),
            dry_run: self.dry_run,
        };
        let pool = change::threads(to, None)?;
        let done = pool.install(|| (amendment.work)(listener.store, &options, listener));
        listener.end();
        let (report, summary) = done.map_err(|error| failure(amendment, &error, listener))?;
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
        let dry_run = if options.dry_run { change::DRY_RUN } else { "" };
        output::line(&format!("{name}: {done}{dry_run}"))
    }
}

fn failure(amendment: &Amendment<'_>, error: &Error, listener: &Listener<'_>) -> Failure {
    let failed = format!("failed to {} `{}`", amendment.attempt, amendment.which.name);
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
        Error::Busy(_) => Failure::environment(message)
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
