//! The source of a repository's files: the only way in which the server reads what it serves.
//!
//! A source has two forms of each call. Those that end in `_now` run on the threads that answer requests: they must
//! not wait for a disk or a network, and return `None` where they would have to. The others may block, and run on
//! threads of their own. A file that the kernel has in memory is read faster than it is handed to another thread. Those
//! that end in `_later` wait without a thread, where the source can do that.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use crate::private_key_scan::begins_with_key;
use crate::repository::RepositoryPath;
use crate::store::{Stamp, Store};

/// The files of one repository, wherever they are stored.
pub(crate) trait FileSource: Send + Sync {
    /// Opens a regular file without waiting.
    fn open_now(&self, path: &str) -> Option<io::Result<OpenFile>>;

    /// Opens a regular file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no regular file; [`LeadsOut`](crate::store::LeadsOut).
    fn open(&self, path: &str) -> io::Result<OpenFile>;

    /// The stamp of a regular file without waiting; `Ok(None)` if there is none. It may be that of a file that
    /// [`open`](Self::open) refuses, so it serves only to recognize a file that was read before.
    fn stamp_now(&self, path: &RepositoryPath) -> Option<io::Result<Option<Stamp>>>;

    /// As [`stamp_now`](Self::stamp_now), and may wait.
    ///
    /// # Errors
    /// The file cannot be looked up.
    fn stamp(&self, path: &RepositoryPath) -> io::Result<Option<Stamp>>;

    /// As [`open`](Self::open), without blocking.
    fn open_later(self: Arc<Self>, path: &str) -> Later<OpenFile>
    where
        Self: 'static,
    {
        let path = path.to_owned();
        later(move || self.open(&path))
    }

    /// As [`stamp`](Self::stamp), without blocking.
    fn stamp_later(self: Arc<Self>, path: RepositoryPath) -> Later<Option<Stamp>>
    where
        Self: 'static,
    {
        later(move || self.stamp(&path))
    }

    /// Asks for files that are read next, all at once, where each would be a request of its own. May block.
    fn prefetch(&self, _paths: Vec<RepositoryPath>) {}

    /// The store of the files, which may block.
    fn store(&self) -> &dyn Store;

    /// Whether the repository can be reached: not where its disk is not mounted. May block.
    fn is_available(&self) -> bool;
}

/// What a source finds out.
pub(crate) type Later<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + Sync>>;

/// An open file, as its source reads it.
pub(crate) trait SourceFile: Send + Sync {
    /// Reads into the buffer without waiting.
    fn read_now(&self, from: u64, buffer: &mut [u8]) -> Option<io::Result<usize>>;

    /// All bytes, if the source has them in memory: they are not copied.
    fn bytes(&self) -> Option<Bytes> {
        None
    }

    /// Reads at most `size` bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    fn read(&self, from: u64, size: usize) -> io::Result<Vec<u8>>;

    /// As [`read`](Self::read), without blocking.
    fn read_later(self: Arc<Self>, from: u64, size: usize) -> Later<Vec<u8>>
    where
        Self: 'static,
    {
        later(move || self.read(from, size))
    }

    /// The stamp of the file as it is now.
    ///
    /// # Errors
    /// The file cannot be looked up.
    fn stamp(&self) -> io::Result<Stamp>;
}

/// A file that is open for one request. The request gets this file as a whole, even if a build replaces it meanwhile.
#[derive(Clone)]
pub(crate) struct OpenFile {
    file: Arc<dyn SourceFile>,
    stamp: Stamp,
    /// Nanoseconds since 1970: the last change of any kind.
    changed: i64,
}

/// What was learned by reading all bytes of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Examined {
    pub hash: blake3::Hash,
    /// Whether it begins with a private key.
    pub holds_key: bool,
}

/// In bytes: how much a thread that may block reads at once.
pub(crate) const CHUNK: usize = 256 * 1024;

/// In bytes: the largest file that is read whole on the threads that answer requests. Private keys are smaller.
const SMALL: usize = 64 * 1024;

