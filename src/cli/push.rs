//! `hexreg push`

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueHint;
use hexreg::ops::push::{self, Error, Options, Report};
use hexreg::ops::verify::Defect;
use hexreg::publish::breakage::Breakage;
use hexreg::store::{StoreError, StoreErrorKind};
use serde::Serialize;

use super::change_log::ChangeLog;
use super::destination::{Destination, Following};
use super::failure::{Failure, Rejected, chain};
use super::output;
use super::reporter::Reporter;
use super::write::{self, WriteArgs};

/// Copy a registry to where it is served, in order, and only what has changed
///
/// Compares DEST with PUBLIC_DIR and uploads what is different: tarballs first, then packages, `versions` and
/// `names`, so that no client meets a name before the file exists. All signed files are checked before. Keys and
/// other files that clients never ask for are not uploaded.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg push public s3://BUCKET/hex
  hexreg push public s3://BUCKET --endpoint=http://127.0.0.1:9000 --dry-run
  hexreg push public /srv/hex

Environment:
  NO_COLOR                  no colour, whatever the terminal can do
  AWS_…, GOOGLE_…, AZURE_…  credentials and endpoints of buckets, under their usual names")]
pub struct Args {
    /// The directory that has the registry
    #[arg(value_name = "PUBLIC_DIR", value_hint = ValueHint::DirPath)]
    public_dir: PathBuf,
    /// Where it is served: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX, or a directory
    #[arg(value_name = "DEST", value_parser = Destination::parser(), value_hint = ValueHint::AnyPath)]
    destination: Destination,
    /// Let DEST lose what PUBLIC_DIR does not have: files, releases, what is said of them, and the key
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    following: Following,
    /// How many uploads at once [default: one a processor; 16 to a bucket]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    jobs: Option<u16>,
    #[command(flatten)]
    change: WriteArgs,
}

/// A hint for a link that leads out of the directory.
const FOLLOW_LINKS: &str =
    "put the file itself there, or give --follow-links if what links lead to is to be published";

/// What `--json` prints.
#[derive(Serialize)]
struct PushJson<'a> {
    repository: &'a str,
    fingerprint: &'a str,
    packages: usize,
    releases: usize,
    dry_run: bool,
    unchanged: usize,
    #[serde(flatten)]
    changes: ChangeLog,
}

impl Args {
    /// Pushes the registry and reports the result.
    pub fn main(self) -> ExitCode {
        write::main(&self.destination, &self.change, self.jobs, |reporter| self.run(reporter))
    }

    fn run(&self, reporter: &Reporter<'_>) -> Result<(), Failure> {
        self.refuse_source()?;
        let from = self.following.open(&self.public_dir);
        let options = Options {
            overwrite: self.overwrite,
            judged: BTreeSet::new(),
            lock_timeout: self.change.lock_timeout(),
            dry_run: self.change.dry_run,
        };
        let pool = write::threads(&self.destination, self.jobs)?;
        let report = pool.install(|| push::push(&from, reporter.store, &options, reporter));
        reporter.end();
        let report = report.map_err(|error| self.failure(&error, reporter))?;
        if self.change.json {
            return output::json(&PushJson {
                repository: report.repository.as_str(),
                fingerprint: &report.fingerprint,
                packages: report.packages,
                releases: report.releases,
                dry_run: options.dry_run,
                unchanged: report.unchanged,
                changes: reporter.change_log().clone(),
            });
        }
        if self.change.quiet { Ok(()) } else { output::line(&summary(&report, &options)) }
    }

    fn refuse_source(&self) -> Result<(), Failure> {
        if !self.public_dir.is_dir() {
            return Err(self
                .failed("there is no such directory")
                .hint("name the directory that `hexreg build` wrote to"));
        }
        let to = self.destination.as_dir().and_then(|to| to.canonicalize().ok());
        if to.is_some() && to == self.public_dir.canonicalize().ok() {
            return Err(self.failed("they are the same directory"));
        }
        Ok(())
    }

    /// A failure before anything was read.
    fn failed(&self, reason: &str) -> Failure {
        let (from, to) = (self.public_dir.display(), &self.destination);
        Failure::environment(format!("failed to push {from} to {to}: {reason}"))
    }

    fn failure(&self, error: &Error, reporter: &Reporter<'_>) -> Failure {
        let failed =
            format!("failed to push {} to {}", self.public_dir.display(), self.destination);
        let message = format!("{failed}: {}", chain(error));
        match error {
            Error::Unsound { source, .. } if matches!(**source, Defect::LeadsOut) => {
                Failure::input(message).hint(reporter.advise(FOLLOW_LINKS))
            }
            // It leads there since it was listed.
            Error::Read(StoreError { kind: StoreErrorKind::LeadsOut(_), .. })
            | Error::Write(StoreError { kind: StoreErrorKind::LeadsOut(_), .. }) => {
                Failure::input(message).hint(reporter.advise(FOLLOW_LINKS))
            }
            Error::Unsound { .. } => Failure::input(message).hint(
                reporter.advise("`hexreg build` makes a registry, and `hexreg verify` checks one"),
            ),
            Error::TooLarge { .. } => Failure::input(message).hint(reporter.advise(
                "move it out of the way, or copy the directory with the tools of the storage",
            )),
            Error::OtherKey { .. } => Failure::input(message).hint(
                reporter.advise("give --overwrite if all clients get the new key"),
            ),
            Error::Loses(breakages) => {
                let lost = breakages.iter().map(|breakage| Rejected {
                    path: reporter.store.locate(&breakage.path()),
                    // The destination still has the release.
                    reason: match breakage {
                        Breakage::Removed { package, version } => {
                            format!("{package} {version} is there, and not here")
                        }
                        _ => breakage.to_string(),
                    },
                });
                let counted = output::count(breakages.len(), "place");
                let hint = if breakages
                    .iter()
                    .any(|breakage| matches!(breakage, Breakage::Renamed { .. }))
                {
                    "check that DEST is right: another repository is served there; to replace it, give --overwrite"
                } else {
                    "another writer may have changed it there: bring those releases \
                     here and build again, retire here what is retired there, or give --overwrite \
                     to lose them"
                };
                Failure::input(format!("{failed}: published data would be overwritten or removed in {counted}"))
                    .rejecting(lost.collect())
                    .hint(reporter.advise(hint))
            }
            Error::InTheWay { .. } => Failure::input(message).hint(reporter.advise(
                "another writer may be adding it, or was interrupted: try again, and if it is still \
                 there, give --overwrite",
            )),
            Error::LockTimeout(_) => Failure::environment(message)
                .hint(reporter.advise("let it end, or give a longer --lock-timeout")),
            Error::Read(_) => {
                Failure::environment(message).hint(reporter.advise("fix this and try again"))
            }
            Error::Write(error) => write::unwritten(message, error, reporter),
        }
    }
}

fn summary(report: &Report, options: &Options) -> String {
    let counted = format!(
        "{}: {}, {}",
        report.repository,
        output::count(report.packages, "package"),
        output::count(report.releases, "release"),
    );
    format!("{counted}; {}", write::counted(&report.changes, options.dry_run))
}
