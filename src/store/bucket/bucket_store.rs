//! The bucket of a repository, and the names of its objects.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::ObjectStore;
use object_store::path::Path;
use tokio::runtime::{Handle, Runtime};

use super::seen::{SeenTombstones, SeenVersions};
use super::upload_memory::UploadMemory;
use super::version::TagForm;
use crate::repository::{Folder, RepositoryPath};
use crate::store::error::{Operation, StoreError, StoreErrorKind};

/// How many requests are sent at once, by default.
const JOBS: usize = 16;

/// The threads of the runtime. Sending and receiving hardly keep one busy.
const THREADS: usize = 2;

/// How many bytes of uploads are in memory at once, by default.
const MEMORY: u64 = 256 << 20;

/// How long another writer's tombstone is respected, by default.
const ABANDONED_AFTER: Duration = Duration::from_secs(10);

/// A repository below a prefix of a bucket.
///
/// Must not be used from asynchronous code: it blocks on its requests.
#[derive(Debug)]
pub struct BucketStore {
    pub(super) client: Arc<dyn ObjectStore>,
    /// Without slashes at its ends.
    prefix: String,
    /// As a user would write it, without a slash at its end.
    url: String,
    pub(super) runtime: StoreRuntime,
    pub(super) seen: SeenVersions,
    pub(super) tombstones: SeenTombstones,
    pub(super) uploads: UploadMemory,
    pub(super) jobs: usize,
    pub(super) is_private: bool,
    pub(super) has_generations: bool,
    pub(super) has_one_writer: bool,
    /// The form in which the store takes tags; `None` until it was probed.
    pub(super) probed: Mutex<Option<TagForm>>,
    pub(super) abandoned_after: Duration,
    /// The credential that messages name when the store refuses it.
    identity: Option<String>,
}

/// The runtime of a store. It can be dropped in asynchronous code too: its threads are not waited for.
#[derive(Debug)]
pub(super) struct StoreRuntime {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl StoreRuntime {
    fn new(runtime: Runtime) -> Self {
        Self { handle: runtime.handle().clone(), runtime: Some(runtime) }
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a request to its end. Must not be called from asynchronous code.
    pub fn block_on<T>(&self, request: impl Future<Output = T>) -> T {
        self.handle.block_on(request)
    }
}

impl Drop for StoreRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl BucketStore {
    /// The repository below `prefix`, which messages call `url`.
    ///
    /// # Errors
    /// The prefix cannot be one, or no thread could be started.
    pub fn new(
        client: Arc<dyn ObjectStore>,
        prefix: &str,
        url: impl Into<String>,
    ) -> io::Result<Self> {
        let prefix = Path::parse(prefix).map_err(invalid)?.to_string();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("bucket")
            .enable_all()
            .build()?;
        Ok(Self {
            client,
            prefix,
            url: url.into().trim_end_matches('/').to_owned(),
            runtime: StoreRuntime::new(runtime),
            seen: SeenVersions::default(),
            tombstones: SeenTombstones::default(),
            uploads: UploadMemory::of(MEMORY),
            jobs: JOBS,
            is_private: false,
            has_generations: false,
            has_one_writer: false,
            probed: Mutex::default(),
            abandoned_after: ABANDONED_AFTER,
            identity: None,
        })
    }

    /// How many changes are made at once; 16 by default.
    #[must_use]
    pub fn jobs(self, jobs: usize) -> Self {
        Self { jobs: jobs.max(1), ..self }
    }

    /// How long another writer's removal is waited for before it counts as interrupted; 10 seconds by default. A
    /// removal itself gives up after half of it.
    #[must_use]
    pub fn abandoned_after(self, abandoned_after: Duration) -> Self {
        Self { abandoned_after, ..self }
    }

    /// About how many bytes of uploads are in memory at once; 256 MiB by default. A larger file is uploaded alone.
    #[must_use]
    pub fn memory(self, bytes: u64) -> Self {
        Self { uploads: UploadMemory::of(bytes), ..self }
    }

    /// Whether `Cache-Control` forbids shared caches to keep copies.
    #[must_use]
    pub fn private(self, is_private: bool) -> Self {
        Self { is_private, ..self }
    }

    /// Whether there is no other writer, so that no write has a condition; for a store that ignores conditions.
    #[must_use]
    pub fn assume_single_writer(self, has_one_writer: bool) -> Self {
        Self { has_one_writer, ..self }
    }

    /// Whether conditions name generations, as Google Cloud Storage has them, and not tags.
    #[must_use]
    pub fn generations(self, has_generations: bool) -> Self {
        Self { has_generations, ..self }
    }

    /// The credential that messages name when the store refuses it.
    pub(super) fn identity(self, identity: Option<String>) -> Self {
        Self { identity, ..self }
    }

    /// How the store takes tags, once it was probed.
    pub(super) fn tag_form(&self) -> TagForm {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_default()
    }

    /// The error of an operation on a file. If the store refused it, the error names the credential.
    pub(super) fn error(
        &self,
        operation: Operation,
        path: &RepositoryPath,
    ) -> impl Fn(StoreErrorKind) -> StoreError {
        let location = self.location(path);
        move |kind| {
            let kind = match (kind, &self.identity) {
                (StoreErrorKind::Denied(error), Some(identity)) => {
                    let message = format!("{error}; it was asked with {identity}");
                    StoreErrorKind::Denied(io::Error::new(error.kind(), message))
                }
                (kind, _) => kind,
            };
            StoreError::new(operation, location.clone(), kind)
        }
    }

    /// The location of a file, as messages name it.
    pub(super) fn location(&self, path: &RepositoryPath) -> String {
        match path.as_str() {
            "" => self.url.clone(),
            path => format!("{}/{path}", self.url),
        }
    }

    /// The name of an object. It is not encoded: the client does that.
    pub(super) fn key(&self, path: &RepositoryPath) -> io::Result<Path> {
        let key = match (self.prefix.as_str(), path.as_str()) {
            ("", path) => path.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, path) => format!("{prefix}/{path}"),
        };
        let parsed = Path::parse(&key).map_err(invalid)?;
        if parsed.as_ref() == key {
            Ok(parsed)
        } else {
            Err(invalid("an object cannot have this name"))
        }
    }

    /// The inverse of [`key`](Self::key); `None` for an object that is not below the prefix.
    pub(super) fn path(&self, key: &Path) -> Option<RepositoryPath> {
        let path = match self.prefix.as_str() {
            "" => key.as_ref(),
            prefix => key.as_ref().strip_prefix(prefix)?.strip_prefix('/')?,
        };
        (!path.is_empty()).then(|| Folder::Root.file(path))
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