/// What the log says of a file behind a link out of the directory.
pub(crate) const LEADS_OUT: &str =
    "a link leads out of the directory, and is not followed without --follow-links";

/// Opens a file.
///
/// # Errors
/// As of [`FileSource::open`].
pub(crate) async fn open(source: &Arc<dyn FileSource>, path: &str) -> io::Result<OpenFile> {
    if let Some(opened) = source.open_now(path) {
        return opened;
    }
    Arc::clone(source).open_later(path).await
}

/// The stamp of a file.
///
/// # Errors
/// As of [`FileSource::stamp`].
pub(crate) async fn stamp(
    source: &Arc<dyn FileSource>,
    path: RepositoryPath,
) -> io::Result<Option<Stamp>> {
    if let Some(found) = source.stamp_now(&path) {
        return found;
    }
    Arc::clone(source).stamp_later(path).await
}

/// Runs on a thread that may block.
fn later<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Later<T> {
    let working = spawn_blocking(work);
    Box::pin(async move { working.await.map_err(io::Error::other)? })
}

impl OpenFile {
    /// A file with the stamp and the time of its last change, in nanoseconds since 1970, that it has now.
    pub fn new(file: Arc<dyn SourceFile>, stamp: Stamp, changed: i64) -> Self {
        Self { file, stamp, changed }
    }

    /// The file, to be read.
    pub fn file(&self) -> &Arc<dyn SourceFile> {
        &self.file
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.stamp.size()
    }

    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The time of the last change of any kind, which no program can set.
    pub fn changed(&self) -> SystemTime {
        let since = Duration::from_nanos(self.changed.try_into().unwrap_or(0));
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }

    /// Whether the file is unchanged since it was opened.
    ///
    /// # Errors
    /// The file cannot be looked up.
    pub fn is_unchanged(&self) -> io::Result<bool> {
        Ok(self.file.stamp()? == self.stamp)
    }

    /// Reads up to `limit` bytes and one more. May block.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = limit.saturating_add(1);
        while let Some(room) = limit.checked_sub(bytes.len()).filter(|room| *room > 0) {
            let position = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let read = self.file.read(position, room.min(CHUNK))?;
            if read.is_empty() {
                break;
            }
            bytes.extend(read);
        }
        Ok(bytes)
    }

    /// Reads all bytes without waiting; `None` if the file is not small, or would have to be waited for.
    pub fn read_now(&self) -> Option<io::Result<Bytes>> {
        let size = usize::try_from(self.size()).ok().filter(|size| *size <= SMALL)?;
        if let Some(bytes) = self.file.bytes() {
            return Some(Ok(bytes));
        }
        let mut bytes = vec![0; size];
        match self.file.read_now(0, &mut bytes)? {
            Ok(read) if read < size => None,
            Ok(_) => Some(Ok(bytes.into())),
            Err(error) => Some(Err(error)),
        }
    }

    /// Examines all bytes without waiting; `None` as of [`read_now`](Self::read_now).
    pub fn examine_now(&self) -> Option<io::Result<Examined>> {
        Some(self.read_now()?.map(|bytes| Examined {
            hash: blake3::hash(&bytes),
            holds_key: begins_with_key(&bytes),
        }))
    }

    /// Reads all bytes. May block.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn examine(&self) -> io::Result<Examined> {
        let mut hasher = blake3::Hasher::new();
        let (mut position, mut holds_key) = (0_u64, false);
        while let Some(rest) = self.size().checked_sub(position).filter(|rest| *rest > 0) {
            let room = rest.try_into().unwrap_or(CHUNK).min(CHUNK);
            let bytes = self.file.read(position, room)?;
            if bytes.is_empty() {
                break;
            }
            if position == 0 {
                holds_key = begins_with_key(bytes.get(..SMALL).unwrap_or(&bytes));
            }
            hasher.update(&bytes);
            position = position.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        }
        Ok(Examined { hash: hasher.finalize(), holds_key })
    }
}
