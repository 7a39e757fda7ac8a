//! Files as tower-http serves them: what the kernel has at hand is read at once, and only what it would
//! have to wait for is left to another thread.
//!
//! A registry is small and mostly in memory, and handing a request to another thread and back costs
//! more than reading `packages/NAME`. Linux can be asked to answer only if it need not wait
//! (`openat2` with `RESOLVE_CACHED`, `preadv2` with `RWF_NOWAIT`); elsewhere every call goes to another
//! thread.

use std::fs;
use std::future::{self, Future};
use std::io::{self, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tokio::task::{JoinHandle, spawn_blocking};
use tower_http::services::fs as http;

use crate::beneath::OpenRoot;
use crate::private_key_scan::begins_with_key;
use crate::store::{self, Stamp};

/// A file that was opened for one request: whoever has it goes on with it, whole, after a build has put
/// another in its place. tower-http asks for it by a path, which does not matter.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    file: Arc<fs::File>,
    stamp: Stamp,
    /// Nanoseconds since 1970 of the last change of any kind, which no program can set.
    changed: i64,
}

/// What tower-http asks of a file, and belongs to the very file that is then read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metadata {
    size: u64,
}

/// A file as it is read.
#[derive(Debug)]
pub(crate) struct File {
    opened: Opened,
    /// Where the next byte is asked of the file.
    position: u64,
    /// What another thread is reading.
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
    /// What it has read, as far as nobody has taken it yet.
    read: Bytes,
}

/// In bytes: how much another thread reads at once.
const CHUNK: usize = 256 * 1024;

/// In bytes: how large a file may be that is read on the spot for its digest. Hardly any private key is larger.
const SMALL: usize = 64 * 1024;

/// What the log says of a file that only a link out of the directory leads to.
pub(crate) const LEADS_OUT: &str =
    "a link leads out of the directory, and is not followed without --follow-links";

/// What the bytes of a file are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Examined {
    pub hash: blake3::Hash,
    /// Whether it begins with a private key.
    pub holds_key: bool,
}

impl Opened {
    /// Opens a file below a directory, and looks at it.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::NotFound`] for what is no file;
    /// [`LeadsOut`](crate::store::LeadsOut).
    pub async fn open(root: &OpenRoot, path: &str) -> io::Result<Self> {
        let file = if let Some(opened) = root.open_cached(path.as_ref()) {
            opened?
        } else {
            let (root, path) = (root.root().clone(), PathBuf::from(path));
            let opening = spawn_blocking(move || root.open(&path));
            opening.await.map_err(io::Error::other)??
        };
        let found = file.metadata()?;
        // A pipe or a device could be read for ever.
        if !found.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let changed =
            found.ctime().saturating_mul(1_000_000_000).saturating_add(found.ctime_nsec());
        Ok(Self { file: Arc::new(file), stamp: store::stamp(&found), changed })
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.stamp.size()
    }

    /// By which the file is known again.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// When it was changed last, by any change, which no program can set.
    pub fn changed(&self) -> SystemTime {
        let since = Duration::from_nanos(self.changed.try_into().unwrap_or(0));
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }

