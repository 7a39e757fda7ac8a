//! `hexreg mirror`: what upstream serves, checked, in a directory that any static server can serve again.
//! START HERE.
//!
//! ```text
//! mirror_dir     what the mirror has, and keeps in mind
//! selection    what is wanted: everything, packages by name, what lock files pin
//! indexes      what upstream's `names` and `versions` say of each package
//!  → planner   pure: which task comes next, given what is known
//!  ⇄ fetcher   carries it out: client (requests), check (who signed it), writer (the disk)
//!  → finish    the indexes, once all that they name is there; then what nobody wants any more
//!  → Report
//! ```

mod body;
mod check;
mod client;
mod fetch;
mod finish;
mod git;
mod mirror_directory;
mod indexes;
mod installs;
mod planner;
mod policies;
mod public_address;
mod redirect;
mod selection;
mod batch_writer;
mod entity_tag;
mod task;
mod request_error;
mod file_error;

pub use client::Timeouts;
pub use git::GitMirror;
pub use file_error::NotMirrored;
pub use selection::{Chosen, LeftOut, Only, Selection};
pub use request_error::RequestError;
pub use crate::publish::withdrawn::{Withdrawn, WithdrawnRemark};
pub use file_error::{Disagreement, FileError};

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::HeaderValue;
use tokio::runtime::Runtime;
use url::Url;

use crate::key::PublicKey;
use crate::lockfile::GitPin;
use crate::name::{PackageName, PolicyName, RepositoryName};
use crate::package::UnixSeconds;
use crate::proxy::{InvalidProxy, Proxies};
use crate::publish::lock::{self, Busy, Wanted};
use crate::publish::observer::{Observer, Warning};
use crate::registry::Resource;
use crate::repository::RepositoryPath;
use crate::store::{DirStore, Lock, StoreError};
use crate::tarball::Limits;
use check::Checker;
use client::Client;
use fetch::{Fetcher, FetchedIndex};
use git::GitOptions;
use mirror_directory::MirrorDirectory;
use indexes::Indexes;
use planner::{Planner, Refresh, Setup};
use selection::Want;
use entity_tag::EntityTag;

/// What to mirror, from where, and how.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Options {
    /// From where.
    pub upstream: Upstream,
    /// What of it.
    pub selection: Selection,
    /// Whether upstream's signed files are kept out of what is served: for a registry of one's own.
    pub tarballs_only: bool,
    /// Whether documentation is mirrored too.
    pub docs: bool,
    /// Whether what `mix local.hex` and `mix local.rebar` ask for is.
    pub installs: bool,
    /// Whether git repositories are that lock files pin.
    pub git: bool,
    /// Policies, by name.
    pub policies: BTreeSet<PolicyName>,
    /// How many requests there are at once.
    pub jobs: usize,
    /// Whether each package's file is fetched, also where the indexes say that it has not changed, and each file
    /// on the disk is read again.
    pub refresh: bool,
    /// Upstream is asked for every package that is wanted, once one of them was not asked for in so long.
    pub refresh_after: Duration,
    /// What time it is.
    pub now: UnixSeconds,
    /// Whether what nobody wants any more is removed.
    pub prune: bool,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// Packages of which is taken what upstream says, though it lost or changed releases.
    pub accept: BTreeSet<PackageName>,
    /// What clients accept.
    pub limits: Limits,
    /// How long upstream is waited for.
    pub timeouts: Timeouts,
    /// How long to wait for another hexreg to end.
    pub lock_timeout: Duration,
}

/// A repository to mirror.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Of the repository, by http or https, without credentials.
    pub url: Url,
    /// What it calls itself.
    pub name: RepositoryName,
    /// The repository that it is an organisation of, where only that one's is meant: `hexpm`, if lock files
    /// call it `hexpm:acme`. Without, `acme` and `acme` of any other repository are.
    pub source: Option<RepositoryName>,
    /// What it signs with.
    pub key: PublicKey,
    /// What is sent as `Authorization`, to this host alone.
    pub authorization: Option<HeaderValue>,
}

impl Upstream {
    /// hex.pm's repository.
    pub const HEXPM_URL: &'static str = "https://repo.hex.pm";
    /// What hex.pm's repository calls itself.
    pub const HEXPM_NAME: &'static str = "hexpm";
    /// What hex.pm signs with, in PEM, as it stands in every client.
    pub const HEXPM_KEY: &'static str = include_str!("mirror/hexpm-public.pem");
}

