//! The bytes of an open file as tower-http reads them, which makes parts and lengths of them.

use std::future;
use std::io::{self, SeekFrom};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower_http::services::fs as http;

use crate::serve::files::source::{CHUNK, Later, OpenFile};

/// The size of an open file, for tower-http.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileSize(u64);

/// A reader of an open file.
pub(crate) struct FileReader {
    opened: OpenFile,
    /// The position of the next byte to be read from the file.
    position: u64,
    /// The read that is waited for.
    reading: Option<Later<Vec<u8>>>,
    /// The bytes that it has read, and that were not taken yet.
    read: Bytes,
}

/// tower-http opens a file by a path; here it gets the file that is open already.
impl http::Backend for OpenFile {
    type File = FileReader;
    type Metadata = FileSize;
    type OpenFuture = future::Ready<io::Result<FileReader>>;
    type MetadataFuture = future::Ready<io::Result<FileSize>>;

    fn open(&self, _: PathBuf) -> Self::OpenFuture {
        let opened = self.clone();
        future::ready(Ok(FileReader { opened, position: 0, reading: None, read: Bytes::new() }))
    }

    fn metadata(&self, _: PathBuf) -> Self::MetadataFuture {
        future::ready(Ok(FileSize(self.size())))
    }
}

impl FileReader {
    fn advance(&mut self, read: usize) {
        self.position = self.position.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
}

impl http::Metadata for FileSize {
    fn is_dir(&self) -> bool {
        // No source opens a folder.
        false
    }

    /// Without a time, tower-http makes no entity tag and evaluates no condition: `preconditions.rs` does.
    fn modified(&self) -> io::Result<SystemTime> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn len(&self) -> u64 {
        self.0
    }
}

impl http::File for FileReader {
    type Metadata = FileSize;
    type MetadataFuture<'a> = future::Ready<io::Result<FileSize>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        future::ready(Ok(FileSize(self.opened.size())))
    }
}

impl AsyncRead for FileReader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(reading) = &mut this.reading {
            let read = ready!(reading.as_mut().poll(context));
            this.reading = None;
            this.read = read?.into();
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
        // Bytes that were appended later do not belong to the length that the head names.
        let rest = this.opened.size().saturating_sub(this.position);
        let room = buffer.remaining().min(rest.try_into().unwrap_or(usize::MAX));
        if room == 0 {
            return Poll::Ready(Ok(()));
        }
        let file = this.opened.file();
        if let Some(read) = file.read_now(this.position, buffer.initialize_unfilled_to(room)) {
            let read = read?;
            buffer.advance(read);
            this.advance(read);
            return Poll::Ready(Ok(()));
        }
        let from = this.position;
        this.reading = Some(Arc::clone(file).read_later(from, room.min(CHUNK)));
        Pin::new(this).poll_read(context, buffer)
    }
}

impl AsyncSeek for FileReader {
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
