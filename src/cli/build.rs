//! `hexreg build`

use std::env;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use hexreg::name::RepositoryName;
use hexreg::ops::build::{self, Changed, Error, Options, Rejection, Report};
use hexreg::package::UnixSeconds;
use hexreg::repository::RepositoryPath;
use hexreg::store::{DirStore, Store};
use hexreg::tarball::Limits;
use rayon::ThreadPoolBuilder;
use serde::Serialize;

use super::failure::{self, Failure, Rejected, chain};
use super::output;
use super::private_key::Source;

const EPOCH_VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// Build a signed registry from a directory of package tarballs
///
/// Reads PUBLIC_DIR/tarballs/*.tar and writes PUBLIC_DIR/public_key, names, versions and packages/*,
/// as `mix hex.registry build` does. A file whose content has not changed is not touched. When a
/// tarball is rejected, all that are get named and nothing is written.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg key new acme.pem
  hexreg build public --name=acme --private-key=acme.pem
  hexreg build public --name=acme --private-key=acme.pem --dry-run --json
  pass show acme | hexreg build public --name=acme --private-key=-

Environment:
  HEXREG_PRIVATE_KEY             the private key itself, where --private-key is not given
  HEXREG_PRIVATE_KEY_PASSPHRASE  the passphrase of an encrypted key
  SOURCE_DATE_EPOCH              no updated_at is later than this, in seconds since 1970
  NO_COLOR                       no colour, whatever the terminal can do")]
#[expect(clippy::struct_excessive_bools, reason = "one field a flag, as clap has it")]
pub struct Args {
    /// The directory that is served to clients; its tarballs/ is read
    #[arg(value_name = "PUBLIC_DIR")]
    public_dir: PathBuf,
    /// The name under which clients know the repository
    #[arg(long)]
    name: RepositoryName,
    /// The RSA private key that signs, in PEM; `-` reads standard input
    #[arg(long, value_name = "PATH")]
    private_key: Option<PathBuf>,
    /// How many tarballs to read at once [default: one a processor]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Print errors alone
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    /// Say what would be done and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not unpack packages to check the files in them
    #[arg(long)]
    no_check_contents: bool,
    /// Replace a public_key that belongs to another private key
    #[arg(long)]
    rotate_key: bool,
}

/// What `--json` prints of a build.
#[derive(Serialize)]
struct Json<'a> {
    repository: &'a RepositoryName,
    fingerprint: &'a str,
    packages: usize,
    releases: usize,
    dry_run: bool,
    created: Vec<&'a RepositoryPath>,
    updated: Vec<&'a RepositoryPath>,
    removed: Vec<&'a RepositoryPath>,
    unchanged: usize,
    warnings: Vec<String>,
}

impl Args {
    /// Builds, and tells how it went.
    pub fn main(self) -> ExitCode {
        let done = self.run();
        if let Err(failure) = &done {
            if !self.json || output::json(failure).is_err() {
                failure.print();
            }
        }
        failure::exit_code(&done)
    }

    fn run(&self) -> Result<(), Failure> {
        let source = Source::from_argument(self.private_key.as_deref())?;
        source.refuse_inside(&self.public_dir)?;
        let key = source.parse(&source.read()?)?;
        let exposure = source.exposure();
        let options = Options {
            repository: self.name.clone(),
            key,
            limits: Limits::HEX,
            check_contents: !self.no_check_contents,
            latest: source_date_epoch()?,
            rotate_key: self.rotate_key,
            dry_run: self.dry_run,
        };
        let store = DirStore::new(&self.public_dir);
        let threads = self.jobs.map_or(0, NonZeroUsize::get);
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| Failure::environment(format!("no threads: {error}")))?;
        let report = pool.install(|| build::build(&store, &options));
        let report = report.map_err(|error| self.failure(&error))?;
        let warnings = report.warnings.iter().map(ToString::to_string).chain(exposure).collect();
        self.print(&report, &store, &options, warnings)
    }

    fn print(
        &self,
        report: &Report,
        store: &DirStore,
        options: &Options,
        warnings: Vec<String>,
    ) -> Result<(), Failure> {
        if self.json {
            return output::json(&Json::of(report, options, warnings));
        }
        if self.quiet {
            return Ok(());
        }
        for warning in &warnings {
            output::warning(warning);
        }
        for (path, changed) in &report.changes {
            let verb = match changed {
                Changed::Created => "creating",
                Changed::Updated => "updating",
                Changed::Removed => "removing",
            };
            output::line(&format!("* {verb} {}", store.locate(path)))?;
        }
        output::line(&summary(report, options))
    }

    fn failure(&self, error: &Error) -> Failure {
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
                Failure::input(message)
                    .rejecting(rejected)
                    .hint("nothing was written; remove or replace these files and build again")
            }
            Error::OtherKey { .. } => Failure::input(message).hint(
                "nothing was written; sign with the former key, or give --rotate-key and hand the \
                 new public_key to every client",
            ),
            Error::NotAKey { .. } => Failure::input(message).hint(
                "nothing was written; put back the file that clients know, or give --rotate-key to \
                 replace it",
            ),
            Error::Assemble(_) => Failure::input(message).hint("nothing was written"),
            Error::Key(_) | Error::Store(_) => Failure::environment(message),
        }
    }
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
    let of = |wanted| report.changes.iter().filter(|(_, changed)| *changed == wanted).count();
    let changes = if report.changes.is_empty() {
        "nothing has changed".to_owned()
    } else {
        format!(
            "{} created, {} updated, {} removed",
            output::thousands(of(Changed::Created)),
            output::thousands(of(Changed::Updated)),
            output::thousands(of(Changed::Removed)),
        )
    };
    let dry_run = if options.dry_run { " (dry run: nothing was written)" } else { "" };
    format!("{counted}; {changes}{dry_run}")
}

impl<'a> Json<'a> {
    fn of(report: &'a Report, options: &'a Options, warnings: Vec<String>) -> Self {
        let of = |wanted| {
            let changes = report.changes.iter().filter(move |(_, changed)| *changed == wanted);
            changes.map(|(path, _)| path).collect()
        };
        Self {
            repository: &options.repository,
            fingerprint: options.key.public_key().fingerprint(),
            packages: report.packages,
            releases: report.releases,
            dry_run: options.dry_run,
            created: of(Changed::Created),
            updated: of(Changed::Updated),
            removed: of(Changed::Removed),
            unchanged: report.unchanged,
            warnings,
        }
    }
}

fn source_date_epoch() -> Result<Option<UnixSeconds>, Failure> {
    let Some(value) = env::var_os(EPOCH_VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    match seconds {
        Some(seconds) => Ok(Some(UnixSeconds(seconds))),
        None => Err(Failure::environment(format!(
            "{EPOCH_VARIABLE} is {value:?}: expected whole seconds since 1970"
        ))
        .hint("unset it, or set it to what `date +%s` prints")),
    }
}
