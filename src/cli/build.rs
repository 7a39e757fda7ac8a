//! `hexreg build`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueHint;
use hexreg::name::{PackageName, RepositoryName};
use hexreg::ops::build::{self, Error, Options, Rejection, Report};
use hexreg::publish::breakage::Breakage;
use hexreg::repository::Folder;
use hexreg::store::Store;
use hexreg::tarball::Limits;
use serde::Serialize;

use super::cache;
use super::change_log::ChangeLog;
use super::destination::Destination;
use super::failure::{Failure, Rejected, chain, rejection_hint};
use super::output;
use super::reporter::Reporter;
use super::time::source_date_epoch;
use super::write::{self, WriteArgs};

/// Build a signed registry from a directory of package tarballs
///
/// Reads DEST/tarballs/*.tar and writes DEST/public_key, names, versions and packages/*, as `mix
/// hex.registry build` does. A file whose content has not changed is not touched. If any tarball
/// is rejected, every rejected one is named, and nothing is written.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg key new acme.pem
  hexreg build public --name=acme --private-key=acme.pem
  hexreg build public --name=acme --private-key=acme.pem --dry-run --json
  hexreg build s3://bucket/acme --name=acme --private-key=acme.pem
  pass show acme | hexreg build public --name=acme --private-key=-

Environment:
  HEXREG_PRIVATE_KEY             the private key itself, where --private-key is not given
  HEXREG_PRIVATE_KEY_PASSPHRASE  the passphrase of an encrypted key
  HEXREG_CACHE_DIR               where to keep the cache, where --cache-dir is not given
  SOURCE_DATE_EPOCH              no updated_at is later than this, in seconds since 1970
  NO_COLOR                       no colour, whatever the terminal can do
  AWS_…, GOOGLE_…, AZURE_…       credentials and endpoints of buckets, under their usual names")]
#[expect(clippy::struct_excessive_bools, reason = "one field a flag, as clap has it")]
pub struct Args {
    /// What is served to clients, and has tarballs/ in it: a directory, or a bucket as
    /// s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX
    #[arg(value_name = "DEST", value_parser = Destination::parser(), value_hint = ValueHint::AnyPath)]
    destination: Destination,
    /// The name under which clients know the repository
    #[arg(long)]
    name: RepositoryName,
    /// The RSA private key that signs, in PEM; `-` reads standard input
    #[arg(long, value_name = "PATH")]
    private_key: Option<PathBuf>,
    /// How many tarballs to read at once [default: one a processor; 16 from a bucket]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    jobs: Option<u16>,
    /// Do not unpack packages to check the files in them
    #[arg(long)]
    no_check_contents: bool,
    /// Refuse to change or remove a published release, and to build if what was published cannot be read
    #[arg(long)]
    immutable: bool,
    /// Let a new release require NAME from hex.pm, though this registry has a package of that name
    #[arg(long, value_name = "NAME")]
    allow_public: Vec<PackageName>,
    /// Forget what only the published registry says: what is retired, times of publication, advisories. What upstream
    /// says of mirrored tarballs is kept
    #[arg(long)]
    fresh: bool,
    /// Replace a public_key that belongs to another private key
    #[arg(long)]
    rotate_key: bool,
    #[command(flatten)]
    cache: cache::CacheArgs,
    #[command(flatten)]
    change: WriteArgs,
}

/// What `--json` prints of a build.
#[derive(Serialize)]
struct BuildJson<'a> {
    repository: &'a RepositoryName,
    fingerprint: &'a str,
    packages: usize,
    releases: usize,
    read: usize,
    dry_run: bool,
    unchanged: usize,
    #[serde(flatten)]
    changes: ChangeLog,
}

impl Args {
    /// Builds the registry and reports the result.
    pub fn main(self) -> ExitCode {
        write::main(&self.destination, &self.change, self.jobs, |reporter| self.run(reporter))
    }

