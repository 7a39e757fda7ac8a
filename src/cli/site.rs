//! `hexreg site`

use std::collections::BTreeSet;
#[cfg(feature = "mirror")]
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ValueEnum, ValueHint};
use hexreg::name::RepositoryName;
use hexreg::ops::site::{self, DocsChoice, Error, Options, Report};
use hexreg::ops::verify::Defect;
use hexreg::store::{Store, StoreErrorKind};
use hexreg::tarball::FileName;
use serde::Serialize;

use super::change_log::ChangeLog;
use super::destination::{Destination, Following, Reading};
use super::failure::{Failure, chain};
use super::output;
use super::reporter::Reporter;
use super::write::{self, WriteArgs};

/// Write the pages of a registry as files, for any web server, a bucket, or a USB stick
///
/// Writes a list of all packages, a page of each, and documentation, as files that need no server: a browser
/// opens OUT/index.html. Pages of what has not changed are left as they are, and those of what went are removed.
/// OUT may be DEST itself. Files there that are not of the site are never changed.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg site public --out=site
  hexreg site public --out=public --url=https://hex.acme.test
  hexreg site public --out=s3://BUCKET/hex --docs=all
  hexreg verify public --site=site

Environment:
  NO_COLOR                  no colour, whatever the terminal can do
  AWS_…, GOOGLE_…, AZURE_…  credentials and endpoints of buckets, under their usual names")]
pub struct Args {
    /// The registry: a directory, or a bucket as s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX
    #[arg(value_name = "DEST", value_parser = Destination::parser(), value_hint = ValueHint::AnyPath)]
    destination: Destination,
    /// Where the pages go: a directory, or a bucket; DEST itself is possible
    #[arg(long, value_name = "OUT", value_parser = Destination::parser(), value_hint = ValueHint::AnyPath)]
    out: Destination,
    /// The URL at which OUT will be read: for the feed, and the page for what is missing, which have to name it
    #[arg(long, value_name = "URL", value_parser = url)]
    url: Option<String>,
    /// Whose documentation is shown: that of the latest version of each package, of all versions, or none
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Docs::Latest)]
    docs: Docs,
    /// Show the documentation of what a mix.lock, rebar.lock or manifest.toml pins besides; `-` reads standard
    /// input. Repeatable
    #[cfg(feature = "mirror")]
    #[arg(long, value_name = "FILE")]
    lock: Vec<PathBuf>,
    /// Make all pages again, and write each
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    following: Following,
    /// How many files to read at once [default: one per processor; 16 from or to a bucket]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    jobs: Option<u16>,
    #[command(flatten)]
    change: WriteArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Docs {
    Latest,
    All,
    None,
}

