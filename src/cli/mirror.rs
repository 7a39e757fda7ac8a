//! `hexreg mirror`

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hexreg::key::PublicKey;
use hexreg::lockfile::{self, LockFile};
use hexreg::name::{PackageName, RepositoryName};
use hexreg::ops::mirror::{
    self, Chosen, Error, GitMirror, LeftOut, Only, Options, Patience, Report, Selection, Upstream,
};
use hexreg::ops::observer::{Observer, Warning, Work};
use hexreg::repository::{Changed, Folder, RepositoryPath};
use hexreg::store::{DirStore, Store};
use hexreg::tarball::Limits;
use serde::Serialize;
use url::Url;

use super::failure::{self, Failure, Rejected, chain};
use super::heard::Heard;
use super::output::{self, count, thousands};
use super::progress::Progress;
use super::public_key;
use super::upstream_auth::AuthSource;

/// Mirror what a lock file pins, chosen packages or all of a repository
///
/// Everything is checked against upstream's signature before it takes its final name. Without
/// --tarballs-only, DIR is a verbatim copy that clients check with upstream's own key; with it, DIR has
/// the tarballs alone, for `hexreg build` to sign.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg mirror copy --lock mix.lock
  hexreg mirror copy --only phoenix --only 'ecto@~> 3.0' --with-deps
  hexreg mirror copy --all --docs --installs --prune
  hexreg mirror public --lock rebar.lock --tarballs-only

Environment:
  HTTPS_PROXY, NO_PROXY  as other programs read them
  SSL_CERT_FILE          certificates to trust, in PEM
  NETRC                  where --upstream-auth=netrc looks [default: ~/.netrc]
  NO_COLOR               no colour, whatever the terminal can do

Interrupted, it goes on where it stopped when it is run again.")]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["lock", "only", "all"])))]
#[expect(clippy::struct_excessive_bools, reason = "one field a flag, as clap has it")]
pub struct Args {
    /// The directory to mirror into
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// What this lock file pins: mix.lock, rebar.lock or manifest.toml; may be given more than once
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    lock: Vec<PathBuf>,
    /// A package, or those of its releases that match; may be given more than once
    #[arg(long, value_name = "PACKAGE[@REQUIREMENT]", value_parser = only, conflicts_with = "all")]
    only: Vec<Only>,
    /// Every release of every package
    #[arg(long)]
    all: bool,
    /// With --only: what those releases need too, in every release that would do
    #[arg(long, requires = "only")]
    with_deps: bool,
    /// The repository to mirror
    #[arg(long, value_name = "URL", default_value = Upstream::HEXPM_URL, value_parser = upstream_url)]
    upstream: Url,
    /// What it calls itself
    #[arg(long, value_name = "NAME", default_value = Upstream::HEXPM_NAME)]
    upstream_name: RepositoryName,
    /// Its public key, in PEM [default: hex.pm's]
    #[arg(long, value_name = "PATH")]
    upstream_key: Option<PathBuf>,
    /// What to send as Authorization: `env:NAME`, a variable that holds it, or `netrc`
    #[arg(long, value_name = "SOURCE")]
    upstream_auth: Option<String>,
    /// Leave upstream's signed files out of DIR, for `hexreg build` to make others
    #[arg(long)]
    tarballs_only: bool,
    /// Documentation too
    #[arg(long)]
    docs: bool,
    /// What `mix local.hex` and `mix local.rebar` ask for too
    #[arg(long)]
    installs: bool,
    /// Git repositories that --lock pins too, as DIR/git/HOST/PATH.git; needs the git program
    #[arg(long, requires = "lock")]
    git: bool,
    /// How many requests at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Fetch each package's own file, also where upstream's indexes say that it has not changed
    #[arg(long)]
    refresh: bool,
    /// Remove what upstream no longer has, or was not asked for, once all else is done
    #[arg(long)]
    prune: bool,
    /// Take what upstream says of a package although it lost or changed releases
    #[arg(long, value_name = "PACKAGE")]
    accept: Vec<PackageName>,
    /// Say what would be done and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    /// Print errors alone
    #[arg(long, short)]
    quiet: bool,
    /// How often to ask again for what was refused, broken or damaged
    #[arg(long, value_name = "N", default_value_t = 4)]
    retries: u32,
    /// After how many seconds without a byte to give a request up
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    stall_timeout: u64,
    /// How many seconds to wait for another hexreg on the same directory to end
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u32,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    upstream: &'a str,
    repository: &'a RepositoryName,
    packages: usize,
    releases: usize,
    requests: u64,
    retries: u64,
    bytes: u64,
    dry_run: bool,
    #[serde(flatten)]
    heard: Heard,
    left_out: Vec<JsonLeftOut<'a>>,
    git: Vec<JsonGit<'a>>,
    failures: Vec<Rejected>,
}

