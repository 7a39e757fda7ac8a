//! Which repositories are published to: those with a private key.

use std::io;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::api::publisher::{Publisher, PublisherOptions};
use super::error::Error;
use super::error_chain::chain;
use super::options::{Options, RepositoryLocation, RepositoryOptions};
use super::overview::{OverviewError, RepositoryState};
use super::overview_cache::OverviewCache;
use super::upload;
use crate::auth::{BearerKey, NoRandomness};
use crate::key::{KeyError, PrivateKey};
use crate::name::RepositoryName;
use crate::ops::batch;
use crate::store::{Store, StoreErrorKind};

/// The keys of bearer tokens. All servers that have one of the private keys accept the same bearer tokens.
pub(super) fn bearer_keys(options: &Options) -> Result<Vec<BearerKey>, KeyError> {
    options.repositories.iter().filter_map(|one| one.key.as_ref()).map(BearerKey::of).collect()
}

/// What the first private key signs for [`docs_secret`]. It is no protobuf message (0xFF has no wire type), so the
/// signature is not valid for anything that a registry signs.
const DOCS_LABEL: &[u8] = b"\xFFhexreg: secret of passes of documentation, version 1";

/// What passes of documentation are made of. All servers that have the same first private key accept the same passes;
/// a server without one has a random secret.
pub(super) fn docs_secret(options: &Options) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut keys = options.repositories.iter().filter_map(|one| one.key.as_ref());
    if let Some(key) = keys.next() {
        return Ok(Zeroizing::new(key.sign(DOCS_LABEL)?));
    }
    let mut secret = Zeroizing::new(vec![0; 32]);
    aws_lc_rs::rand::fill(&mut secret).map_err(|_| NoRandomness)?;
    Ok(secret)
}

/// How many files of a bucket are read at once by a publication, each on a thread that waits for the answer.
const BUCKET_THREADS: usize = 32;

/// How often storage that is away is asked again which registry it has.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// The publisher of a repository: empty until storage has said which registry is there.
pub(super) type PublisherSlot = OnceLock<Arc<Publisher>>;

/// What a publisher is started with.
struct Publishing {
    runtime: Handle,
    overview: Arc<OverviewCache>,
    options: RepositoryOptions,
    key: PrivateKey,
    store: Box<dyn Store + Send + Sync>,
}

/// Begins to publish to a repository. While its storage is away, the slot stays empty: a server that is restarted then
/// serves what else it has.
///
/// # Errors
/// There is no repository, the key does not sign it, or it may not be read.
pub(super) fn start(
    runtime: &Handle,
    overview: &Arc<OverviewCache>,
    options: &RepositoryOptions,
    key: &PrivateKey,
    store: Box<dyn Store + Send + Sync>,
) -> Result<Arc<PublisherSlot>, Error> {
    let (overview, options, key) = (Arc::clone(overview), options.clone(), key.clone());
    let publishing = Publishing { runtime: runtime.clone(), overview, options, key, store };
    let slot = Arc::new(PublisherSlot::new());
    match publishing.signed_name() {
        Ok(repository) => {
            let _ = slot.set(Arc::new(publishing.start(repository)?));
        }
        Err(Error::Unreadable { is_away: true, reason, .. }) => {
            tracing::warn!(error = reason, "storage is away: clients can publish once it answers");
            runtime.spawn(start_later(Arc::downgrade(&slot), publishing));
        }
        Err(error) => return Err(error),
    }
    Ok(slot)
}

/// Asks again and again, as long as the repository is served.
async fn start_later(slot: Weak<PublisherSlot>, mut publishing: Publishing) {
    let (mut logged, location) = (String::new(), publishing.options.location.to_string());
    loop {
        tokio::time::sleep(RETRY_INTERVAL).await;
        if slot.strong_count() == 0 {
            return;
        }
        // Both wait for storage.
        let asked = spawn_blocking(move || match publishing.signed_name() {
            Ok(repository) => Ok(publishing.start(repository)),
            Err(error) => Err(Box::new((error, publishing))),
        });
        let error = match asked.await {
            Ok(Ok(Ok(publisher))) => {
                if let Some(slot) = slot.upgrade() {
                    let _ = slot.set(Arc::new(publisher));
                    tracing::info!(location, "storage answers: clients can publish");
                }
                return;
            }
            Ok(Ok(Err(error))) => {
                tracing::error!(location, error = chain(&error), "clients cannot publish");
                return;
            }
            Ok(Err(failed)) => {
                let error;
                (error, publishing) = *failed;
                error
            }
            // It panicked, and the log says so.
            Err(_) => return,
        };
        let is_away = matches!(error, Error::Unreadable { is_away: true, .. });
        let text = chain(&error);
        // Storage that answers, and has another registry, is to be put right by a person.
        if !is_away && text != logged {
            tracing::error!(location, error = text, "clients cannot publish");
            logged = text;
        }
    }
}

impl Publishing {
    /// The name in the signed files of the repository, which the key signs. Waits for storage.
    fn signed_name(&self) -> Result<RepositoryName, Error> {
        let fingerprint = self.key.public_key().fingerprint();
        signed_name(&self.overview, &self.options.location, fingerprint)
    }

    fn start(self, repository: RepositoryName) -> Result<Publisher, Error> {
        let Self { runtime, overview, options, key, store } = self;
        remove_leftovers(&*store);
        // A directory has its files at once, and the processors decide how long a publication takes.
        let threads = match options.location.as_directory() {
            Some(_) => None,
            None => Some(reading_threads()?),
        };
        let publisher = PublisherOptions {
            repository,
            key,
            replace: options.replace,
            allow_public: options.allow_public,
            threads,
            overview,
        };
        Ok(Publisher::start(&runtime, store, publisher))
    }
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
        RepositoryState::Unsound(OverviewError::Unreadable(error)) => Err(Error::Unreadable {
            reason: chain(error),
            is_denied: matches!(error.kind, StoreErrorKind::Denied(_)),
            is_away: error.is_unavailable(),
        }),
        RepositoryState::Unsound(reason) => {
            Err(Error::Unsound { location: location(), reason: chain(reason) })
        }
    }
}
