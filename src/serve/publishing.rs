//! Which repositories are published to: those with a private key.

use std::io;

use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::runtime::Handle;

use super::api::publisher::{Publisher, PublisherOptions};
use super::error::Error;
use super::error_chain::chain;
use super::options::{Options, RepositoryLocation, RepositoryOptions};
use super::overview::RepositoryState;
use super::overview_cache::OverviewCache;
use super::upload;
use crate::auth::BearerKey;
use crate::key::{KeyError, PrivateKey};
use crate::name::RepositoryName;
use crate::ops::batch;
use crate::store::Store;

/// The keys of bearer tokens. All servers that have one of the private keys accept the same bearer tokens.
pub(super) fn bearer_keys(options: &Options) -> Result<Vec<BearerKey>, KeyError> {
    options.repositories.iter().filter_map(|one| one.key.as_ref()).map(BearerKey::of).collect()
}

/// How many files of a bucket are read at once by a publication, each on a thread that waits for the answer.
const BUCKET_THREADS: usize = 32;

/// Begins to publish to a repository.
///
/// # Errors
/// There is no repository, or the key does not sign it.
pub(super) fn start(
    runtime: &Handle,
    overview: &OverviewCache,
    options: &RepositoryOptions,
    key: &PrivateKey,
    store: Box<dyn Store + Send + Sync>,
) -> Result<Publisher, Error> {
    let repository = signed_name(overview, &options.location, key.public_key().fingerprint())?;
    remove_leftovers(&*store);
    // A directory has its files at once, and the processors decide how long a publication takes.
    let threads = match options.location.as_directory() {
        Some(_) => None,
        None => Some(reading_threads()?),
    };
    let publisher = PublisherOptions {
        repository,
        key: key.clone(),
        replace: options.replace,
        allow_public: options.allow_public.clone(),
        threads,
    };
    Ok(Publisher::start(runtime, store, publisher))
}

fn reading_threads() -> Result<ThreadPool, Error> {
    let threads = ThreadPoolBuilder::new()
        .num_threads(BUCKET_THREADS)
        .thread_name(|number| format!("publish-{number}"));
    threads.build().map_err(|error| Error::Run(io::Error::other(error)))
}

/// Removes what an earlier server has left that was killed.
fn remove_leftovers(store: &dyn Store) {
    match batch::remove_leftovers(store) {
        Ok(0) => {}
        Ok(number) => tracing::info!(number, "temporary files of killed processes were removed"),
        Err(error) => {
            tracing::warn!(
                error = chain(&error),
                "temporary files of killed processes were not removed"
            );
        }
    }
}

/// Removes the uploads of earlier servers that were killed.
pub(super) fn remove_abandoned_uploads() {
    let folder = upload::folder();
    match upload::remove_abandoned(&folder) {
        Ok(0) => {}
        Ok(number) => tracing::info!(number, "uploads of killed servers were removed"),
        Err(error) => {
            let folder = folder.display();
            tracing::warn!(%error, %folder, "the folder for uploads could not be read");
        }
    }
}

/// The name in the signed files of a repository, which the key with this fingerprint signs.
fn signed_name(
    overview: &OverviewCache,
    location: &RepositoryLocation,
    fingerprint: &str,
) -> Result<RepositoryName, Error> {
    let location = || location.to_string();
    match &*overview.current() {
        RepositoryState::Built(overview) if overview.key.fingerprint() == fingerprint => {
            Ok(overview.repository.clone())
        }
        RepositoryState::Built(overview) => Err(Error::OtherKey {
            location: location(),
            fingerprint: overview.key.fingerprint().to_owned(),
        }),
        RepositoryState::NotBuilt => Err(Error::NotBuilt { location: location() }),
        RepositoryState::Unsound(reason) => {
            Err(Error::Unsound { location: location(), reason: chain(reason) })
        }
    }
}
