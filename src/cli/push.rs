//! `hexreg push`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueHint;
use hexreg::ops::build::Alarm;
use hexreg::ops::push::{self, Error, Options, Report};
use hexreg::store::DirStore;
use serde::Serialize;

use super::amend::unwritten;
use super::change::{self, Manner};
use super::destination::{Destination, Writing};
use super::failure::{Failure, Rejected, chain};
use super::heard::Heard;
use super::listener::Listener;
use super::output;

/// Copy a registry to where it is served, in order, and only what has changed
///
/// Looks at what DEST has, and uploads what is different: tarballs first, then packages, `versions` and
/// `names`, so that nobody meets a name before what it stands for. Everything that is signed is checked
/// before; keys and whatever else clients never ask for stay where they are.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg push public s3://BUCKET/hex
  hexreg push public s3://BUCKET --endpoint=http://127.0.0.1:9000 --dry-run
  hexreg push public /srv/hex

Environment:
  NO_COLOR                  no colour, whatever the terminal can do
  AWS_…, GOOGLE_…, AZURE_…  keys and places of buckets, as their own tools have them")]
#[expect(clippy::struct_excessive_bools, reason = "one field a flag, as clap has it")]
pub struct Args {
    /// The directory that has the registry
    #[arg(value_name = "PUBLIC_DIR", value_hint = ValueHint::DirPath)]
    public_dir: PathBuf,
    /// Where it is served: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX, or a directory
    #[arg(value_name = "DEST", value_parser = Destination::parser(), value_hint = ValueHint::AnyPath)]
    destination: Destination,
    /// Let DEST lose what PUBLIC_DIR does not have: its files, its releases and what is said of them, its key
    #[arg(long)]
    overwrite: bool,
    /// How many uploads at once [default: one a processor; 16 to a bucket]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    jobs: Option<u16>,
    /// How many seconds to wait for, or try again because of, others who work on either side
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
    repository: &'a str,
    fingerprint: &'a str,
    packages: usize,
    releases: usize,
    dry_run: bool,
    unchanged: usize,
    #[serde(flatten)]
    so_far: Heard,
}

impl Args {
    /// Pushes, and tells how it went.
    pub fn main(self) -> ExitCode {
        let manner = Manner { quiet: self.quiet, json: self.json };
        let work = |listener: &Listener<'_>| self.run(listener);
        change::main(&self.destination, &self.writing, self.jobs, manner, work)
    }

    fn run(&self, listener: &Listener<'_>) -> Result<(), Failure> {
        self.refuse_source()?;
        let from = DirStore::new(&self.public_dir);
        let options = Options {
            overwrite: self.overwrite,
            lock_timeout: Duration::from_secs(self.lock_timeout.into()),
            dry_run: self.dry_run,
        };
        let pool = change::threads(&self.destination, self.jobs)?;
        let report = pool.install(|| push::push(&from, listener.store, &options, listener));
        listener.end();
        let report = report.map_err(|error| self.failure(&error, listener))?;
        if self.json {
            return output::json(&Json {
                repository: report.repository.as_str(),
                fingerprint: &report.fingerprint,
                packages: report.packages,
                releases: report.releases,
                dry_run: options.dry_run,
                unchanged: report.unchanged,
                so_far: listener.heard().clone(),
            });
        }
        if self.quiet { Ok(()) } else { output::line(&summary(&report, &options)) }
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

    /// Before anything was looked at.
    fn failed(&self, reason: &str) -> Failure {
        let (from, to) = (self.public_dir.display(), &self.destination);
        Failure::environment(format!("failed to push {from} to {to}: {reason}"))
    }

    fn failure(&self, error: &Error, listener: &Listener<'_>) -> Failure {
        let failed =
            format!("failed to push {} to {}", self.public_dir.display(), self.destination);
        let message = format!("{failed}: {}", chain(error));
        match error {
            Error::Unsound { .. } => Failure::input(message)
                .hint("nothing was written; `hexreg build` makes a registry, and `hexreg verify` checks one"),
            Error::OtherKey { .. } => Failure::input(message).hint(
                "nothing was written; every client would have to be told: give --overwrite if they are",
            ),
            Error::Loses(alarms) => {
                let lost = alarms.iter().map(|alarm| Rejected {
                    path: listener.store.locate(&alarm.path()),
                    // Here it is of something that is still there.
                    reason: match alarm {
                        Alarm::Gone { package, version } => {
                            format!("{package} {version} is there, and not here")
                        }
                        _ => alarm.to_string(),
                    },
                });
                let counted = output::count(alarms.len(), "place");
                let hint = if alarms.iter().any(|alarm| matches!(alarm, Alarm::Renamed { .. })) {
                    "nothing was written; is it another repository that is served there? if it is \
                     to be replaced, give --overwrite"
                } else {
                    "nothing was written; somebody may have changed it there: bring those releases \
                     here and build again, retire here what is retired there, or give --overwrite \
                     to do without"
                };
                Failure::input(format!("{failed}: what stands there would be lost in {counted}"))
                    .rejecting(lost.collect())
                    .hint(hint)
            }
            Error::Busy(_) => Failure::environment(message)
                .hint("nothing was written; let it end, or give a longer --lock-timeout"),
            Error::Read(_) => Failure::environment(message).hint("nothing was written"),
            Error::Write(error) => unwritten(message, error, listener),
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
    format!("{counted}; {}", change::counted(&report.changes, options.dry_run))
}