#[derive(Serialize)]
struct JsonLeftOut<'a> {
    lock: &'a str,
    app: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct JsonGit<'a> {
    url: &'a str,
    revision: &'a str,
    path: &'a str,
    is_new: bool,
}

/// Prints what is heard of a mirror, or keeps it for `--json`.
struct Listener<'a> {
    store: &'a DirStore,
    tarballs_only: bool,
    prints: bool,
    progress: Progress,
    heard: Mutex<Heard>,
    /// Whether the report was printed.
    reported: AtomicBool,
}

impl Listener<'_> {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        // A list that was pushed to half-way is whole all the same.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Listener<'_> {
    fn warn(&self, warning: Warning) {
        let warning = warning.to_string();
        if self.prints {
            self.progress.clear();
            output::warning(&warning);
        }
        self.heard().warnings.push(warning);
    }

    fn fetching(&self, file: &str) {
        self.progress.name(file);
    }

    fn mirrored(&self, done: usize, wanted: usize, bytes: u64) {
        self.progress.stand_at(done, wanted, bytes);
    }

    fn changed(&self, path: &RepositoryPath, changed: Changed) {
        let is_signed =
            path.folder() == Folder::Packages || RepositoryPath::is_of_a_registry(path.as_str());
        if self.tarballs_only && is_signed {
            // What upstream signed is the mirror's own matter then.
            return;
        }
        let mut heard = self.heard();
        let verb = heard.note(path, changed);
        if self.prints {
            // The mirror goes on; its summary will fail to print in the same way, and say so.
            let line = format!("* {verb} {}", self.store.locate(path));
            self.progress.above(|| drop(output::line(&line)));
        }
    }
}

impl Args {
    /// Mirrors, and tells how it went.
    pub fn main(self) -> ExitCode {
        let store = DirStore::new(&self.dir);
        let prints = !self.json && !self.quiet;
        let progress = Progress::new(prints);
        let (heard, reported) = (Mutex::default(), AtomicBool::new(false));
        let listener = Listener {
            store: &store,
            tarballs_only: self.tarballs_only,
            prints,
            progress,
            heard,
            reported,
        };
        let done = self.run(&listener);
        if let Err(failure) = &done {
            // Where there is a report, it says what failed.
            let is_told = self.json && listener.reported.load(Ordering::Relaxed);
            if !is_told && (!self.json || output::json(failure).is_err()) {
                failure.print();
            }
        }
        failure::exit_code(&done)
    }

    fn run(&self, listener: &Listener<'_>) -> Result<(), Failure> {
        let options = self.options()?;
        listener.progress.begin(Work::Mirroring, 0);
        let report = mirror::mirror(&self.dir, &options, listener);
        listener.progress.clear();
        let report = report.map_err(|error| self.failure(&error))?;
        if self.json {
            Self::print_json(&options, &report, listener)?;
            listener.reported.store(true, Ordering::Relaxed);
        } else if !self.quiet {
            Self::print(&options, &report, listener)?;
        }
        if report.failures.is_empty() {
            return Ok(());
        }
        let message = format!(
            "failed to mirror all of {}: {}",
            self.upstream,
            count(report.failures.len(), "failure"),
        );
        let is_of_git = report.failures.iter().all(|failed| failed.path.starts_with("git: "));
        let hint = if is_of_git {
            "the rest was mirrored; run it again once this is mended"
        } else {
            "the rest was mirrored, and `names` and `versions` were left as they were; run it again \
             once this is mended"
        };
        Err(Failure::input(message).rejecting(rejected(&report)).hint(hint))
    }

