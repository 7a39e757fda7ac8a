//! `hexreg verify`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::ValueHint;
use hexreg::key::PublicKey;
use hexreg::name::RepositoryName;
use hexreg::ops::verify::{self, Defect, Error, Options, Problem, Report};
use hexreg::publish::observer::{Observer, Warning, Work};
use hexreg::repository::Folder;
use hexreg::store::{Store, StoreErrorKind};
use hexreg::tarball::Limits;
use rayon::ThreadPoolBuilder;
use serde::Serialize;

use super::destination::{Destination, Following, Reading};
use super::failure::{self, Failure, chain};
use super::output;
use super::progress::Progress;
use super::public_key;
use super::quota::Quota;

/// Check all files of a registry
///
/// Checks every signature, name and order, the checksums and dependencies of every tarball, and whether
/// the files agree. Finds missing files, files that no release names, and private keys that would be
/// served. Lists every problem with its path and changes nothing. Builds of the same directory wait
/// meanwhile.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg verify public
  hexreg verify public --name=acme --public-key=acme.pub.pem
  hexreg verify public --json | jq -r '.problems[].path'
  hexreg verify public --site=site

Exit codes: 0 no problem; 1 problems; 2 usage or environment, including the
given key.")]
pub struct Args {
    /// What is served to clients: a directory, or a bucket as s3://BUCKET/PREFIX, gs://BUCKET/PREFIX
    /// or az://CONTAINER/PREFIX
    #[arg(value_name = "DEST", value_parser = Destination::parser(), value_hint = ValueHint::AnyPath)]
    destination: Destination,
    /// The name of the repository, as clients configure it [default: that of most files]
    #[arg(long)]
    name: Option<RepositoryName>,
    /// The key that clients have, in PEM; `-` reads standard input [default: DEST/public_key]
    #[arg(long, value_name = "PATH")]
    public_key: Option<PathBuf>,
    /// Unpack tarballs too, and check the files in them
    #[arg(long)]
    check_contents: bool,
    /// Accept that packages and tarballs are missing, as in a mirror of a part of a registry
    #[arg(long)]
    partial: bool,
    /// Check that each page of this site, which `hexreg site` wrote, is what DEST gives: a directory, or a bucket
    #[cfg(feature = "web")]
    #[arg(long, value_name = "SITE", value_parser = Destination::parser(), value_hint = ValueHint::AnyPath)]
    site: Option<Destination>,
    #[command(flatten)]
    following: Following,
    /// How many files to read at once [default: one per processor; 16 from a bucket]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    jobs: Option<u16>,
    /// How many seconds to wait for a running build of the same directory
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u32,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: Reading,
}

/// The output of `--json`.
#[derive(Serialize)]
struct VerifyJson<'a> {
    repository: Option<&'a RepositoryName>,
    fingerprint: Option<&'a str>,
    packages: usize,
    releases: usize,
    problems: Vec<ProblemJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    warnings: Vec<String>,
}

/// The output of `--json` if the registry could not be checked.
#[derive(Serialize)]
struct VerifyFailureJson<'a> {
    #[serde(flatten)]
    failure: &'a Failure,
    warnings: Vec<String>,
}

#[derive(Clone, Serialize)]
struct ProblemJson {
    path: String,
    kind: &'static str,
    problem: String,
}

/// Prints warnings and progress, and keeps the warnings for `--json`.
struct VerifyReporter {
    prints: bool,
    progress: Progress,
    dependencies: Quota,
    warnings: Mutex<Vec<String>>,
}

impl VerifyReporter {
    fn warnings(&self) -> MutexGuard<'_, Vec<String>> {
        // The list is valid also if another thread panicked.
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, warning: &str) {
        if self.prints {
            self.progress.clear();
            output::warning(warning);
        }
    }
}

impl Observer for VerifyReporter {
    fn warn(&self, warning: Warning) {
        let is_printed =
            !matches!(warning, Warning::Dependency { .. }) || self.dependencies.admits();
        let warning = warning.to_string();
        if is_printed {
            self.print(&warning);
        }
        self.warnings().push(warning);
    }

