//! A bucket behind its cache: of each object, one request at a time for all who wait.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::cache::{BucketCache, Freshness, Known};
use super::cached_object::stamp_of;
use super::counters::{BucketCounters, CacheResult, StoreResult};
use super::download;
use super::folder::CacheFolder;
use super::listed_packages::{self, ListedPackages};
use super::outage::Outage;
use super::request_failure::RequestFailure;
use super::requests::{Answer, AnswerReceiver, Begun, Requests, Ticket, Wanted};
use crate::repository::RepositoryPath;
use crate::serve::error_chain::chain;
use crate::serve::files::secrets::SecretFile;
use crate::serve::files::source::OpenFile;
use crate::store::{BucketStore, ObjectAnswer, Store};

/// How long a client waits for the store before it gets a file as it was read last.
const STALE_AFTER: Duration = Duration::from_secs(3);

/// How long the store may take until it begins to answer. rebar3 and mix wait for 15 seconds or more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the bytes may take that have to be there before a client gets any.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(60);

/// A bucket, its cache, and the requests that are sent at this moment.
pub(crate) struct SharedBucket {
    store: Arc<BucketStore>,
    cache: BucketCache,
    folder: Arc<CacheFolder>,
    counters: BucketCounters,
    requests: Arc<Requests>,
    outage: Outage,
    listed: ListedPackages,
}

impl SharedBucket {
    /// The bucket, of which at most `cache_size` bytes are kept, those on disk in `folder`.
    pub fn new(
        store: Arc<BucketStore>,
        cache_size: u64,
        folder: Arc<CacheFolder>,
        counters: BucketCounters,
    ) -> Self {
        let (cache, requests) = (BucketCache::new(cache_size), Requests::new());
        Self {
            store,
            cache,
            folder,
            counters,
            requests,
            outage: Outage::default(),
            listed: ListedPackages::default(),
        }
    }

    /// The bucket without its cache.
    pub fn bucket(&self) -> &Arc<BucketStore> {
        &self.store
    }

    /// Forgets a path that was written. A request that was sent before does not count any more.
    pub fn forget(&self, path: &RepositoryPath) {
        self.requests.disown(path);
        self.cache.forget(path);
    }

    /// There is an object, as another server may have written it. That there was none is forgotten.
    pub fn note_found(&self, path: &RepositoryPath) {
        if !matches!(self.cache.get(path), Some((Known::Object(_) | Known::Stamp(_), _))) {
            self.forget(path);
        }
    }

    /// What is known of a path without asking the store.
    pub fn known(self: &Arc<Self>, path: &RepositoryPath, wanted: Wanted) -> Option<Known> {
        let (known, freshness) = self.usable(path, wanted)?;
        let result = match freshness {
            Freshness::Fresh | Freshness::Aging => CacheResult::Hit,
            Freshness::Stale if self.outage.lasts() => CacheResult::Stale,
            Freshness::Stale | Freshness::Outdated => return None,
        };
        if freshness != Freshness::Fresh {
            drop(self.ask(path, wanted));
        }
        self.counters.count_lookup(result);
        Some(known)
    }

    /// What is known of a path, if it has what is wanted.
    fn usable(&self, path: &RepositoryPath, wanted: Wanted) -> Option<(Known, Freshness)> {
        let found = self.cache.get(path)?;
        (!matches!((&found.0, wanted), (Known::Stamp(_), Wanted::Bytes))).then_some(found)
    }

    /// What the store says of a path, or has said a moment ago.
    pub async fn look_up(self: Arc<Self>, path: RepositoryPath, wanted: Wanted) -> Answer {
        if let Some(known) = self.known(&path, wanted) {
            return Ok(known);
        }
        if self.is_unlisted(&path).await? {
            return Ok(Known::Missing);
        }
        self.find(path, wanted).await
    }

    /// Whether the index says that there is no such package.
    async fn is_unlisted(self: &Arc<Self>, path: &RepositoryPath) -> Result<bool, RequestFailure> {
        let Some(name) = listed_packages::package_at(path) else { return Ok(false) };
        if matches!(self.cache.get(path), Some((Known::Object(_), _))) {
            return Ok(false);
        }
        let index = match self.known(&listed_packages::index(), Wanted::Bytes) {
            Some(known) => known,
            None => self.find(listed_packages::index(), Wanted::Bytes).await?,
        };
        let Known::Object(index) = index else { return Ok(false) };
        // One from before storage went away says nothing of what was published since.
        let index_path = listed_packages::index();
        if self.cache.get(&index_path).is_some_and(|(_, freshness)| freshness > Freshness::Aging) {
            return Ok(false);
        }
        let packages = if let Some(packages) = self.listed.of(index.stamp) {
            packages
        } else {
            let this = Arc::clone(self);
            match spawn_blocking(move || this.listed.read(&index)).await {
                Ok(packages) => packages,
                Err(_) => return Ok(false),
            }
        };
        Ok(packages.as_ref().as_ref().is_some_and(|packages| !packages.contains(name)))
    }

    /// What the store says of a path.
    async fn find(self: &Arc<Self>, path: RepositoryPath, wanted: Wanted) -> Answer {
        let former = self.usable(&path, wanted);
        let former = former.filter(|(_, freshness)| *freshness < Freshness::Outdated);
        self.counters.count_lookup(CacheResult::Miss);
        let asked = self.ask(&path, wanted);
        let Some((former, _)) = former else { return answered(asked).await };
        let failure = match timeout(STALE_AFTER, answered(asked)).await {
            Ok(Ok(known)) => return Ok(known),
            Ok(Err(failure)) => failure,
            Err(_) => RequestFailure::timed_out(STALE_AFTER),
        };
        self.counters.count_lookup(CacheResult::Stale);
        self.outage.note(&self.store.locate(&path), &failure);
        Ok(former)
    }

