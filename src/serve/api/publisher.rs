//! The one writer of a repository in this server. Changes that wait for it are made together, in one transaction.
//!
//! mix waits 15 seconds for an answer. If each of 50 clients had a transaction of its own, the last one would wait for
//! 49 others. Other servers, and commands such as `hexreg add`, may write at the same time: the transaction takes care.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::key::PrivateKey;
use crate::name::{PackageName, RepositoryName};
use crate::ops::batch::{self, Options, Outcome, Refusal, ReplaceRule, RequestedChange, Rules};
use crate::publish::observer::{Observer, Warning};
use crate::serve::clock;
use crate::serve::error_chain::chain;
use crate::serve::upload::Upload;
use crate::store::Store;

/// How many changes may wait. Each is of a client that has a connection.
const MAX_WAITING: usize = 1024;

/// How many changes are made together at most.
const MAX_BATCH: usize = 256;

/// How long to wait for other writers: shorter than mix waits for its answer.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// How a repository is published to.
pub(crate) struct PublisherOptions {
    pub repository: RepositoryName,
    pub key: PrivateKey,
    pub replace: ReplaceRule,
    pub allow_public: BTreeSet<PackageName>,
}

/// Makes the changes of clients to one repository.
pub(crate) struct Publisher {
    repository: RepositoryName,
    queue: mpsc::Sender<WaitingChange>,
}

/// A change that waits, with the uploaded file that it needs.
struct WaitingChange {
    change: RequestedChange,
    upload: Option<Upload>,
    verdict: oneshot::Sender<ChangeResult>,
}

type ChangeResult = Result<Outcome, ChangeError>;

/// Why a change was not made.
#[derive(Debug)]
pub(crate) enum ChangeError {
    Refused(Refusal),
    /// Too many changes wait.
    Overloaded,
    /// The registry could not be written. The log says why.
    Failed,
}

/// What changes are made with.
struct Writer {
    store: Box<dyn Store + Send + Sync>,
    options: Options,
    replace: ReplaceRule,
    allow_public: BTreeSet<PackageName>,
}

impl Publisher {
    /// Begins to make changes to the repository in `store`, in a task of its own.
    pub fn start(
        runtime: &Handle,
        store: Box<dyn Store + Send + Sync>,
        options: PublisherOptions,
    ) -> Self {
        let PublisherOptions { repository, key, replace, allow_public } = options;
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let options = Options {
            repository: repository.clone(),
            key,
            lock_timeout: LOCK_TIMEOUT,
            dry_run: false,
        };
        let writer = Arc::new(Writer { store, options, replace, allow_public });
        runtime.spawn(make_changes(writer, waiting));
        Self { repository, queue }
    }

    /// The name of the repository in its signed files.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Makes a change. Once it is asked for, it is made even if the client closes its connection.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn change(&self, change: RequestedChange, upload: Option<Upload>) -> ChangeResult {
        let (verdict, made) = oneshot::channel();
        let waiting = WaitingChange { change, upload, verdict };
        self.queue.try_send(waiting).map_err(|_| ChangeError::Overloaded)?;
        // The sender is dropped without a verdict if the work panicked.
        made.await.unwrap_or(Err(ChangeError::Failed))
    }
}

/// Makes changes until the server ends: all that wait, again and again.
async fn make_changes(writer: Arc<Writer>, mut waiting: mpsc::Receiver<WaitingChange>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (writer, changes) = (Arc::clone(&writer), std::mem::take(&mut batch));
        if spawn_blocking(move || writer.make(changes)).await.is_err() {
            tracing::error!("changes were not made: the thread that writes panicked");
        }
    }
}

impl Writer {
    fn make(&self, waiting: Vec<WaitingChange>) {
        let rules = Rules {
            replace: self.replace,
            allow_public: self.allow_public.clone(),
            now: clock::now(),
        };
        let (mut changes, mut others) = (Vec::new(), Vec::new());
        for WaitingChange { change, upload, verdict } in waiting {
            changes.push(change);
            others.push((upload, verdict));
        }
        match batch::apply(&*self.store, &self.options, &rules, &changes, &LogWarnings) {
            Ok(made) => {
                for ((upload, verdict), made) in others.into_iter().zip(made) {
                    // Before the answer: a server that shuts down ends once its last client is answered.
                    drop(upload);
                    // The client may have closed its connection.
                    let _ = verdict.send(made.map_err(ChangeError::Refused));
                }
            }
            Err(error) => {
                let repository = self.options.repository.as_str();
                tracing::error!(repository, error = chain(&error), "changes were not made");
                for (upload, verdict) in others {
                    drop(upload);
                    let _ = verdict.send(Err(ChangeError::Failed));
                }
            }
        }
    }
}

/// Writes warnings to the log.
struct LogWarnings;

impl Observer for LogWarnings {
    fn warn(&self, warning: Warning) {
        tracing::warn!("{warning}");
    }
}