    fn began(&self, work: Work, parts: usize) {
        self.progress.begin(work, parts);
    }

    fn progressed(&self, parts: usize, bytes: u64) {
        self.progress.go_on(parts, bytes);
    }
}

impl Args {
    /// Runs the command.
    pub fn main(self) -> ExitCode {
        let prints = !self.json;
        let progress = Progress::new(prints);
        let (dependencies, warnings) = (Quota::of_dependencies(), Mutex::default());
        let listener = VerifyReporter { prints, progress, dependencies, warnings };
        match self.run(&listener) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(failure) => {
                let warnings = listener.warnings().clone();
                let json = VerifyFailureJson { failure: &failure, warnings };
                if !self.json || output::json(&json).is_err() {
                    failure.print();
                }
                failure::exit_code(&Err(failure))
            }
        }
    }

    /// How DEST is read: an endpoint may be for the site alone.
    #[cfg(feature = "web")]
    fn reading(&self) -> Reading {
        let is_bucket = |place: &Destination| place.as_dir().is_none();
        let of_site = self.site.as_ref().is_some_and(is_bucket) && !is_bucket(&self.destination);
        Reading { endpoint: self.reading.endpoint.clone().filter(|_| !of_site) }
    }

    #[cfg(not(feature = "web"))]
    fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Checks and prints; whether there is no problem.
    fn run(&self, listener: &VerifyReporter) -> Result<bool, Failure> {
        let store = self.reading().open_to_verify(&self.destination, &self.following)?;
        let store = store.as_ref();
        let options = Options {
            repository: self.name.clone(),
            public_key: public_key::from_argument(self.public_key.as_deref())?,
            limits: Limits::HEX,
            check_contents: self.check_contents,
            partial: self.partial,
            lock_timeout: Duration::from_secs(self.lock_timeout.into()),
        };
        let pool = ThreadPoolBuilder::new().num_threads(self.destination.jobs(self.jobs)).build();
        let pool = pool.map_err(|error| Failure::environment(format!("no threads: {error}")))?;
        let report = pool.install(|| verify::verify(store, &options, listener));
        listener.progress.clear();
        if let Some(rest) = listener.dependencies.rest() {
            listener.print(&rest);
        }
        let report = report.map_err(|error| {
            let cause = match (&error, &self.destination) {
                (Error::Missing, Destination::Bucket(_)) => "there is nothing there".to_owned(),
                _ => chain(&error),
            };
            let failure =
                Failure::environment(format!("failed to verify {}: {cause}", self.destination));
            match hint(&error).filter(|_| self.destination.as_dir().is_some()) {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })?;
        let pages = pool.install(|| self.pages(store, &report, listener));
        listener.progress.clear();
        let pages = pages?;
        if self.json {
            let (advice, warnings) = (self.advice(&report), listener.warnings().clone());
            print_json(store, &report, pages.as_ref(), advice, warnings)?;
        } else {
            print_text(store, &report)?;
            if let Some(pages) = &pages {
                pages.print()?;
            }
            if let Some(advice) = self.advice(&report) {
                output::hint(&advice);
            }
        }
        let are_sound = pages.as_ref().is_none_or(|pages| pages.problems.is_empty());
        Ok(report.problems.is_empty() && are_sound)
    }

    /// What is wrong with the site. Without a sound registry it is not known which pages there should be.
    #[cfg(feature = "web")]
    fn pages(
        &self,
        store: &dyn Store,
        report: &Report,
        listener: &VerifyReporter,
    ) -> Result<Option<CheckedPages>, Failure> {
        let Some(place) = self.site.as_ref().filter(|_| report.problems.is_empty()) else {
            return Ok(None);
        };
        let site = self.reading.of(place).open_to_verify(place, &self.following)?;
        let timeout = Duration::from_secs(self.lock_timeout.into());
        let checked = hexreg::ops::site::check_site(store, site.as_ref(), timeout, listener);
        let checked = checked.map_err(|error| {
            Failure::environment(format!("failed to verify the site {place}: {}", chain(&error)))
        })?;
        let problems = checked.problems.iter().map(|problem| ProblemJson {
            path: site.locate(&problem.path),
            kind: problem.fault.kind(),
            problem: chain(&problem.fault),
        });
        let place = site.locate(&Folder::Root.path());
        Ok(Some(CheckedPages { place, files: checked.files, problems: problems.collect() }))
    }

    #[cfg(not(feature = "web"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as with pages")]
    fn pages(
        &self,
        _: &dyn Store,
        _: &Report,
        _: &VerifyReporter,
    ) -> Result<Option<CheckedPages>, Failure> {
        Ok(None)
    }
}