/// A URL of the web, without a slash at its end.
fn url(text: &str) -> Result<String, String> {
    let has_place = |rest: &str| !rest.is_empty() && !rest.starts_with('/');
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_plain =
        !text.contains(['?', '#', '"', '<', '>', '\\']) && !text.contains(char::is_whitespace);
    if rest.is_some_and(has_place) && is_plain {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("expected a URL such as https://hex.acme.test".to_owned())
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct SiteJson<'a> {
    repository: &'a RepositoryName,
    fingerprint: &'a str,
    packages: usize,
    documentation: usize,
    read: usize,
    dry_run: bool,
    created: usize,
    updated: usize,
    removed: usize,
    unchanged: usize,
    warnings: Vec<String>,
}

/// The registry, and the place of the site.
struct SiteStores {
    from: Box<dyn Store>,
    to: Box<dyn Store>,
}

impl Args {
    /// Makes the site and reports the result.
    pub fn main(self) -> ExitCode {
        let format = self.change.format();
        let SiteStores { from, to } = match self.open() {
            Ok(stores) => stores,
            Err(failure) => return write::end(format, &Err(failure), ChangeLog::default()),
        };
        let reporter = Reporter::new(to.as_ref(), !format.json && !format.quiet);
        let done = self.run(from.as_ref(), &reporter);
        let changes = reporter.change_log().clone();
        write::end(format, &done, changes)
    }

    /// Opens the registry and the place of the site.
    fn open(&self) -> Result<SiteStores, Failure> {
        let endpoint = self.change.writing.reading.endpoint.clone();
        // One endpoint is for the bucket that there is, on either side.
        let is_bucket = |place: &Destination| place.as_dir().is_none();
        let any_bucket = is_bucket(&self.destination) || is_bucket(&self.out);
        let for_place =
            |place: &Destination| endpoint.clone().filter(|_| is_bucket(place) || !any_bucket);
        let reading = Reading { endpoint: for_place(&self.destination) };
        let from = reading.open_to_verify(&self.destination, &self.following)?;
        let to =
            self.change.writing.with_endpoint(for_place(&self.out)).open(&self.out, self.jobs)?;
        Ok(SiteStores { from, to })
    }

    fn run(&self, from: &dyn Store, reporter: &Reporter<'_>) -> Result<(), Failure> {
        let options = Options {
            url: self.url.clone(),
            docs: match self.docs {
                Docs::Latest => DocsChoice::Latest,
                Docs::All => DocsChoice::All,
                Docs::None => DocsChoice::None,
            },
            pinned: self.pinned()?,
            fresh: self.fresh,
            lock_timeout: self.change.lock_timeout(),
            dry_run: self.change.dry_run,
        };
        let slowest =
            if self.destination.as_dir().is_none() { &self.destination } else { &self.out };
        let pool = write::threads(slowest, self.jobs)?;
        let report = pool.install(|| site::site(from, reporter.store, &options, reporter));
        reporter.end();
        let report = report.map_err(|error| self.failure(&error, reporter))?;
        if self.change.json {
            return output::json(&SiteJson {
                repository: &report.repository,
                fingerprint: &report.fingerprint,
                packages: report.packages,
                documentation: report.documentation,
                read: report.read,
                dry_run: options.dry_run,
                created: report.created,
                updated: report.updated,
                removed: report.removed,
                unchanged: report.unchanged,
                warnings: reporter.change_log().warnings.clone(),
            });
        }
        if self.change.quiet { Ok(()) } else { output::line(&summary(&report, options.dry_run)) }
    }

    #[cfg(feature = "mirror")]
    fn pinned(&self) -> Result<BTreeSet<FileName>, Failure> {
        let locks = super::lock::read_all(&self.lock, false)?;
        let pins = locks.into_iter().flat_map(|(_, lock)| lock.pinned);
        Ok(pins.map(|one| FileName { package: one.package, version: one.version }).collect())
    }

    #[cfg(not(feature = "mirror"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as with lock files")]
    fn pinned(&self) -> Result<BTreeSet<FileName>, Failure> {
        Ok(BTreeSet::new())
    }

    fn failure(&self, error: &Error, reporter: &Reporter<'_>) -> Failure {
        let message = format!("failed to make the site of {}: {}", self.destination, chain(error));
        let nothing = |advice: &str| format!("nothing was written; {advice}");
        match error {
            Error::Unsound { source, .. } if matches!(**source, Defect::Missing) => {
                Failure::input(message).hint(nothing(
                    "name the directory that `hexreg build` wrote to, or the bucket that has the registry",
                ))
            }
            Error::Unsound { .. } => Failure::input(message).hint(nothing(
                "`hexreg verify` says all that is wrong, and `hexreg build` signs again",
            )),
            Error::Foreign { .. } => Failure::input(message)
                .hint(nothing("move it out of the way, or name another place by --out")),
            Error::NotAManifest { .. } => Failure::input(message).hint(nothing(
                "it is damaged, or of a newer hexreg: remove it together with the files of the site",
            )),
            Error::LockTimeout(_) => Failure::environment(message)
                .hint(nothing("let it end, or give a longer --lock-timeout")),
            Error::Read(error) if matches!(error.kind, StoreErrorKind::LeadsOut(_)) => {
                Failure::environment(message).hint(
                    "give --follow-links if what links lead to is to be shown",
                )
            }
            Error::Read(_) => Failure::environment(message).hint("fix this and try again"),
            Error::Write(error) => write::unwritten(message, error, reporter),
        }
    }
}

fn summary(report: &Report, dry_run: bool) -> String {
    let counted = format!(
        "{}: {}, documentation of {}",
        report.repository,
        output::count(report.packages, "package"),
        output::count(report.documentation, "release"),
    );
    let changed = [report.created, report.updated, report.removed];
    let changed = match changed {
        [0, 0, 0] => "nothing has changed".to_owned(),
        _ => format!(
            "{} created, {} updated, {} removed",
            output::thousands(report.created),
            output::thousands(report.updated),
            output::thousands(report.removed),
        ),
    };
    let dry_run = if dry_run { write::DRY_RUN } else { "" };
    format!("{counted}; {changed}{dry_run}")
}