    fn options(&self) -> Result<Options, Failure> {
        if !self.upstream.username().is_empty() || self.upstream.password().is_some() {
            // Where it is refused as an argument, it is printed.
            let message = "credentials do not belong in --upstream";
            return Err(Failure::environment(message).hint("give --upstream-auth"));
        }
        let key = match public_key::from_argument(self.upstream_key.as_deref())? {
            Some(key) => key,
            None if self.upstream_name.as_str() != Upstream::HEXPM_NAME => {
                let message = format!("which key does `{}` sign with?", self.upstream_name);
                return Err(Failure::environment(message).hint("give --upstream-key=PATH"));
            }
            None => PublicKey::from_pem(Upstream::HEXPM_KEY)
                .map_err(|error| Failure::environment(chain(&error)))?,
        };
        let authorization = self.upstream_auth.as_deref().map(AuthSource::parse).transpose()?;
        let authorization = authorization.map(|source| source.read(&self.upstream)).transpose()?;
        let locks = self.lock.iter().map(|path| Ok((path.display().to_string(), read_lock(path)?)));
        let chosen = Chosen {
            only: self.only.clone(),
            with_deps: self.with_deps,
            locks: locks.collect::<Result<_, Failure>>()?,
        };
        Ok(Options {
            upstream: Upstream {
                url: self.upstream.clone(),
                name: self.upstream_name.clone(),
                key,
                authorization,
            },
            selection: if self.all { Selection::All } else { Selection::Some(chosen) },
            tarballs_only: self.tarballs_only,
            docs: self.docs,
            installs: self.installs,
            git: self.git,
            jobs: self.jobs.into(),
            refresh: self.refresh,
            prune: self.prune,
            dry_run: self.dry_run,
            accept: self.accept.iter().cloned().collect::<BTreeSet<_>>(),
            limits: Limits::HEX,
            patience: Patience {
                attempts: self.retries.saturating_add(1),
                stall: Duration::from_secs(self.stall_timeout),
                ..Patience::default()
            },
            lock_timeout: Duration::from_secs(self.lock_timeout.into()),
        })
    }

    fn print(options: &Options, report: &Report, listener: &Listener<'_>) -> Result<(), Failure> {
        for LeftOut { lock, app, why } in &report.left_out {
            output::line(&format!("left out: {app}, {why} ({lock})"))?;
        }
        // One line leads to all revisions of a repository.
        let rules = report.git.iter().map(|GitMirror { url, path, .. }| (url, path));
        for (url, path) in rules.collect::<BTreeSet<_>>() {
            let rule = format!("url.MIRROR/{path}.insteadOf {url}");
            output::line(&format!("git config --global {rule}"))?;
        }
        let heard = listener.heard().clone();
        output::line(&summary(options, report, &heard))
    }

    fn print_json(
        options: &Options,
        report: &Report,
        listener: &Listener<'_>,
    ) -> Result<(), Failure> {
        let left_out = report.left_out.iter();
        let git = report.git.iter();
        output::json(&Json {
            upstream: options.upstream.url.as_str(),
            repository: &options.upstream.name,
            packages: report.packages,
            releases: report.releases,
            requests: report.requests,
            retries: report.retries,
            bytes: report.bytes,
            dry_run: options.dry_run,
            heard: listener.heard().clone(),
            left_out: left_out
                .map(|LeftOut { lock, app, why }| JsonLeftOut { lock, app, why })
                .collect(),
            git: git
                .map(|GitMirror { url, revision, path, is_new }| JsonGit {
                    url,
                    revision,
                    path,
                    is_new: *is_new,
                })
                .collect(),
            failures: rejected(report),
        })
    }