/// What was done.
#[derive(Debug, Default)]
pub struct Report {
    /// How many packages are wanted.
    pub packages: usize,
    /// How many of their releases.
    pub releases: usize,
    /// What was asked of upstream: requests, and those among them that asked for the same again.
    pub requests: u64,
    /// See [`requests`](Self::requests).
    pub retries: u64,
    /// Of bodies that came.
    pub bytes: u64,
    /// What was not mirrored, and why.
    pub failures: Vec<NotMirrored>,
    /// What upstream said of mirrored releases, and says no longer. It was mirrored as upstream has it now.
    pub withdrawn: Vec<Withdrawn>,
    /// What lock files have that upstream has not.
    pub left_out: Vec<LeftOut>,
    /// Git repositories.
    pub git: Vec<GitMirror>,
}

/// Why nothing was mirrored, or no more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory cannot be read, or takes no more.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another hexreg did not end in time.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// What stands there is somebody else's, or called otherwise.
    #[error("{location} is another repository's")]
    OtherRegistry {
        /// The file.
        location: String,
    },
    /// Nothing is wanted.
    #[error("nothing that was asked for is in the repository `{repository}`")]
    NothingWanted {
        /// As upstream calls itself.
        repository: RepositoryName,
        /// What was asked for instead.
        left_out: Vec<LeftOut>,
    },
    /// Without the two indexes there is no telling what has changed.
    #[error("{path}")]
    Index {
        /// Which.
        path: RepositoryPath,
        /// Why.
        source: Box<FileError>,
    },
    /// There can be no requests at all.
    #[error("could not begin to ask")]
    Client(#[source] reqwest::Error),
    /// The environment names a proxy that is none.
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// The machine does not let it run.
    #[error("could not run")]
    Run(#[source] io::Error),
}

impl Error {
    fn index(resource: &Resource, wrong: FileError) -> Self {
        Self::Index { path: RepositoryPath::resource(resource), source: Box::new(wrong) }
    }
}

/// Brings a directory up to what upstream has.
///
/// # Errors
/// [`Error`]. What could not be mirrored among other things is in the report; then the indexes are left as
/// they were, unless that is what is [held back](FileError::holds_back).
pub fn mirror(
    directory: &Path,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    let _turn = turn(directory, options, observer)?;
    let runtime = Runtime::new().map_err(Error::Run)?;
    let done = runtime.block_on(run(directory, options, observer));
    // Nobody waits for requests that came to nothing.
    runtime.shutdown_background();
    done
}

async fn run(
    directory: &Path,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    let Options { upstream, selection, .. } = options;
    for (lock, repeated) in selection.repeated() {
        let (lock, repeated) = (lock.clone(), repeated.clone());
        observer.warn(Warning::LockedTwice { lock, repeated });
    }
    let wants = selection.wants(upstream);
    let pins_nothing = selection.pins_nothing();
    let wants_packages = wants.as_ref().is_none_or(|wants| !wants.is_empty())
        || (pins_nothing && (options.installs || options.prune));
    let wants_git = options.git && !selection.git().is_empty();
    let left_out = selection.left_out(upstream, options.git);
    if !wants_packages && !wants_git && options.policies.is_empty() {
        if pins_nothing {
            return Ok(Report { left_out, ..Report::default() });
        }
        return Err(Error::NothingWanted { repository: upstream.name.clone(), left_out });
    }
    let mut report = Report { left_out, ..Report::default() };
    let mirror_dir = MirrorDirectory::open(directory, options)?;
    if !options.dry_run {
        mirror_dir.clear()?;
        if options.tarballs_only {
            mirror_dir.keep_key(&options.upstream.key)?;
        }
    }
    let fetcher = Arc::new(fetcher(mirror_dir, options)?);
    let mirrored = if wants_packages {
        mirror_registry(directory, &fetcher, options, wants, &mut report, observer).await
    } else {
        // Without the rest, their tags are not kept.
        mirror_policies(&fetcher, options, &mut report, &mut Vec::new(), observer).await?;
        mirror_git(directory, options, &mut report).await;
        Ok(())
    };
    let closed = fetcher.close();
    fetcher.warnings().into_iter().for_each(|warning| observer.warn(warning));
    mirrored?;
    closed?;
    let counters = &fetcher.client.counters;
    report.requests = counters.requests.load(Ordering::Relaxed);
    report.retries = counters.retries.load(Ordering::Relaxed);
    report.bytes = counters.bytes();
    Ok(report)
}

async fn mirror_registry(
    directory: &Path,
    fetcher: &Arc<Fetcher>,
    options: &Options,
    wants: Option<BTreeMap<PackageName, Vec<Want>>>,
    report: &mut Report,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let (names, versions) =
        tokio::join!(fetcher.index(Resource::Names), fetcher.index(Resource::Versions));
    let (names, versions) = (names?, versions?);
    let may_go = |name: &PackageName| fetcher.may_go(name);
    let FetchedIndex { file: names, index, held } = names;
    let rollback = indexes::rollback(held.as_ref(), &index, &options.accept, may_go);
    drop(held);
    if let Some(wrong) = rollback {
        return Err(Error::index(&Resource::Names, wrong));
    }
    let known = fetcher.mirror_dir.known()?;
    let mut planner = Planner::new(Setup {
        repository: options.upstream.name.clone(),
        wants,
        upstream: Indexes::of([index, versions.index]),
        known: known.clone(),
        docs: options.docs,
        accept: options.accept.clone(),
        refresh: Refresh {
            all: options.refresh,
            after: i64::try_from(options.refresh_after.as_secs()).unwrap_or(i64::MAX),
        },
        now: options.now,
    });
    let carried = fetcher.carry_out(&mut planner, observer).await;
    finish::stands(fetcher, &carried)?;
    report.failures.append(&mut planner.failures);
    report.withdrawn.append(&mut planner.withdrawn);
    let mut tags = Vec::new();
    if options.installs {
        let carried = installs::mirror(fetcher, &mut report.failures, &mut tags, observer).await;
        finish::stands(fetcher, &carried)?;
    }
    report.failures.sort_by(|a, b| a.path.cmp(&b.path));
    (report.packages, report.releases) = (planner.packages().count(), planner.wanted.len());
    let is_held_back = |failed: &NotMirrored| failed.wrong.holds_back();
    let is_complete = report.failures.iter().all(is_held_back);
    // No index names these, and yet nothing is removed while one of them is missing.
    mirror_policies(fetcher, options, report, &mut tags, observer).await?;
    mirror_git(directory, options, report).await;
    let prunes = options.prune && report.failures.iter().all(is_held_back);
    let versions = versions.file;
    let ending = finish::RunOutcome { names, versions, tags, known, planner: &planner, prunes };
    finish::finish(fetcher, options, &ending, is_complete, observer)
}

fn fetcher(mirror_dir: MirrorDirectory, options: &Options) -> Result<Fetcher, Error> {
    let Upstream { url, name, key, authorization, .. } = options.upstream.clone();
    let proxies = Proxies::from_env()?;
    let client =
        Client::new(&url, authorization, proxies, options.timeouts).map_err(Error::Client)?;
    let checker = Checker::new(name, key, options.limits);
    Ok(Fetcher::new(client, checker, mirror_dir, options))
}

async fn mirror_policies(
    fetcher: &Arc<Fetcher>,
    options: &Options,
    report: &mut Report,
    tags: &mut Vec<(String, EntityTag)>,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let carried = policies::mirror(fetcher, options, &mut report.failures, tags, observer).await;
    finish::stands(fetcher, &carried)
}

async fn mirror_git(directory: &Path, options: &Options, report: &mut Report) {
    for pin in options.selection.git().into_iter().filter(|_| options.git) {
        mirror_pin(directory, options, pin.clone(), report).await;
    }
}

async fn mirror_pin(directory: &Path, options: &Options, pin: GitPin, report: &mut Report) {
    let (directory, app) = (directory.to_owned(), pin.app.clone());
    let git_options = GitOptions {
        stall: options.timeouts.stall,
        authorization: options.upstream.authorization.clone(),
        dry_run: options.dry_run,
    };
    let mirrored = move || git::mirror(&directory, &pin, &git_options);
    let mirrored = tokio::task::spawn_blocking(mirrored);
    match mirrored.await.unwrap_or_else(|error| Err(FileError::Git(error.to_string()))) {
        Ok(mirror) => report.git.push(mirror),
        Err(wrong) => report.failures.push(NotMirrored { path: format!("git: {app}"), wrong }),
    }
}

/// Waits for the lock; whoever writes nothing need not keep anybody else from it.
fn turn(
    directory: &Path,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Option<Lock>, Error> {
    if options.dry_run {
        return Ok(None);
    }
    lock::hold(&DirStore::new(directory), Wanted::Alone, options.lock_timeout, observer)
}
