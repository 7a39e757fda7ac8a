//! The one writer of a repository in this server. Changes that wait for it are made together, in one transaction.
//!
//! mix waits 15 seconds for an answer. If each of 50 clients had a transaction of its own, the last one would wait for
//! 49 others. Other servers, and commands such as `hexreg add`, may write at the same time: the transaction takes care.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rayon::ThreadPool;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::key::PrivateKey;
use crate::name::{PackageName, RepositoryName};
use crate::ops::batch::{self, ChangeError, Options, ReplaceRule, RequestedChange, Rules, Verdict};
use crate::publish::observer::{Observer, Warning};
use crate::serve::audit::{AuditLine, AuditResult};
use crate::serve::clock;
use crate::serve::error_chain::chain;
use crate::serve::overview_cache::OverviewCache;
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
    /// The threads that a publication runs on, if not on those that all share.
    pub threads: Option<ThreadPool>,
    /// What the server knows of the repository, which is outdated once something is published.
    pub overview: Arc<OverviewCache>,
}

/// Makes the changes of clients to one repository.
pub(crate) struct Publisher {
    repository: RepositoryName,
    queue: mpsc::Sender<WaitingChanges>,
}

/// Changes that a client asked for together, with the uploaded file that they need.
struct WaitingChanges {
    changes: Vec<AuditedChange>,
    upload: Option<Upload>,
    verdicts: oneshot::Sender<Vec<Verdict>>,
}

/// A change, and the line that the audit log gets of it.
pub(crate) struct AuditedChange {
    pub requested: RequestedChange,
    pub line: AuditLine,
}

/// Why there is no verdict on a change, nor a line in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublisherError {
    /// Too many changes wait.
    Overloaded,
    /// The thread that writes panicked.
    Lost,
}

/// What changes are made with.
struct Writer {
    store: Box<dyn Store + Send + Sync>,
    options: Options,
    replace: ReplaceRule,
    allow_public: BTreeSet<PackageName>,
    threads: Option<ThreadPool>,
    overview: Arc<OverviewCache>,
}

impl Publisher {
    /// Begins to make changes to the repository in `store`, in a task of its own.
    pub fn start(
        runtime: &Handle,
        store: Box<dyn Store + Send + Sync>,
        options: PublisherOptions,
    ) -> Self {
        let PublisherOptions { repository, key, replace, allow_public, threads, overview } =
            options;
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let options = Options {
            repository: repository.clone(),
            key,
            lock_timeout: LOCK_TIMEOUT,
            dry_run: false,
        };
        let writer = Writer { store, options, replace, allow_public, threads, overview };
        let writer = Arc::new(writer);
        runtime.spawn(make_changes(writer, waiting));
        Self { repository, queue }
    }

    /// The name of the repository in its signed files.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Makes changes, in one transaction if they allow it, and writes a line of each to the audit log. Once they are
    /// asked for, they are made even if the client closes its connection.
    ///
    /// # Errors
    /// [`PublisherError`].
    pub async fn make(
        &self,
        changes: Vec<AuditedChange>,
        upload: Option<Upload>,
    ) -> Result<Vec<Verdict>, PublisherError> {
        let (verdicts, made) = oneshot::channel();
        let waiting = WaitingChanges { changes, upload, verdicts };
        self.queue.try_send(waiting).map_err(|_| PublisherError::Overloaded)?;
        made.await.map_err(|_| PublisherError::Lost)
    }
}

/// Makes changes until the server ends: all that wait, again and again.
async fn make_changes(writer: Arc<Writer>, mut waiting: mpsc::Receiver<WaitingChanges>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (writer, changes) = (Arc::clone(&writer), std::mem::take(&mut batch));
        if spawn_blocking(move || writer.make(changes)).await.is_err() {
            tracing::error!("changes were not made: the thread that writes panicked");
        }
    }
}

impl Writer {
    fn make(&self, waiting: Vec<WaitingChanges>) {
        let rules = Rules {
            replace: self.replace,
            allow_public: self.allow_public.clone(),
            now: clock::now(),
        };
        let (mut requested, mut others) = (Vec::new(), Vec::new());
        for WaitingChanges { changes, upload, verdicts } in waiting {
            let lines = changes.into_iter().map(|AuditedChange { requested: change, line }| {
                requested.push(change);
                line
            });
            others.push((lines.collect::<Vec<_>>(), upload, verdicts));
        }
        let apply = || batch::apply(&*self.store, &self.options, &rules, &requested, &LogWarnings);
        let all = match &self.threads {
            Some(threads) => threads.install(apply),
            None => apply(),
        };
        // Before the answers. Also after a failure, something may have been written.
        self.overview.note_written();
        self.log_errors(&all);
        let mut all = all.into_iter();
        for (lines, upload, verdicts) in others {
            let made: Vec<_> = all.by_ref().take(lines.len()).collect();
            lines.iter().zip(&made).for_each(|(line, verdict)| write_line(line, verdict));
            // Before the answer: a server that shuts down ends once its last client is answered.
            drop(upload);
            // The client may have closed its connection.
            let _ = verdicts.send(made);
        }
    }

    /// Writes each error to the log, once for all changes that met it.
    fn log_errors(&self, verdicts: &[Verdict]) {
        let errors = verdicts.iter().filter_map(|verdict| match verdict {
            Err(ChangeError::Failed(error) | ChangeError::Unknown(error)) => Some(chain(&**error)),
            Ok(_) | Err(ChangeError::Refused(_)) => None,
        });
        let repository = self.options.repository.as_str();
        for error in errors.collect::<BTreeSet<_>>() {
            tracing::error!(repository, error, "changes were not made");
        }
    }
}

fn write_line(line: &AuditLine, verdict: &Verdict) {
    match verdict {
        Ok(_) => line.write(AuditResult::Done),
        Err(error @ ChangeError::Refused(_)) => {
            line.write(AuditResult::Refused(&error.to_string()));
        }
        Err(error) => line.write(AuditResult::Failed(&error.to_string())),
    }
}

/// Writes warnings to the log.
struct LogWarnings;

impl Observer for LogWarnings {
    fn warn(&self, warning: Warning) {
        tracing::warn!("{warning}");
    }
}
