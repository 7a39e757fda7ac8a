//! A bucket behind its cache: of each object, one request at a time for all who wait.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::cache::{BucketCache, Freshness, Known};
use super::cached_object::stamp_of;
use super::counters::{BucketCounters, CacheResult, StoreResult};
use super::download;
use super::folder::CacheFolder;
use crate::repository::RepositoryPath;
use crate::serve::error_chain::chain;
use crate::serve::files::secrets::SecretFile;
use crate::serve::files::source::OpenFile;
use crate::store::{BucketStore, ObjectAnswer, Store, StoreError};

/// A bucket, its cache, and the requests that are sent at this moment.
pub(crate) struct SharedBucket {
    store: Arc<BucketStore>,
    cache: BucketCache,
    folder: Arc<CacheFolder>,
    counters: BucketCounters,
    running: Mutex<HashMap<(RepositoryPath, Wanted), AnswerReceiver>>,
}

/// What is wanted of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    Stamp,
    Bytes,
}

/// The outcome of a request, for all who wait for it.
pub(crate) type Answer = Result<Known, RequestFailure>;

/// Receives the answer to a request once it is there.
type AnswerReceiver = watch::Receiver<Option<Answer>>;

/// Why the store could not be asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct RequestFailure {
    kind: io::ErrorKind,
    text: String,
}

/// Removes a request from those that run, also after a panic.
struct RunningRequest {
    bucket: Arc<SharedBucket>,
    key: (RepositoryPath, Wanted),
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        lock(&self.bucket.running).remove(&self.key);
    }
}

impl From<StoreError> for RequestFailure {
    fn from(error: StoreError) -> Self {
        let text = chain(&error);
        Self { kind: io::Error::from(error.kind).kind(), text }
    }
}

impl From<RequestFailure> for io::Error {
    fn from(failure: RequestFailure) -> Self {
        Self::new(failure.kind, failure)
    }
}

impl SharedBucket {
    /// The bucket, of which at most `cache_size` bytes are kept, those on disk in `folder`.
    pub fn new(
        store: Arc<BucketStore>,
        cache_size: u64,
        folder: Arc<CacheFolder>,
        counters: BucketCounters,
    ) -> Self {
        let cache = BucketCache::new(cache_size);
        Self { store, cache, folder, counters, running: Mutex::default() }
    }

    /// The bucket without its cache.
    pub fn bucket(&self) -> &Arc<BucketStore> {
        &self.store
    }

    pub fn cache(&self) -> &BucketCache {
        &self.cache
    }

    /// What is known of a path without asking the store.
    pub fn known(self: &Arc<Self>, path: &RepositoryPath, wanted: Wanted) -> Option<Known> {
        let (known, freshness) = self.cache.get(path)?;
        if matches!((&known, wanted), (Known::Stamp(_), Wanted::Bytes)) {
            return None;
        }
        match freshness {
            Freshness::Fresh => {}
            Freshness::Aging => drop(self.ask(path, wanted)),
            Freshness::Stale | Freshness::Outdated => return None,
        }
        self.counters.count_lookup(CacheResult::Hit);
        Some(known)
    }

    /// What the store says of a path, or has said a moment ago.
    pub async fn look_up(self: Arc<Self>, path: RepositoryPath, wanted: Wanted) -> Answer {
        if let Some(known) = self.known(&path, wanted) {
            return Ok(known);
        }
        self.counters.count_lookup(CacheResult::Miss);
        let mut answer = self.ask(&path, wanted);
        let answered = answer.wait_for(Option::is_some).await.ok().and_then(|one| one.clone());
        let answered = answered.unwrap_or_else(|| {
            let text = "the request was given up".to_owned();
            Err(RequestFailure { kind: io::ErrorKind::Other, text })
        });
        match (answered, self.cache.get(&path)) {
            (Err(failure), Some((known, Freshness::Stale)))
                if !matches!((&known, wanted), (Known::Stamp(_), Wanted::Bytes)) =>
            {
                self.counters.count_lookup(CacheResult::Stale);
                let path = self.store.locate(&path);
                tracing::warn!(path, error = %failure, "served as it was read last");
                Ok(known)
            }
            (answered, _) => answered,
        }
    }

