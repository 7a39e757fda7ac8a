//! The files of a repository in a bucket, as the server reads them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::cache::Known;
use super::cached_store::{CachedStore, stamp, wanted_for_stamp};
use super::shared_bucket::{SharedBucket, Wanted};
use crate::repository::{Folder, RepositoryPath};
use crate::serve::files::secrets::SecretFile;
use crate::serve::files::source::{FileSource, Later, OpenFile};
use crate::store::{Stamp, Store};

/// How long the store may take to answer a check of its health.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(4);

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
            Known::Object(object) => object.open_now(),
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
            match Arc::clone(&self.bucket).look_up(path, Wanted::Bytes).await? {
                Known::Object(object) if object.holds_key => Err(SecretFile.into()),
                Known::Object(object) => {
                    if let Some(opened) = object.open_now() {
                        return opened;
                    }
                    let opening = spawn_blocking(move || object.open());
                    opening.await.map_err(io::Error::other)?
                }
                Known::Missing | Known::Stamp(_) => Err(io::ErrorKind::NotFound.into()),
            }
        })
    }

    fn stamp_now(&self, path: &RepositoryPath) -> Option<io::Result<Option<Stamp>>> {
        let known = self.bucket.known(path, wanted_for_stamp(path))?;
        Some(Ok(stamp(&known)))
    }

    fn stamp(&self, path: &RepositoryPath) -> io::Result<Option<Stamp>> {
        self.store.stamp(path)
    }

    fn stamp_later(self: Arc<Self>, path: RepositoryPath) -> Later<Option<Stamp>> {
        let wanted = wanted_for_stamp(&path);
        Box::pin(async move { Ok(stamp(&Arc::clone(&self.bucket).look_up(path, wanted).await?)) })
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
