//! `hexreg mirror`

mod advice;
mod report;
mod signals;
pub mod upstream;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use hexreg::name::{PackageName, PolicyName};
use hexreg::ops::mirror::{
    self, Cancellation, Chosen, Error, LeftOut, Only, Options, Selection, Timeouts, Upstream,
};
use hexreg::publish::observer::Work;
use hexreg::repository::{Folder, RepositoryPath};
use hexreg::store::DirStore;
use hexreg::tarball::{FileName, Limits};

use super::failure::{self, Failure, Rejected, chain};
use super::lock;
use super::output::{self, count};
use super::time;
use super::upstream_auth::AuthSource;
use report::MirrorObserver;
use upstream::UpstreamName;

/// Mirror what a lock file pins, chosen packages, or a whole repository
///
/// Each file is verified with upstream's signature before it gets its final name. Without --tarballs-only,
/// DIR is an exact copy, which clients verify with upstream's key; with it, DIR has only the tarballs, for
/// `hexreg build` to sign.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg mirror copy --lock mix.lock
  hexreg mirror copy --only phoenix --only 'ecto@~> 3.0' --with-deps
  hexreg mirror copy --all --docs --docs-of elixir@1.18.4 --installs --prune
  hexreg mirror public --lock rebar.lock --tarballs-only

Environment:
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY
                         proxies, as in other programs; NO_PROXY=* uses none
  SSL_CERT_FILE          certificates to trust, in PEM
  NETRC                  the file of --upstream-auth=netrc [default: ~/.netrc]
  NO_COLOR               print without colours

If it is interrupted, the next run resumes.")]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["lock", "only", "all", "policy", "docs_of"])))]
#[expect(clippy::struct_excessive_bools, reason = "one field a flag, as clap has it")]
pub struct Args {
    /// The directory to mirror into
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Mirror what this lock file pins: mix.lock, rebar.lock or manifest.toml, or `-` for standard input; may be
    /// given more than once
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    lock: Vec<PathBuf>,
    /// Mirror a package, or those of its releases that match; may be given more than once
    #[arg(long, value_name = "PACKAGE[@REQUIREMENT]", value_parser = only, conflicts_with = "all")]
    only: Vec<Only>,
    /// Mirror every release of every package
    #[arg(long)]
    all: bool,
    /// With --only: mirror the dependencies too, in every release that matches
    #[arg(long, requires = "only")]
    with_deps: bool,
    /// The URL of the repository [default: https://repo.hex.pm, or its organisation of --upstream-name]
    // Parsed later: clap would print the credentials that it may have.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// The repository's name in its signed files, or an organisation's in lock files, such as hexpm:acme
    #[arg(long, value_name = "NAME", default_value = Upstream::HEXPM_NAME)]
    upstream_name: UpstreamName,
    /// The repository's public key, in PEM [default: hex.pm's]
    #[arg(long, value_name = "PATH")]
    upstream_key: Option<PathBuf>,
    /// The source of the Authorization header: `env:NAME`, an environment variable, or `netrc`
    #[arg(long, value_name = "SOURCE")]
    upstream_auth: Option<String>,
    /// Mirror only the tarballs, for `hexreg build` to sign with your key
    #[arg(long)]
    tarballs_only: bool,
    /// Mirror documentation too
    #[arg(long)]
    docs: bool,
    /// Mirror the documentation of this release, also of elixir, eex, ex_unit, iex, logger, mix and hex, which no
    /// index lists; may be given more than once
    #[arg(long, value_name = "NAME@VERSION", value_parser = docs_of)]
    docs_of: Vec<FileName>,
    /// Mirror what `mix local.hex` and `mix local.rebar` fetch too
    #[arg(long)]
    installs: bool,
    /// Mirror git repositories that --lock pins too, as DIR/git/HOST/PATH.git, by http, ssh or git://; needs the
    /// git program, and never prompts
    #[arg(long, requires = "lock")]
    git: bool,
    /// Mirror a policy too, by its name, as no index lists them; may be given more than once
    #[arg(long, value_name = "NAME")]
    policy: Vec<PolicyName>,
    /// The number of concurrent requests
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Fetch the file of each package, even if upstream's indexes say that it has not changed, and replace
    /// damaged files
    #[arg(long)]
    refresh: bool,
    /// Request the file of every package again if the last full check is older than SECONDS: the indexes do
    /// not show new advisories
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 60 * 60)]
    refresh_after: u32,
    /// Remove what upstream no longer has or what is not selected, after all else is done
    #[arg(long)]
    prune: bool,
    /// Take a package's file from upstream even if it lost or changed releases
    #[arg(long, value_name = "PACKAGE")]
    accept: Vec<PackageName>,
    /// Mirror again and again, with this time between two runs, as in 30s, 15m, 1h or 1d; it varies by a tenth
    #[arg(long, value_name = "TIME", value_parser = time::duration, conflicts_with = "dry_run")]
    every: Option<Duration>,
    /// Print what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    /// Print only errors
    #[arg(long, short)]
    quiet: bool,
    /// How often to retry a request that was refused, broken or damaged
    #[arg(long, value_name = "N", default_value_t = 4)]
    retries: u32,
    /// Give up a request after SECONDS in which no byte arrives
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    stall_timeout: u64,
    /// Wait up to SECONDS for another hexreg on the same directory
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u32,
}