    /// Asks the store, unless it is being asked already.
    fn ask(self: &Arc<Self>, path: &RepositoryPath, wanted: Wanted) -> AnswerReceiver {
        let key = (path.clone(), wanted);
        let mut running = lock(&self.running);
        if let Some(answer) = running.get(&key) {
            return answer.clone();
        }
        let (sender, answer) = watch::channel(None);
        running.insert(key.clone(), answer.clone());
        drop(running);
        let this = RunningRequest { bucket: Arc::clone(self), key };
        // It goes on if the client that asked first closes its connection.
        self.store.handle().spawn(async move {
            let (path, wanted) = &this.key;
            let answered = match wanted {
                Wanted::Stamp => this.bucket.request_stamp(path).await,
                Wanted::Bytes => this.bucket.request_bytes(path).await,
            };
            if answered.is_err() {
                this.bucket.counters.count_request(StoreResult::Failed);
            }
            drop(this);
            sender.send_replace(Some(answered));
        });
        answer
    }

    async fn request_stamp(&self, path: &RepositoryPath) -> Answer {
        let asked = self.cache.ask();
        let head = self.store.object_head(path).await?;
        let known = match head {
            None => Known::Missing,
            Some(head) => {
                let stamp = stamp_of(path, &head);
                match self.cache.get(path) {
                    // Its bytes are known already.
                    Some((Known::Object(object), _)) if object.stamp == stamp => {
                        Known::Object(object)
                    }
                    _ => Known::Stamp(stamp),
                }
            }
        };
        let is_missing = matches!(known, Known::Missing);
        self.counters.count_request(if is_missing {
            StoreResult::Missing
        } else {
            StoreResult::Found
        });
        self.cache.insert(path, &known, asked);
        Ok(known)
    }

    async fn request_bytes(self: &Arc<Self>, path: &RepositoryPath) -> Answer {
        let asked = self.cache.ask();
        let former = match self.cache.get(path) {
            Some((Known::Object(object), _)) => Some(object),
            _ => None,
        };
        let tag = former.as_ref().and_then(|object| object.tag.as_deref());
        let answer = self.store.object(path, tag).await;
        match (answer?, former) {
            (ObjectAnswer::NotModified, Some(former)) => {
                self.counters.count_request(StoreResult::NotModified);
                self.cache.confirm(path, asked);
                Ok(Known::Object(former))
            }
            (ObjectAnswer::NotModified, None) => {
                let text = "the store answered 304 to a request without a condition".to_owned();
                Err(RequestFailure { kind: io::ErrorKind::InvalidData, text })
            }
            (ObjectAnswer::Missing, _) => {
                self.counters.count_request(StoreResult::Missing);
                self.cache.insert(path, &Known::Missing, asked);
                Ok(Known::Missing)
            }
            (ObjectAnswer::Found(object), _) => {
                self.counters.count_request(StoreResult::Found);
                let begun = download::begin(path, object, &self.folder, &self.counters).await;
                let (object, rest) = begun.map_err(|error| RequestFailure {
                    kind: io::ErrorKind::Other,
                    text: format!("could not read {}: {}", self.store.locate(path), chain(&error)),
                })?;
                let known = Known::Object(Arc::new(object));
                self.cache.insert(path, &known, asked);
                if let Some(rest) = rest {
                    let path = self.store.locate(path);
                    self.store.handle().spawn(async move {
                        if let Err(error) = rest.receive().await {
                            tracing::error!(path, error = chain(&error), "not received whole");
                        }
                    });
                }
                Ok(known)
            }
        }
    }

    /// As [`look_up`](Self::look_up). Must not be called from asynchronous code.
    pub fn look_up_blocking(self: &Arc<Self>, path: &RepositoryPath, wanted: Wanted) -> Answer {
        if let Some(known) = self.known(path, wanted) {
            return Ok(known);
        }
        let asking = Arc::clone(self).look_up(path.clone(), wanted);
        self.store.handle().block_on(asking)
    }

    /// The object at a path; `None` if there is none. Must not be called from asynchronous code.
    pub fn open_blocking(self: &Arc<Self>, path: &RepositoryPath) -> io::Result<Option<OpenFile>> {
        match self.look_up_blocking(path, Wanted::Bytes)? {
            Known::Object(object) if object.holds_key => Err(SecretFile.into()),
            Known::Object(object) => object.open().map(Some),
            Known::Missing | Known::Stamp(_) => Ok(None),
        }
    }
}

/// The map is changed in one step, so it is valid after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
