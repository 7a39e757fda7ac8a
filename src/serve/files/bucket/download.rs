//! An object on its way into the cache.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::cached_object::{Arrival, CachedObject, DiskBytes, ObjectBytes};
use super::counters::BucketCounters;
use super::folder::{CacheEntry, CacheFolder};
use crate::private_key_scan::begins_with_key;
use crate::repository::RepositoryPath;
use crate::store::{Object, StoreErrorKind};

/// In bytes: the largest object that is kept in memory. Most packages are smaller.
const IN_MEMORY: u64 = 128 * 1024;

/// In bytes: the largest object that is received into memory if the disk has no room for it. Tarballs are smaller.
const WITHOUT_DISK: u64 = 16 << 20;

/// In bytes: how much of an object has to be there to tell that it is no private key.
const HEAD: usize = 64 * 1024;

/// In bytes: how much is handed to the thread that writes at once.
const CHUNK: usize = 256 * 1024;

/// Why an object is not received.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    #[error(transparent)]
    Store(#[from] StoreErrorKind),
    #[error("the cache on disk has no room for it")]
    NoRoom(#[source] io::Error),
}

/// What is left to be received of an object on disk.
pub(crate) struct Download {
    object: Object,
    received: Vec<u8>,
    file: Arc<File>,
    progress: watch::Sender<Arrival>,
    counters: BucketCounters,
}

/// Receives an object: a small one whole, and of another one as much as its first clients need. What is left has to be
/// [received](Download::receive).
///
/// # Errors
/// [`DownloadError`].
pub(crate) async fn begin(
    path: &RepositoryPath,
    mut object: Object,
    folder: &Arc<CacheFolder>,
    counters: &BucketCounters,
) -> Result<(CachedObject, Option<Download>), DownloadError> {
    let (head, size) = (object.head.clone(), object.head.size);
    let mut received = Vec::new();
    let room = if size <= IN_MEMORY { None } else { Some(reserve(folder, size).await) };
    let at_least = match &room {
        Some(Ok(_)) => HEAD,
        Some(Err(error)) if size > WITHOUT_DISK => {
            return Err(DownloadError::NoRoom(io::Error::new(error.kind(), error.to_string())));
        }
        None | Some(Err(_)) => usize::MAX,
    };
    while received.len() < at_least {
        let Some(part) = object.next().await else { break };
        let part = part?;
        counters.received.inc_by(u64::try_from(part.len()).unwrap_or(u64::MAX));
        received.extend_from_slice(&part);
        if u64::try_from(received.len()).unwrap_or(u64::MAX) > size {
            return Err(StoreErrorKind::Io(too_long()).into());
        }
    }
    let holds_key = begins_with_key(received.get(..HEAD).unwrap_or(&received));
    let Some(Ok((entry, file))) = room else {
        if u64::try_from(received.len()).ok() != Some(size) {
            return Err(cut_short().into());
        }
        let bytes = ObjectBytes::Memory(Bytes::from(received));
        return Ok((CachedObject::new(path, head, holds_key, bytes), None));
    };
    let (sender, progress) = watch::channel(Arrival::UpTo(0));
    let (file, counters) = (Arc::new(file), counters.clone());
    let download = Download { object, received, file, progress: sender, counters };
    let bytes = ObjectBytes::Disk(DiskBytes { entry, progress, runtime: Handle::current() });
    Ok((CachedObject::new(path, head, holds_key, bytes), Some(download)))
}

/// The store sent less than it had announced.
fn cut_short() -> StoreErrorKind {
    let end = io::Error::from(io::ErrorKind::UnexpectedEof);
    StoreErrorKind::Unavailable(io::Error::new(io::ErrorKind::NotConnected, end))
}

fn too_long() -> io::Error {
    io::Error::other("more bytes arrive than the object has")
}

async fn reserve(folder: &Arc<CacheFolder>, size: u64) -> io::Result<(CacheEntry, File)> {
    let folder = Arc::clone(folder);
    let reserving = spawn_blocking(move || folder.create_entry(size));
    reserving.await.map_err(io::Error::other)?
}

impl Download {
    /// Receives the rest, and tells those who read it. It ends early if no client reads the object any more, and the cache
    /// has dropped it.
    ///
    /// # Errors
    /// The connection broke, or the disk failed. Those who read the object get an error too.
    pub async fn receive(mut self) -> io::Result<()> {
        let received = self.receive_all().await;
        let arrival = if received.is_ok() { Arrival::Complete } else { Arrival::Failed };
        if self.progress.send(arrival).is_err() {
            return Ok(());
        }
        received
    }

    async fn receive_all(&mut self) -> io::Result<()> {
        let (size, mut written) = (self.object.head.size, 0_u64);
        loop {
            if self.progress.is_closed() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let part = self.object.next().await.transpose().map_err(io::Error::other)?;
            let is_end = part.is_none();
            let part = part.unwrap_or_default();
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            self.counters.received.inc_by(length);
            self.received.extend_from_slice(&part);
            if self.received.len() >= CHUNK || is_end {
                let (file, bytes) = (Arc::clone(&self.file), std::mem::take(&mut self.received));
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                if written.saturating_add(length) > size {
                    return Err(too_long());
                }
                let writing = spawn_blocking(move || file.write_all_at(&bytes, written));
                writing.await.map_err(io::Error::other)??;
                written = written.saturating_add(length);
                self.progress.send_replace(Arrival::UpTo(written));
            }
            if is_end {
                let is_whole = written == size;
                return if is_whole { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }
}