    /// Whether the file is unchanged since it was opened.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_unchanged(&self) -> io::Result<bool> {
        Ok(store::stamp(&self.file.metadata()?) == self.stamp)
    }

    /// Its bytes, up to `limit` and one more, for which this may wait.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(&self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = limit.saturating_add(1);
        while let Some(room) = limit.checked_sub(bytes.len()).filter(|room| *room > 0) {
            let position = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let read = read_at(&self.file, position, room.min(CHUNK))?;
            if read.is_empty() {
                break;
            }
            bytes.extend(read);
        }
        Ok(bytes)
    }

    /// What its bytes are, where they are few and need not be waited for.
    pub fn examine_now(&self) -> Option<io::Result<Examined>> {
        let size = usize::try_from(self.size()).ok().filter(|size| *size <= SMALL)?;
        let mut bytes = vec![0; size];
        match now::read(&self.file, 0, &mut bytes)? {
            Ok(read) if read < size => None,
            Ok(_) => {
                let hash = blake3::hash(&bytes);
                Some(Ok(Examined { hash, holds_key: begins_with_key(&bytes) }))
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// What its bytes are, all of which are read.
    ///
    /// # Errors
    /// What the system says.
    pub fn examine(&self) -> io::Result<Examined> {
        let mut hasher = blake3::Hasher::new();
        let (mut position, mut holds_key) = (0_u64, false);
        while let Some(rest) = self.size().checked_sub(position).filter(|rest| *rest > 0) {
            let room = rest.try_into().unwrap_or(CHUNK).min(CHUNK);
            let bytes = read_at(&self.file, position, room)?;
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

    fn metadata(&self) -> Metadata {
        Metadata { size: self.size() }
    }
}

impl http::Backend for Opened {
    type File = File;
    type Metadata = Metadata;
    type OpenFuture = future::Ready<io::Result<File>>;
    type MetadataFuture = future::Ready<io::Result<Metadata>>;

    fn open(&self, _: PathBuf) -> Self::OpenFuture {
        let opened = self.clone();
        future::ready(Ok(File { opened, position: 0, reading: None, read: Bytes::new() }))
    }

    fn metadata(&self, _: PathBuf) -> Self::MetadataFuture {
        future::ready(Ok(self.metadata()))
    }
}

impl File {
    fn advance(&mut self, read: usize) {
        self.position = self.position.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
}

impl http::Metadata for Metadata {
    fn is_dir(&self) -> bool {
        // None is ever opened.
        false
    }

    /// Without one, it makes no tag and weighs no condition: `preconditions.rs` does.
    fn modified(&self) -> io::Result<SystemTime> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn len(&self) -> u64 {
        self.size
    }
}

impl http::File for File {
    type Metadata = Metadata;
    type MetadataFuture<'a> = future::Ready<io::Result<Metadata>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        future::ready(Ok(self.opened.metadata()))
    }
}

impl AsyncRead for File {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(reading) = &mut this.reading {
            let read = ready!(Pin::new(reading).poll(context));
            this.reading = None;
            this.read = read.map_err(io::Error::other)??.into();
            this.advance(this.read.len());
            if this.read.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        if !this.read.is_empty() {
            let taken = this.read.split_to(this.read.len().min(buffer.remaining()));
            buffer.put_slice(&taken);
            return Poll::Ready(Ok(()));
        }
        // What was written to it since is not what its head was made of.
        let rest = this.opened.size().saturating_sub(this.position);
        let room = buffer.remaining().min(rest.try_into().unwrap_or(usize::MAX));
        if room == 0 {
            return Poll::Ready(Ok(()));
        }
        if let Some(read) =
            now::read(&this.opened.file, this.position, buffer.initialize_unfilled_to(room))
        {
            let read = read?;
            buffer.advance(read);
            this.advance(read);
            return Poll::Ready(Ok(()));
        }
        let (file, from) = (Arc::clone(&this.opened.file), this.position);
        this.reading = Some(spawn_blocking(move || read_at(&file, from, room.min(CHUNK))));
        Pin::new(this).poll_read(context, buffer)
    }
}

impl AsyncSeek for File {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let this = self.get_mut();
        let (from, by) = match position {
            SeekFrom::Start(position) => (position, 0),
            SeekFrom::Current(by) => (this.position, by),
            SeekFrom::End(by) => (this.opened.size(), by),
        };
        this.position = from.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput)?;
        (this.reading, this.read) = (None, Bytes::new());
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.position))
    }
}

fn read_at(file: &fs::File, from: u64, size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    let read = file.read_at(&mut bytes, from)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// What need not be waited for: `None` where it would have to be, or where that cannot be asked.
#[cfg(target_os = "linux")]
mod now {
    use std::fs::File;
    use std::io::{self, IoSliceMut};

    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    pub fn read(file: &File, from: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let mut buffers = [IoSliceMut::new(buffer)];
        match preadv2(file, &mut buffers, from, ReadWriteFlags::NOWAIT) {
            Ok(read) => Some(Ok(read)),
            // Not every file system can be asked.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod now {
    use std::fs::File;
    use std::io;

    pub fn read(_: &File, _: u64, _: &mut [u8]) -> Option<io::Result<usize>> {
        None
    }
}
