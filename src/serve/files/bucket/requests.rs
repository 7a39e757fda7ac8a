//! The requests to a store that run at this moment: of each object one, for all who wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::cache::Known;
use super::request_failure::RequestFailure;
use crate::repository::RepositoryPath;

/// How many requests for objects that are known run at once. Downloads count until their end.
const OF_KNOWN: usize = 64;

/// How many requests for other objects run at once. Clients that ask for names that do not exist keep only each other
/// waiting.
const OF_UNKNOWN: usize = 64;

/// How many requests for other objects run or wait. Each is of a client, which may be gone.
const MAX_UNKNOWN: usize = 4096;

/// What is wanted of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    Stamp,
    Bytes,
}

/// The outcome of a request, for all who wait for it.
pub(crate) type Answer = Result<Known, RequestFailure>;

/// Receives the answer to a request once it is there.
pub(crate) type AnswerReceiver = watch::Receiver<Option<Answer>>;

/// The requests that run.
pub(crate) struct Requests {
    running: Mutex<RunningRequests>,
    known: Arc<Semaphore>,
    unknown: Arc<Semaphore>,
}

#[derive(Default)]
struct RunningRequests {
    last: u64,
    /// How many of them are for objects that are not known.
    unknown: usize,
    all: HashMap<(RepositoryPath, Wanted), RunningRequest>,
}

struct RunningRequest {
    number: u64,
    is_known: bool,
    answer: AnswerReceiver,
}

/// A request that was begun. It no longer runs once this is dropped.
pub(crate) struct Ticket {
    requests: Arc<Requests>,
    pub path: RepositoryPath,
    pub wanted: Wanted,
    number: u64,
    is_known: bool,
    pub sender: watch::Sender<Option<Answer>>,
}

/// The right to send a request, as long as it runs.
pub(crate) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Whether a request has to be sent.
pub(crate) enum Begun {
    /// It runs already.
    Running(AnswerReceiver),
    /// It has to be sent.
    New(Ticket, AnswerReceiver),
    /// Too many run.
    Overloaded,
}

impl Requests {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            running: Mutex::default(),
            known: Arc::new(Semaphore::new(OF_KNOWN)),
            unknown: Arc::new(Semaphore::new(OF_UNKNOWN)),
        })
    }

    /// Begins a request, unless the same one runs.
    pub fn begin(self: &Arc<Self>, path: &RepositoryPath, wanted: Wanted, is_known: bool) -> Begun {
        let key = (path.clone(), wanted);
        let mut running = self.lock();
        if let Some(request) = running.all.get(&key) {
            return Begun::Running(request.answer.clone());
        }
        if !is_known && running.unknown >= MAX_UNKNOWN {
            return Begun::Overloaded;
        }
        let (sender, answer) = watch::channel(None);
        running.last = running.last.wrapping_add(1);
        let number = running.last;
        running.insert(key, RunningRequest { number, is_known, answer: answer.clone() });
        drop(running);
        let requests = Arc::clone(self);
        Begun::New(
            Ticket { requests, path: path.clone(), wanted, number, is_known, sender },
            answer,
        )
    }

    /// No client waits any more for requests that were sent before an object was written: their answers may be outdated.
    pub fn disown(&self, path: &RepositoryPath) {
        let mut running = self.lock();
        for wanted in [Wanted::Stamp, Wanted::Bytes] {
            running.remove(&(path.clone(), wanted));
        }
    }

    fn lock(&self) -> MutexGuard<'_, RunningRequests> {
        // The map is changed in one step, so it is valid after a panic too.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunningRequests {
    fn insert(&mut self, key: (RepositoryPath, Wanted), request: RunningRequest) {
        self.unknown = self.unknown.saturating_add(usize::from(!request.is_known));
        self.all.insert(key, request);
    }

    fn remove(&mut self, key: &(RepositoryPath, Wanted)) {
        if let Some(request) = self.all.remove(key) {
            self.unknown = self.unknown.saturating_sub(usize::from(!request.is_known));
        }
    }
}

impl Ticket {
    /// Waits until the request may be sent.
    pub async fn place(&self) -> Place {
        let places = if self.is_known { &self.requests.known } else { &self.requests.unknown };
        Place { _permit: Arc::clone(places).acquire_owned().await.ok() }
    }

    /// Calls `keep`, unless the object was written since the request was begun. No object is written meanwhile.
    pub fn keep<T>(&self, keep: impl FnOnce() -> T) -> Option<T> {
        let running = self.requests.lock();
        let key = (self.path.clone(), self.wanted);
        let is_current = running.all.get(&key).is_some_and(|one| one.number == self.number);
        is_current.then(keep)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut running = self.requests.lock();
        let key = (self.path.clone(), self.wanted);
        if running.all.get(&key).is_some_and(|one| one.number == self.number) {
            running.remove(&key);
        }
    }
}