    fn failure(&self, error: &Error) -> Failure {
        let message = format!("failed to mirror {}: {}", self.upstream, chain(error));
        match error {
            Error::OtherRegistry { .. } => Failure::input(message).hint(
                "nothing was changed: mirror into another directory, or give the --upstream-key \
                 that signed what stands there",
            ),
            Error::Index { .. } => {
                Failure::input(message).hint("nothing was changed: see whether --upstream is right")
            }
            Error::NothingWanted { left_out, .. } => {
                let left_out = left_out.iter().map(|LeftOut { lock, app, why }| Rejected {
                    path: app.clone(),
                    reason: format!("{why} ({lock})"),
                });
                Failure::input(message).rejecting(left_out.collect()).hint(
                    "nothing was changed: --upstream-name says which repository, and --git mirrors \
                     what is in git",
                )
            }
            Error::Busy(_) => Failure::environment(message)
                .hint("nothing was changed; let it end, or give a longer --lock-timeout"),
            Error::Store(_) | Error::Client(_) | Error::Run(_) => Failure::environment(message)
                .hint("what was mirrored stands, and every file is whole: run it again"),
        }
    }
}

fn rejected(report: &Report) -> Vec<Rejected> {
    let failures = report.failures.iter();
    failures
        .map(|failed| Rejected { path: failed.path.clone(), reason: chain(&failed.wrong) })
        .collect()
}

fn summary(options: &Options, report: &Report, heard: &Heard) -> String {
    let Heard { created, updated, removed, .. } = heard;
    let changes = if heard.is_empty() {
        "nothing has changed".to_owned()
    } else {
        format!(
            "{} created, {} updated, {} removed",
            thousands(created.len()),
            thousands(updated.len()),
            thousands(removed.len())
        )
    };
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let dry_run = if options.dry_run { " (dry run: nothing was written)" } else { "" };
    format!(
        "{}: {}, {}; {changes}; {}, {}{dry_run}",
        options.upstream.name,
        count(report.packages, "package"),
        count(report.releases, "release"),
        count(size(report.requests), "request"),
        indicatif::HumanBytes(report.bytes),
    )
}

/// In bytes: a thousand times what a large project has. A device could be read for ever.
const MAX_LOCK: u64 = 64 << 20;

fn read_lock(path: &Path) -> Result<LockFile, Failure> {
    let name = path.display();
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_LOCK).read_to_end(&mut text));
    let read =
        read.map_err(|error| Failure::environment(format!("could not read {name}: {error}")))?;
    if u64::try_from(read).unwrap_or(MAX_LOCK) == MAX_LOCK {
        return Err(Failure::input(format!(
            "{name} has {MAX_LOCK} bytes or more: no lock file has"
        )));
    }
    let format = lockfile::Format::detect(path, &text);
    let format = format.ok_or_else(|| {
        Failure::input(format!("{name} is no lock file that is known"))
            .hint("expected a mix.lock, a rebar.lock or a manifest.toml")
    })?;
    lockfile::parse(format, &text)
        .map_err(|error| Failure::input(format!("{name}: {}", chain(&error))))
}

fn only(text: &str) -> Result<Only, String> {
    let (package, requirement) = match text.split_once('@') {
        Some((package, requirement)) => (package, Some(requirement)),
        None => (text, None),
    };
    let package = package.trim().parse().map_err(|error| format!("{error}"))?;
    let requirement = requirement.map(str::parse).transpose();
    Ok(Only { package, requirement: requirement.map_err(|error| format!("{error}"))? })
}

fn upstream_url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("expected http:// or https://".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("expected nothing but a path after the host".to_owned());
    }
    Ok(url)
}
