//! What `add`, `remove`, `retire`, `unretire` and `policy` have in common: they change a part of a registry.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueHint;
use hexreg::name::{PackageName, RepositoryName};
use hexreg::ops::edit::{Error, Options, Report};
use hexreg::store::Store;
use hexreg::tarball::FileName;
use hexreg::version::Version;
use serde::Serialize;

use super::change_log::ChangeLog;
use super::destination::Destination;
use super::failure::{Failure, Rejected, chain, rejection_hint};
use super::output;
use super::reporter::Reporter;
use super::write::{self, WriteArgs};

/// The environment variables that each of these commands reads.
pub const ENVIRONMENT: &str = "\
Environment:
  HEXREG_PRIVATE_KEY             the private key itself, where --private-key is not given
  HEXREG_PRIVATE_KEY_PASSPHRASE  the passphrase of an encrypted key
  AWS_…, GOOGLE_…, AZURE_…       credentials and endpoints of buckets, under their usual names";

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

impl WhichArgs {
    /// The name of the repository.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }
}

/// The release to change.
#[derive(clap::Args)]
pub struct ReleaseArgs {
    /// The package
    package: PackageName,
    /// Which of its releases
    version: Version,
}

impl From<ReleaseArgs> for FileName {
    fn from(ReleaseArgs { package, version }: ReleaseArgs) -> Self {
        Self { package, version }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct EditJson<'a> {
    repository: &'a RepositoryName,
    fingerprint: &'a str,
    dry_run: bool,
    #[serde(flatten)]
    changes: ChangeLog,
}

/// What is printed of a change that was made.
pub struct Summary {
    /// What was done, such as `1 release added`.
    pub done: String,
    /// What to know of it, in lines.
    pub notes: Vec<String>,
}

impl From<String> for Summary {
    fn from(done: String) -> Self {
        Self { done, notes: Vec::new() }
    }
}

/// Changes the registry, and returns a summary.
type Work<'a> =
    dyn Fn(&dyn Store, &Options, &Reporter<'_>) -> Result<(Report, Summary), Error> + Sync + 'a;

/// A command that changes a part of a registry.
pub struct EditCommand<'a> {
    pub which: &'a WhichArgs,
    /// Completes the message `failed to …`, as `add to` does.
    pub attempt: &'static str,
    pub work: &'a Work<'a>,
}

/// How many releases a failure names.
const SHOWN: usize = 20;

impl EditCommand<'_> {
    /// Makes the change and reports the result.
    pub fn main(&self, args: &WriteArgs) -> ExitCode {
        write::main(&self.which.to, args, None, |reporter| self.run(args, reporter))
    }

    fn run(&self, args: &WriteArgs, reporter: &Reporter<'_>) -> Result<(), Failure> {
        let WhichArgs { to, name, private_key } = self.which;
        let key = write::private_key(private_key.as_deref(), to, reporter)?;
        let options = Options {
            repository: name.clone(),
            key,
            lock_timeout: args.lock_timeout(),
            dry_run: args.dry_run,
        };
        let pool = write::threads(to, None)?;
        let done = pool.install(|| (self.work)(reporter.store, &options, reporter));
        reporter.end();
        let (report, summary) = done.map_err(|error| self.failure(&error, reporter))?;
        if args.json {
            return output::json(&EditJson {
                repository: &options.repository,
                fingerprint: options.key.public_key().fingerprint(),
                dry_run: options.dry_run,
                changes: reporter.change_log().clone(),
            });
        }
        if args.quiet {
            return Ok(());
        }
        let summary = if report.changes.is_empty() {
            Summary::from("nothing has changed".to_owned())
        } else {
            summary
        };
        let dry_run = if options.dry_run { write::DRY_RUN } else { "" };
        output::line(&format!("{name}: {}{dry_run}", summary.done))?;
        summary.notes.iter().try_for_each(|note| output::line(note))
    }

    fn failure(&self, error: &Error, reporter: &Reporter<'_>) -> Failure {
        let failed = format!("failed to {} `{}`", self.attempt, self.which.name);
        let message = format!("{failed}: {}", chain(error));
        let advise = |advice: &str| reporter.advise(advice);
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
                .hint(advise(rejection_hint(rejections, "replace these files, or leave them out")))
        }
        Error::Exists { .. } => Failure::input(message).hint(advise(
            "publish it under a new version, or give --replace, which breaks the lock files of \
                 projects that have this one",
        )),
        Error::InTheWay { .. } => Failure::input(message).hint(advise(
            "another writer may be adding it, or was interrupted: try again, and if it is still \
                 there, give --replace",
        )),
        Error::NoRegistry { .. } => Failure::input(message).hint(advise("check that --to is right")),
            Error::NoSuchRelease { .. } => {
            Failure::input(message).hint(advise("it may be removed already, or be spelled differently"))
        }
        Error::Signed { .. } | Error::OtherKey { .. } => Failure::input(message).hint(advise(
            "sign with the key that clients know, or repair the registry with `hexreg build`",
        )),
        Error::Decode { .. }
        | Error::OtherPackage { .. }
        | Error::OtherPolicy { .. }
        | Error::MissingIndex { .. }
        | Error::LostRelease { .. } => {
            Failure::input(message).hint(advise("`hexreg build` builds it again from its tarballs"))
        }
        Error::OtherRepository { found, .. } => {
            Failure::input(message).hint(advise(&format!("did you mean --name={found}?")))
        }
        Error::NoSuchPolicy { .. } => Failure::input(message)
            .hint(advise("`hexreg policy list` lists the policies of a registry")),
        Error::PolicyOfHexpm => Failure::input(message).hint(advise(
            "publish the policy in a repository of another name: it can have rules for packages of hexpm",
        )),
        Error::LargePolicy { .. } => {
            Failure::input(message).hint(advise("shorten its comments, or name fewer packages"))
        }
        Error::Undated { releases } => {
            let undated = releases.iter().take(SHOWN).map(|release| Rejected {
                path: release.to_string(),
                reason: "it has no published_at".to_owned(),
            });
            Failure::input(message).rejecting(undated.collect()).hint(advise(
                "publish them again with a time (`hexreg add --published-at`, `hexreg build`), deny them, \
                 or give --accept-undated",
            ))
        }
        Error::LockTimeout(_) => Failure::environment(message)
            .hint(advise("let it end, or give a longer --lock-timeout")),
        Error::Key(_) | Error::Read(_) => {
            Failure::environment(message).hint(advise("fix this and try again"))
        }
        Error::Write(error) => write::unwritten(message, error, reporter),
    }
    }
}