impl Args {
    /// Runs the command, once or again and again.
    pub fn main(self) -> ExitCode {
        let Some(every) = self.every else { return self.run_and_report() };
        let standard_input = self.lock.iter().chain(&self.upstream_key);
        if standard_input.into_iter().any(|path| lock::is_standard_input(path)) {
            let failure =
                Failure::environment("standard input can be read once, and --every reads again")
                    .hint("give a file");
            failure.print();
            return failure::exit_code(&Err(failure));
        }
        // What cannot begin is told at once, and not again and again.
        if let Err(failure) = self.options().and_then(|_| signals::end_on_signals()) {
            failure.print();
            return failure::exit_code(&Err(failure));
        }
        loop {
            // A run that failed is reported, and what it left out may be there the next time.
            let _ = self.run_and_report();
            thread::sleep(mirror::pause(every, fastrand::f64()));
        }
    }

    fn run_and_report(&self) -> ExitCode {
        let store = DirStore::new(&self.dir);
        let prints = !self.json && !self.quiet;
        let observer = MirrorObserver::new(&store, self.tarballs_only, prints);
        let done = self.run(&observer);
        if let Err(failure) = &done {
            // A JSON report that was printed has the failures.
            let is_reported = self.json && observer.has_reported();
            if !is_reported && (!self.json || output::json(failure).is_err()) {
                failure.print();
            }
        }
        failure::exit_code(&done)
    }

    fn run(&self, observer: &MirrorObserver<'_>) -> Result<(), Failure> {
        let options = self.options()?;
        observer.progress.begin(Work::Mirroring, 0);
        let report = mirror::mirror(&self.dir, &options, observer);
        observer.progress.clear();
        let report = report.map_err(|error| failure_of(&error, &options))?;
        if self.json {
            report::print_json(&options, &report, observer)?;
        } else if !self.quiet {
            report::print(&options, &report, observer)?;
        }
        if report.failures.is_empty() {
            return Ok(());
        }
        let message = format!(
            "failed to mirror all of {}: {}",
            options.upstream.url,
            count(report.failures.len(), "failure"),
        );
        let named: Vec<_> = options.docs_of.iter().map(RepositoryPath::docs).collect();
        let is_outside_indexes = |path: &str| {
            path.starts_with("git: ")
                || Folder::Policies.strip_from(path).is_some()
                || named.iter().any(|named| named.as_str() == path)
        };
        let are_outside_indexes =
            report.failures.iter().all(|failure| is_outside_indexes(&failure.path));
        let are_held_back = report.failures.iter().all(|failure| failure.error.holds_back());
        let hint = if are_held_back {
            "the rest was mirrored, and these packages stay as they were: ask upstream what happened, then \
             give --accept=PACKAGE"
        } else if are_outside_indexes {
            "the rest was mirrored; fix this and run it again"
        } else {
            "the rest was mirrored, and `names` and `versions` were left as they were; fix this \
             and run it again"
        };
        let advice =
            report.failures.iter().find_map(|failure| advice::of(&failure.error, &options));
        let hint = advice.map_or(hint.to_owned(), |advice| format!("{hint}; {advice}"));
        Err(Failure::input(message).rejecting(report::rejected(&report)).hint(hint))
    }

