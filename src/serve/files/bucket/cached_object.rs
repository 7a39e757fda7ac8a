//! An object with its bytes, and an open one, which may still be arriving.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::folder::CacheEntry;
use crate::repository::RepositoryPath;
use crate::serve::files::no_wait;
use crate::serve::files::source::{Later, OpenFile, SourceFile};
use crate::store::{ObjectHead, Stamp};

/// An object of which the bytes are known, or arriving.
pub(crate) struct CachedObject {
    pub stamp: Stamp,
    /// The entity tag that the store gave it.
    pub tag: Option<String>,
    /// Nanoseconds since 1970: when it was written.
    changed: i64,
    /// Whether it begins with a private key.
    pub holds_key: bool,
    pub bytes: ObjectBytes,
}

/// Where the bytes of an object are.
pub(crate) enum ObjectBytes {
    Memory(Bytes),
    Disk(DiskBytes),
}

/// The bytes of an object on disk.
pub(crate) struct DiskBytes {
    pub entry: CacheEntry,
    pub progress: watch::Receiver<Arrival>,
    /// The runtime on which they are received.
    pub runtime: Handle,
}

/// How much of an object has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// In bytes.
    UpTo(u64),
    Complete,
    /// The connection broke, or the disk failed.
    Failed,
}

/// An object in memory, opened.
struct MemoryFile(Arc<CachedObject>, Bytes);

/// An object on disk, opened.
struct DiskFile {
    object: Arc<CachedObject>,
    file: File,
    progress: watch::Receiver<Arrival>,
    runtime: Handle,
}

/// The stamp of an object at a path.
pub(crate) fn stamp_of(path: &RepositoryPath, head: &ObjectHead) -> Stamp {
    let tag = match &head.tag {
        Some(tag) => blake3::hash(tag.as_bytes()),
        None => blake3::hash(&changed(head.modified).to_le_bytes()),
    };
    stamp_at(path, Stamp::Object { size: head.size, tag: *tag.as_bytes() })
}

/// A stamp that no other path has. Some stores give several objects that are written at the same moment one tag.
pub(crate) fn stamp_at(path: &RepositoryPath, stamp: Stamp) -> Stamp {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = Vec::new();
    stamp.extend(&mut bytes);
    hasher.update(path.as_str().as_bytes()).update(b"\0").update(&bytes);
    Stamp::Object { size: stamp.size(), tag: *hasher.finalize().as_bytes() }
}

