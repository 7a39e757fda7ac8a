//! Object storage in memory for tests of the server's cache: its answers may be held back, and may fail.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use tokio::sync::watch;

use super::bucket_store::BucketStore;
use crate::repository::RepositoryPath;

/// What becomes of an answer to GET or HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answering {
    AtOnce,
    /// It was made, and is not sent until this changes.
    HeldBack,
    /// As while the store is down.
    Fails,
    /// After so many bytes the connection breaks.
    BreaksAfter(usize),
}

/// A client of the storage, which may be cloned.
#[derive(Clone, Debug)]
pub(crate) struct TestClient {
    inner: Arc<InMemory>,
    answering: Arc<watch::Sender<Answering>>,
    /// How often GET and HEAD were sent.
    asked: Arc<Mutex<Vec<String>>>,
    running: Arc<AtomicUsize>,
    most_running: Arc<AtomicUsize>,
}

impl TestClient {
    pub fn new() -> Self {
        Self {
            inner: Arc::default(),
            answering: Arc::new(watch::channel(Answering::AtOnce).0),
            asked: Arc::default(),
            running: Arc::default(),
            most_running: Arc::default(),
        }
    }

    /// The store of a repository in it.
    pub fn store(&self) -> BucketStore {
        BucketStore::new(Arc::new(self.clone()), "hex", "test://bucket/hex").unwrap()
    }

    /// From now on; answers that were held back are sent.
    pub fn answer(&self, answering: Answering) {
        self.answering.send_replace(answering);
    }

    /// The paths of the objects that were asked for so far, by GET or HEAD.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// How many requests were answered at the same time at most.
    pub fn most_running(&self) -> usize {
        self.most_running.load(Ordering::SeqCst)
    }

    /// Waits until this many requests were sent.
    pub fn wait_for(&self, requests: usize) {
        // A minute, on a busy machine.
        for _ in 0..12_000 {
            if self.asked().len() >= requests {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("only {:?} were asked for", self.asked());
    }

    /// Writes an object, as another writer does.
    pub fn write(&self, path: &RepositoryPath, bytes: &[u8]) {
        let (key, bytes) = (key(path), PutPayload::from(bytes.to_vec()));
        wait(self.inner.put(&key, bytes)).unwrap();
    }
}

fn key(path: &RepositoryPath) -> Path {
    Path::parse(format!("hex/{}", path.as_str())).unwrap()
}

/// What is in memory takes no time.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn failure(text: &'static str) -> Error {
    Error::Generic { store: "test", source: text.into() }
}

/// The first bytes of an answer, and then an error.
async fn broken(got: GetResult, after: usize) -> Result<GetResult> {
    let (meta, range, attributes) = (got.meta.clone(), got.range.clone(), got.attributes.clone());
    let extensions = got.extensions.clone();
    let bytes = got.bytes().await?;
    let first: Bytes = bytes.slice(..after.min(bytes.len()));
    let parts = stream::iter([Ok(first), Err(failure("the connection broke"))]);
    let payload = GetResultPayload::Stream(parts.boxed());
    Ok(GetResult { payload, meta, range, attributes, extensions })
}

impl fmt::Display for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("storage of tests")
    }
}

#[async_trait]
impl ObjectStore for TestClient {
    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        let path = key.as_ref().strip_prefix("hex/").unwrap().to_owned();
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        let mut answering = self.answering.subscribe();
        let got = self.inner.get_opts(key, options).await;
        self.asked.lock().unwrap().push(path);
        let is_sent = |answering: &Answering| *answering != Answering::HeldBack;
        let answering = *answering.wait_for(is_sent).await.unwrap();
        self.running.fetch_sub(1, Ordering::SeqCst);
        match answering {
            Answering::AtOnce | Answering::HeldBack => got,
            Answering::Fails => Err(failure("the storage is down")),
            Answering::BreaksAfter(bytes) => broken(got?, bytes).await,
        }
    }

    async fn put_opts(&self, key: &Path, bytes: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(key, bytes, how).await
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(keys)
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, how).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, how).await
    }
}