    fn options(&self) -> Result<Options, Failure> {
        let reads_key = self.upstream_key.as_deref().is_some_and(lock::is_standard_input);
        if reads_key && self.lock.iter().any(|path| lock::is_standard_input(path)) {
            let message = "standard input cannot be both a lock file and a key";
            return Err(Failure::environment(message));
        }
        let UpstreamName { source, name } = self.upstream_name.clone();
        let url = upstream::url(self.upstream.as_deref(), &self.upstream_name)?;
        let key = upstream::key(self.upstream_key.as_deref(), &self.upstream_name, &url)?;
        let authorization = self.upstream_auth.as_deref().map(AuthSource::parse).transpose()?;
        let authorization = authorization.map(|source| source.read(&url)).transpose()?;
        let chosen = Chosen {
            only: self.only.clone(),
            with_deps: self.with_deps,
            locks: lock::read_all(&self.lock, self.prune)?,
        };
        Ok(Options {
            upstream: Upstream { url, name, source, key, authorization },
            selection: if self.all { Selection::All } else { Selection::Some(chosen) },
            tarballs_only: self.tarballs_only,
            docs: self.docs,
            docs_of: self.docs_of.iter().cloned().collect(),
            installs: self.installs,
            git: self.git,
            policies: self.policy.iter().cloned().collect(),
            jobs: self.jobs.into(),
            refresh: self.refresh,
            refresh_after: Duration::from_secs(self.refresh_after.into()),
            now: time::system_now(),
            prune: self.prune,
            dry_run: self.dry_run,
            accept: self.accept.iter().cloned().collect::<BTreeSet<_>>(),
            limits: Limits::HEX,
            timeouts: Timeouts {
                attempts: self.retries.saturating_add(1),
                stall: Duration::from_secs(self.stall_timeout),
                ..Timeouts::default()
            },
            lock_timeout: Duration::from_secs(self.lock_timeout.into()),
            cancellation: Cancellation::default(),
        })
    }
}

fn failure_of(error: &Error, options: &Options) -> Failure {
    let message = format!("failed to mirror {}: {}", options.upstream.url, chain(error));
    match error {
        Error::OtherRegistry { .. } => Failure::input(message).hint(
            "nothing was changed: mirror into another directory, or give the --upstream-key \
             that signed its files",
        ),
        Error::Index { source, .. } => {
            let advice = advice::of(source, options);
            let advice = advice.unwrap_or_else(|| "check --upstream".to_owned());
            Failure::input(message).hint(format!("nothing was changed: {advice}"))
        }
        Error::Proxy(_) => Failure::environment(message).hint("NO_PROXY=* uses no proxy"),
        Error::NothingWanted { left_out, .. } => {
            let left_out = left_out.iter().map(|LeftOut { lock, app, why }| Rejected {
                path: app.clone(),
                reason: format!("{why} ({lock})"),
            });
            Failure::input(message).rejecting(left_out.collect()).hint(
                "nothing was changed: --upstream-name is the repository's name in lock files, such as \
                 hexpm:acme, and --git mirrors git repositories",
            )
        }
        Error::LockTimeout(_) => Failure::environment(message)
            .hint("nothing was changed; let it end, or give a longer --lock-timeout"),
        Error::Store(_) | Error::Client(_) | Error::Cancelled | Error::Run(_) => {
            Failure::environment(message)
                .hint("what was mirrored is kept, and every file is whole: run it again")
        }
    }
}

/// A package, and the releases of it that are mirrored: `PACKAGE` or `PACKAGE@REQUIREMENT`.
pub fn only(text: &str) -> Result<Only, String> {
    let (package, requirement) = match text.split_once('@') {
        Some((package, requirement)) => (package, Some(requirement)),
        None => (text, None),
    };
    let package = package.trim().parse().map_err(|error| format!("{error}"))?;
    let requirement = requirement.map(str::parse).transpose();
    Ok(Only { package, requirement: requirement.map_err(|error| format!("{error}"))? })
}

/// Documentation of one release: `NAME@VERSION`. Nothing is guessed: which version a project is written against is not
/// known here.
pub fn docs_of(text: &str) -> Result<FileName, String> {
    let Some((package, version)) = text.split_once('@') else {
        return Err(format!(
            "{text:?} has no version: expected NAME@VERSION, such as elixir@1.18.4"
        ));
    };
    let package = package.trim().parse().map_err(|error| format!("{error}"))?;
    let version = version.trim().parse().map_err(|error| format!("{error}"))?;
    Ok(FileName { package, version })
}