/// What was found of a site.
struct CheckedPages {
    place: String,
    files: usize,
    problems: Vec<ProblemJson>,
}

impl CheckedPages {
    fn print(&self) -> Result<(), Failure> {
        for ProblemJson { path, problem, .. } in &self.problems {
            output::line(&format!("{path}: {problem}"))?;
        }
        let problems = match self.problems.len() {
            0 => "no problem".to_owned(),
            number => output::count(number, "problem"),
        };
        output::line(&format!("{}: {}; {problems}", self.place, output::count(self.files, "file")))
    }
}

impl Args {
    /// Hints about some of the problems.
    fn advice(&self, report: &Report) -> Option<String> {
        let leads_out = |problem: &Problem| matches!(problem.defect, Defect::LeadsOut);
        let about_links = report.problems.iter().any(leads_out).then(|| {
            "--follow-links checks the targets of links; give it to `hexreg serve` too to serve them"
                .to_owned()
        });
        let advice: Vec<_> = self.repair_hint(report).into_iter().chain(about_links).collect();
        (!advice.is_empty()).then(|| advice.join("; "))
    }

    /// The command that fetches damaged files again, if the directory is a mirror.
    fn repair_hint(&self, report: &Report) -> Option<String> {
        let directory = self.destination.as_dir().filter(|_| report.is_mirror)?;
        report.problems.iter().any(Problem::is_damage).then(|| {
            format!(
                "`hexreg mirror {} --refresh`, with the other options of this mirror, fetches damaged files \
                 again",
                directory.display()
            )
        })
    }
}

/// The hint for a failure.
fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::LockTimeout(_) => Some("let it end, or give a longer --lock-timeout"),
        Error::Missing => Some("name the directory that is served to clients"),
        Error::List(error) => match &error.kind {
            StoreErrorKind::NotADirectory(_) => {
                Some("name the directory that is served to clients")
            }
            // A bucket has no directory to enter.
            StoreErrorKind::Denied(error) if error.raw_os_error().is_some() => {
                Some("verify as a user who may read and enter the directory")
            }
            _ => None,
        },
    }
}

fn print_text(store: &dyn Store, report: &Report) -> Result<(), Failure> {
    for Problem { path, defect } in &report.problems {
        output::line(&format!("{}: {}", store.locate(path), chain(defect)))?;
    }
    let name = report.repository.as_ref().map(RepositoryName::to_string);
    let name = name.unwrap_or_else(|| store.locate(&Folder::Root.path()));
    let problems = match report.problems.len() {
        0 => "no problem".to_owned(),
        number => output::count(number, "problem"),
    };
    output::line(&format!(
        "{name}: {}, {}; {problems}",
        output::count(report.packages, "package"),
        output::count(report.releases, "release"),
    ))
}

fn print_json(
    store: &dyn Store,
    report: &Report,
    pages: Option<&CheckedPages>,
    hint: Option<String>,
    warnings: Vec<String>,
) -> Result<(), Failure> {
    let problems = report.problems.iter().map(|Problem { path, defect }| ProblemJson {
        path: store.locate(path),
        kind: defect.kind(),
        problem: chain(defect),
    });
    let of_pages = pages.into_iter().flat_map(|pages| pages.problems.clone());
    output::json(&VerifyJson {
        repository: report.repository.as_ref(),
        fingerprint: report.public_key.as_ref().map(PublicKey::fingerprint),
        packages: report.packages,
        releases: report.releases,
        problems: problems.chain(of_pages).collect(),
        hint,
        warnings,
    })
}
