//! `hexreg mirror`: copies what an upstream serves, verified, into a directory that any static server can serve.
//! START HERE.
//!
//! ```text
//! mirror_directory     what the mirror has; state: what it remembers between runs
//! selection            what is selected: everything, packages by name, what lock files pin
//! indexes              what upstream's `names` and `versions` say of each package
//!  → planner           decides which task is next; pure
//!  ⇄ executor          runs tasks: fetch → client (requests), check (signatures, checksums), batch_writer (the disk)
//!  → finish            a plan for the indexes and for what is removed, in the order of `publish`
//!  → Report
//! ```
//!
//! Beside the registry there are files that no index names: policies, documentation of Elixir, installs and git repositories.
//!
//! `pull` fetches single files in the same way, as clients of a server ask for them.

mod adopt;
mod batch_writer;
mod body;
mod cancellation;
mod check;
mod client;
mod conditional_fetch;
mod docs_of;
mod error;
mod executor;
mod fetch;
mod file_error;
mod file_headers;
mod file_validator;
mod finish;
mod git;
mod git_pins;
mod indexes;
mod installs;
mod interval;
mod mirror_directory;
mod missing_docs;
mod options;
mod planner;
mod policies;
mod public_address;
pub mod pull;
mod redirect;
mod registry;
mod remote;
mod report;
mod request_error;
mod running_bodies;
mod selection;
mod state;
mod task;
mod timeouts;
mod trust;
mod upstream;

pub use crate::publish::withdrawn::{Withdrawn, WithdrawnRemark};
pub use cancellation::Cancellation;
pub use error::Error;
pub use file_error::{ChecksumMismatch, FileError, NotMirrored};
pub use git::GitMirror;
pub use interval::pause;
pub use missing_docs::MissingDocs;
pub use options::Options;
pub(super) use remote::RemoteRegistry;
pub use report::Report;
pub use request_error::RequestError;
pub use selection::{Chosen, LeftOut, Only, Selection};
pub use timeouts::Timeouts;
pub use upstream::Upstream;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::proxy::Proxies;
use crate::publish::lock::{self, LockMode};
use crate::publish::observer::{Observer, Warning};
use crate::store::{DirStore, Lock, Store};
use check::Checker;
use client::Client;
use fetch::Fetcher;
use mirror_directory::MirrorDirectory;

/// How long the threads of a run are waited for that is cancelled.
const CANCELLED_WITHIN: Duration = Duration::from_secs(10);

/// Updates a mirror to what upstream has.
///
/// # Errors
/// [`Error`]. The report has what could not be mirrored while the rest was. Then the indexes stay as they were, unless
/// all of it is [held back](FileError::holds_back).
pub fn mirror(
    directory: &Path,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    let _lock = lock(directory, options, observer)?;
    let runtime = Runtime::new().map_err(Error::Run)?;
    let mut report = runtime.block_on(run(directory, options, observer));
    if options.cancellation.is_cancelled() {
        // Another run may begin once the lock is free: what this one has begun to write ends before.
        runtime.shutdown_timeout(CANCELLED_WITHIN);
    } else {
        // After an error, open requests are not waited for.
        runtime.shutdown_background();
        if let Ok(report) = &mut report {
            let mirrors_docs = options.docs || !options.docs_of.is_empty();
            if mirrors_docs && !options.dry_run {
                let found = missing_docs::find(directory, options)?;
                (report.missing_docs, report.unread_docs) = (found.missing, found.unread);
            }
        }
    }
    report
}

/// Makes the signed files of the mirror in `directory` those of `from`, a copy of it elsewhere, where upstream has signed
/// them: another process may have mirrored since, and what upstream may not take back is what clients were given there.
/// What the mirror remembers of a file that changes is forgotten, so that the next run asks upstream for it. Tarballs are
/// left alone.
///
/// Returns how many files changed.
///
/// # Errors
/// [`Error`]; [`Error::OtherRegistry`] if `from` has the registry of another key.
pub fn adopt(
    directory: &Path,
    from: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
) -> Result<usize, Error> {
    let _lock = lock(directory, options, observer)?;
    adopt::adopt(&MirrorDirectory::open(directory, options)?, from, &options.upstream)
}

/// Takes the lock, except for a dry run: it writes nothing, and need not keep writers out.
fn lock(
    directory: &Path,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Option<Lock>, Error> {
    if options.dry_run {
        return Ok(None);
    }
    lock::hold(&DirStore::new(directory), LockMode::Exclusive, options.lock_timeout, observer)
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
    let mirrors_packages = wants.as_ref().is_none_or(|wants| !wants.is_empty())
        || (pins_nothing && (options.installs || options.prune));
    let mirrors_git = options.git && !selection.git().is_empty();
    let left_out = selection.left_out(upstream, options.git);
    let names_files = !options.policies.is_empty() || !options.docs_of.is_empty();
    if !mirrors_packages && !mirrors_git && !names_files {
        if pins_nothing {
            return Ok(Report { left_out, ..Report::default() });
        }
        return Err(Error::NothingWanted { repository: upstream.name.clone(), left_out });
    }
    let mut report = Report { left_out, ..Report::default() };
    let mirror_dir = MirrorDirectory::open(directory, options)?;
    if !options.dry_run {
        mirror_dir.remove_leftovers()?;
        if options.tarballs_only {
            mirror_dir.write_key(&upstream.key)?;
        }
    }
    let fetcher = Arc::new(fetcher(mirror_dir, options)?);
    let mirroring = async {
        if mirrors_packages {
            registry::mirror(directory, &fetcher, options, wants, &mut report, observer).await
        } else {
            // The state is not written without packages, so that the tags of policies are dropped.
            policies::mirror(&fetcher, options, &mut report, &mut Vec::new(), observer).await?;
            docs_of::mirror(&fetcher, options, &mut report, observer).await?;
            git_pins::mirror(directory, options, &mut report).await;
            Ok(())
        }
    };
    let mirrored = tokio::select! {
        biased;
        () = options.cancellation.cancelled() => Err(Error::Cancelled),
        mirrored = mirroring => mirrored,
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

fn fetcher(mirror_dir: MirrorDirectory, options: &Options) -> Result<Fetcher, Error> {
    let Upstream { url, name, key, authorization, .. } = options.upstream.clone();
    let proxies = Proxies::from_env()?;
    let client =
        Client::new(&url, authorization, proxies, options.timeouts).map_err(Error::Client)?;
    let checker = Checker::new(name, key, options.limits);
    Ok(Fetcher::new(client, checker, mirror_dir, options))
}