    fn run(&self, reporter: &Reporter<'_>) -> Result<(), Failure> {
        let key = write::private_key(self.private_key.as_deref(), &self.destination, reporter)?;
        let options = Options {
            repository: self.name.clone(),
            key,
            limits: Limits::HEX,
            check_contents: !self.no_check_contents,
            latest: source_date_epoch()?,
            immutable: self.immutable,
            allow_public: self.allow_public.iter().cloned().collect(),
            fresh: self.fresh,
            rotate_key: self.rotate_key,
            lock_timeout: self.change.lock_timeout(),
            dry_run: self.change.dry_run,
            cache: self
                .cache
                .file(&self.destination, self.change.writing.reading.endpoint.as_deref())?,
        };
        let pool = write::threads(&self.destination, self.jobs)?;
        let report = pool.install(|| build::build(reporter.store, &options, reporter));
        reporter.end();
        let report = report.map_err(|error| self.failure(&error, reporter))?;
        if self.change.json {
            return output::json(&BuildJson {
                repository: &options.repository,
                fingerprint: options.key.public_key().fingerprint(),
                packages: report.packages,
                releases: report.releases,
                read: report.read,
                dry_run: options.dry_run,
                unchanged: report.unchanged,
                changes: reporter.change_log().clone(),
            });
        }
        if self.change.quiet { Ok(()) } else { output::line(&summary(&report, &options)) }
    }

    fn failure(&self, error: &Error, reporter: &Reporter<'_>) -> Failure {
        let message = format!("failed to build `{}`: {}", self.name, chain(error));
        match error {
            Error::Rejected { rejections, total } => {
                let message = format!(
                    "failed to build `{}`: {} of {} rejected",
                    self.name,
                    output::thousands(rejections.len()),
                    output::count(total.get(), "tarball"),
                );
                let rejected = rejections.iter().map(rejected).collect();
                let advice =
                    rejection_hint(rejections, "remove or replace these files and build again");
                Failure::input(message).rejecting(rejected).hint(reporter.advise(advice))
            }
            Error::Immutable(breakages) => {
                let message = format!(
                    "failed to build `{}`: what was published would change in {}",
                    self.name,
                    output::count(breakages.len(), "place"),
                );
                let rejected =
                    breakages.iter().map(|breakage| broken(reporter.store, breakage)).collect();
                Failure::input(message).rejecting(rejected).hint(reporter.advise(
                    "put back what was published, or build without --immutable, also to complete an \
                           interrupted change of keys",
                ))
            }
            Error::OtherKey { .. } | Error::LostKey { .. } => {
                Failure::input(message).hint(reporter.advise(
                    "sign with the former key, or give --rotate-key and hand the \
                 new public_key to every client",
                ))
            }
            Error::NotAKey { .. } => Failure::input(message).hint(reporter.advise(
                "put back the file that clients know, or give --rotate-key to \
                 replace it",
            )),
            Error::NoRegistry { .. } => {
                let advice = match self.destination.as_dir() {
                    Some(directory) => format!(
                        "check that DEST is right; for a registry without releases, create {} first",
                        directory.join(Folder::Tarballs.as_str()).display()
                    ),
                    None => "check that DEST is right; `hexreg add` puts the first release into a bucket"
                        .to_owned(),
                };
                Failure::input(message).hint(reporter.advise(&advice))
            }
            Error::LockTimeout(_) => Failure::environment(message)
                .hint(reporter.advise("let it end, or give a longer --lock-timeout")),
            Error::Changed { .. } => Failure::environment(message)
                .hint(reporter.advise("build again when no other program writes there")),
            Error::Key(_) | Error::Read(_) => {
                Failure::environment(message).hint(reporter.advise("fix this and build again"))
            }
            Error::Write(error) => write::unwritten(message, error, reporter),
        }
    }
}

/// A breakage, at the file that the user would look at.
fn broken(store: &dyn Store, breakage: &Breakage) -> Rejected {
    Rejected { path: store.locate(&breakage.path()), reason: breakage.to_string() }
}

fn rejected(rejection: &Rejection) -> Rejected {
    Rejected { path: rejection.location.clone(), reason: chain(&rejection.cause) }
}

fn summary(report: &Report, options: &Options) -> String {
    let counted = format!(
        "{}: {}, {}",
        options.repository,
        output::count(report.packages, "package"),
        output::count(report.releases, "release"),
    );
    format!("{counted}; {}", write::counted(&report.changes, options.dry_run))
}