    /// Asks the store, unless it is being asked already.
    fn ask(self: &Arc<Self>, path: &RepositoryPath, wanted: Wanted) -> AnswerReceiver {
        let known = self.cache.get(path);
        let is_known = matches!(known, Some((Known::Object(_) | Known::Stamp(_), _)));
        let (ticket, answer) = match self.requests.begin(path, wanted, is_known) {
            Begun::Running(answer) => return answer,
            Begun::New(ticket, answer) => (ticket, answer),
            Begun::Overloaded => {
                return watch::channel(Some(Err(RequestFailure::overloaded()))).1;
            }
        };
        let this = Arc::clone(self);
        // It goes on if the client that asked first closes its connection.
        self.store.handle().spawn(async move {
            let answered = match ticket.wanted {
                Wanted::Stamp => this.request_stamp(&ticket).await,
                Wanted::Bytes => this.request_bytes(&ticket).await,
            };
            match &answered {
                Ok(_) => this.outage.end(),
                Err(_) => this.counters.count_request(StoreResult::Failed),
            }
            let sender = ticket.sender.clone();
            drop(ticket);
            sender.send_replace(Some(answered));
        });
        answer
    }

    async fn request_stamp(&self, ticket: &Ticket) -> Answer {
        let path = &ticket.path;
        let _place = within(ANSWER_TIMEOUT, ticket.place()).await?;
        let asked = self.cache.now();
        let head = within(ANSWER_TIMEOUT, self.store.object_head(path)).await??;
        let (known, result) = match head {
            None => (Known::Missing, StoreResult::Missing),
            Some(head) => (Known::Stamp(stamp_of(path, &head)), StoreResult::Found),
        };
        self.counters.count_request(result);
        let kept = ticket.keep(|| self.cache.insert(path, known.clone(), asked));
        Ok(kept.unwrap_or(known))
    }

    async fn request_bytes(self: &Arc<Self>, ticket: &Ticket) -> Answer {
        let path = &ticket.path;
        let former = match self.cache.get(path) {
            Some((Known::Object(object), _)) => Some(object),
            _ => None,
        };
        let tag = former.as_ref().and_then(|object| object.tag.as_deref());
        let place = within(ANSWER_TIMEOUT, ticket.place()).await?;
        let asked = self.cache.now();
        let answer = within(ANSWER_TIMEOUT, self.store.object(path, tag)).await??;
        match (answer, former) {
            (ObjectAnswer::NotModified, Some(former)) => {
                self.counters.count_request(StoreResult::NotModified);
                ticket.keep(|| self.cache.confirm(path, &former, asked));
                Ok(Known::Object(former))
            }
            (ObjectAnswer::NotModified, None) => Err(RequestFailure::new(
                "the storage answered 304 to a request without a condition",
            )),
            (ObjectAnswer::Missing, _) => {
                self.counters.count_request(StoreResult::Missing);
                let kept = ticket.keep(|| self.cache.insert(path, Known::Missing, asked));
                Ok(kept.unwrap_or(Known::Missing))
            }
            (ObjectAnswer::Found(object), _) => {
                let begun = download::begin(path, object, &self.folder, &self.counters);
                let (object, rest) = within(BEGIN_TIMEOUT, begun).await?.map_err(|error| {
                    RequestFailure::of_download(&self.store.locate(path), error)
                })?;
                self.counters.count_request(StoreResult::Found);
                let known = Known::Object(Arc::new(object));
                let kept = ticket.keep(|| self.cache.insert(path, known.clone(), asked));
                if let Some(rest) = rest {
                    let location = self.store.locate(path);
                    self.store.handle().spawn(async move {
                        if let Err(error) = rest.receive().await {
                            let error = chain(&error);
                            tracing::error!(path = location, error, "not received whole");
                        }
                        drop(place);
                    });
                }
                Ok(kept.unwrap_or(known))
            }
        }
    }

    /// The object at a path; `None` if there is none.
    pub async fn open(self: Arc<Self>, path: RepositoryPath) -> io::Result<Option<OpenFile>> {
        let mut is_last = false;
        loop {
            let object = match Arc::clone(&self).look_up(path.clone(), Wanted::Bytes).await? {
                Known::Object(object) if object.holds_key => return Err(SecretFile.into()),
                Known::Object(object) => object,
                Known::Missing | Known::Stamp(_) => return Ok(None),
            };
            if let Some(Ok(opened)) = object.open_now() {
                return Ok(Some(opened));
            }
            let opening = Arc::clone(&object);
            let opening = spawn_blocking(move || opening.open());
            match opening.await.map_err(io::Error::other)? {
                Ok(opened) => return Ok(Some(opened)),
                // The object is there, whatever became of the cache.
                Err(error) if is_last => return Err(io::Error::other(error)),
                // Another program has removed the file.
                Err(_) => self.cache.forget_object(&path, &object),
            }
            is_last = true;
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

    /// As [`open`](Self::open). Must not be called from asynchronous code.
    pub fn open_blocking(self: &Arc<Self>, path: &RepositoryPath) -> io::Result<Option<OpenFile>> {
        self.store.handle().block_on(Arc::clone(self).open(path.clone()))
    }
}

/// Waits for the answer to a request.
async fn answered(mut asked: AnswerReceiver) -> Answer {
    let answer = asked.wait_for(Option::is_some).await;
    let answer = answer.ok().and_then(|answer| answer.clone());
    answer.unwrap_or_else(|| Err(RequestFailure::new("the request to the storage was given up")))
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, RequestFailure> {
    timeout(limit, work).await.map_err(|_| RequestFailure::timed_out(limit))
}