fn changed(modified: SystemTime) -> i64 {
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

impl CachedObject {
    pub fn new(
        path: &RepositoryPath,
        head: ObjectHead,
        holds_key: bool,
        bytes: ObjectBytes,
    ) -> Self {
        let (stamp, changed) = (stamp_of(path, &head), changed(head.modified));
        Self { stamp, tag: head.tag, changed, holds_key, bytes }
    }

    /// In bytes: how much it takes in memory or on disk.
    pub fn size(&self) -> usize {
        usize::try_from(self.stamp.size()).unwrap_or(usize::MAX)
    }

    /// Whether it could not be received.
    pub fn has_failed(&self) -> bool {
        match &self.bytes {
            ObjectBytes::Memory(_) => false,
            ObjectBytes::Disk(disk) => *disk.progress.borrow() == Arrival::Failed,
        }
    }

    /// Opens it without waiting; `None` if it is on disk, and the disk would have to be waited for.
    pub fn open_now(self: &Arc<Self>) -> Option<io::Result<OpenFile>> {
        match &self.bytes {
            ObjectBytes::Memory(bytes) => {
                Some(Ok(self.opened(Arc::new(MemoryFile(Arc::clone(self), bytes.clone())))))
            }
            ObjectBytes::Disk(disk) => {
                Some(disk.entry.open_now()?.map(|file| self.opened_on_disk(file, disk)))
            }
        }
    }

    /// Opens it. May block.
    ///
    /// # Errors
    /// It is on disk, and cannot be opened.
    pub fn open(self: &Arc<Self>) -> io::Result<OpenFile> {
        match &self.bytes {
            ObjectBytes::Memory(bytes) => {
                Ok(self.opened(Arc::new(MemoryFile(Arc::clone(self), bytes.clone()))))
            }
            ObjectBytes::Disk(disk) => Ok(self.opened_on_disk(disk.entry.open()?, disk)),
        }
    }

    fn opened_on_disk(self: &Arc<Self>, file: File, disk: &DiskBytes) -> OpenFile {
        let (object, progress) = (Arc::clone(self), disk.progress.clone());
        let runtime = disk.runtime.clone();
        self.opened(Arc::new(DiskFile { object, file, progress, runtime }))
    }

    fn opened(&self, file: Arc<dyn SourceFile>) -> OpenFile {
        OpenFile::new(file, self.stamp, self.changed)
    }
}

impl MemoryFile {
    fn part(&self, from: u64, size: usize) -> &[u8] {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let rest = self.1.get(from..).unwrap_or_default();
        rest.get(..size).unwrap_or(rest)
    }
}

impl SourceFile for MemoryFile {
    fn bytes(&self) -> Option<Bytes> {
        Some(self.1.clone())
    }

    fn read_now(&self, from: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let part = self.part(from, buffer.len());
        buffer.get_mut(..part.len())?.copy_from_slice(part);
        Some(Ok(part.len()))
    }

    fn read(&self, from: u64, size: usize) -> io::Result<Vec<u8>> {
        Ok(self.part(from, size).to_vec())
    }

    fn stamp(&self) -> io::Result<Stamp> {
        Ok(self.0.stamp)
    }
}

impl DiskFile {
    /// How many bytes can be read from a position on; `None` while they have not arrived.
    fn readable(&self, from: u64) -> Option<io::Result<u64>> {
        match *self.progress.borrow() {
            Arrival::Complete => Some(Ok(self.object.stamp.size().saturating_sub(from))),
            Arrival::UpTo(arrived) => arrived.checked_sub(from).filter(|rest| *rest > 0).map(Ok),
            Arrival::Failed => Some(Err(broken())),
        }
    }

    /// Waits until the byte at a position has arrived, or nothing more will.
    async fn arrival(&self, from: u64) {
        let mut progress = self.progress.clone();
        let has_arrived = |progress: &Arrival| match *progress {
            Arrival::UpTo(arrived) => arrived > from,
            Arrival::Complete | Arrival::Failed => true,
        };
        // Without a sender, what arrived so far is all.
        let _ = progress.wait_for(has_arrived).await;
    }
}

fn broken() -> io::Error {
    io::Error::other("the object could not be received whole")
}

fn read_at(file: &File, from: u64, size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    let read = file.read_at(&mut bytes, from)?;
    bytes.truncate(read);
    Ok(bytes)
}

impl SourceFile for DiskFile {
    fn read_now(&self, from: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let readable = match self.readable(from)? {
            Ok(readable) => usize::try_from(readable).unwrap_or(usize::MAX),
            Err(error) => return Some(Err(error)),
        };
        let room = readable.min(buffer.len());
        no_wait::read(&self.file, from, buffer.get_mut(..room)?)
    }

    fn read(&self, from: u64, size: usize) -> io::Result<Vec<u8>> {
        let arrived = self.readable(from).or_else(|| {
            self.runtime.block_on(self.arrival(from));
            self.readable(from)
        });
        let readable = arrived.unwrap_or_else(|| Err(broken()))?;
        read_at(&self.file, from, size.min(usize::try_from(readable).unwrap_or(usize::MAX)))
    }

    fn read_later(self: Arc<Self>, from: u64, size: usize) -> Later<Vec<u8>> {
        Box::pin(async move {
            self.arrival(from).await;
            let reading = spawn_blocking(move || self.read(from, size));
            reading.await.map_err(io::Error::other)?
        })
    }

    fn stamp(&self) -> io::Result<Stamp> {
        Ok(self.object.stamp)
    }
}
