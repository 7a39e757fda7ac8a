//! The files of a repository in a bucket, as the server reads them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::cache::Known;
use super::cached_store::{CachedStore, wanted_for_stamp};
use super::requests::Wanted;
use super::shared_bucket::SharedBucket;
use crate::repository::{Folder, RepositoryPath};
use crate::serve::files::secrets::SecretFile;
use crate::serve::files::source::{FileSource, Later, OpenFile};
use crate::store::{Stamp, Store};

/// How long the store may take to answer a check of its health.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(4);

/// How many files are asked for at once that are read one after the other.
const AT_ONCE: usize = 16;

/// The files of a repository in a bucket.
pub(crate) struct BucketSource {
    bucket: Arc<SharedBucket>,
    /// Reads through the cache.
    store: CachedStore,
}

impl BucketSource {
    /// The files of a bucket.
    pub fn new(bucket: Arc<SharedBucket>) -> Self {
        let store = CachedStore::new(Arc::clone(&bucket));
        Self { bucket, store }
    }
}

impl FileSource for BucketSource {
    fn open_now(&self, path: &str) -> Option<io::Result<OpenFile>> {
        match self.bucket.known(&Folder::Root.file(path), Wanted::Bytes)? {
            Known::Object(object) if object.holds_key => Some(Err(SecretFile.into())),
            // A file that another program has removed is asked for again.
            Known::Object(object) => object.open_now().filter(io::Result::is_ok),
            Known::Missing | Known::Stamp(_) => Some(Err(io::ErrorKind::NotFound.into())),
        }
    }

    fn open(&self, path: &str) -> io::Result<OpenFile> {
        let opened = self.bucket.open_blocking(&Folder::Root.file(path))?;
        opened.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open_later(self: Arc<Self>, path: &str) -> Later<OpenFile> {
        let path = Folder::Root.file(path);
        Box::pin(async move {
            let opened = Arc::clone(&self.bucket).open(path).await?;
            opened.ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    fn stamp_now(&self, path: &RepositoryPath) -> Option<io::Result<Option<Stamp>>> {
        Some(Ok(self.bucket.known(path, wanted_for_stamp(path))?.stamp()))
    }

    fn stamp(&self, path: &RepositoryPath) -> io::Result<Option<Stamp>> {
        self.store.stamp(path)
    }

    fn stamp_later(self: Arc<Self>, path: RepositoryPath) -> Later<Option<Stamp>> {
        let wanted = wanted_for_stamp(&path);
        Box::pin(async move { Ok(Arc::clone(&self.bucket).look_up(path, wanted).await?.stamp()) })
    }

    fn prefetch(&self, paths: Vec<RepositoryPath>) {
        let lookups = paths.into_iter().map(|path| {
            let wanted = wanted_for_stamp(&path);
            Arc::clone(&self.bucket).look_up(path, wanted)
        });
        let all = stream::iter(lookups).buffer_unordered(AT_ONCE);
        // Those who read the files next get the errors.
        let all = all.for_each(|_| std::future::ready(()));
        self.bucket.bucket().handle().block_on(all);
    }

    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn is_available(&self) -> bool {
        let path = RepositoryPath::public_key();
        let asking = Arc::clone(&self.bucket).look_up(path, Wanted::Bytes);
        let asking = async { tokio::time::timeout(HEALTH_TIMEOUT, asking).await };
        matches!(self.bucket.bucket().handle().block_on(asking), Ok(Ok(_)))
    }
}
