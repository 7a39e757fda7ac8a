//! Walks an archive that is read piece by piece, as strictly as one that lies in memory. The data of files is read and
//! dropped.

use std::io::{self, Read};

use tar::EntryType;

use super::entry::is_file;
use super::error::ArchiveError;
use super::extension::{self, Extension};
use super::header::{BLOCK, Header};

/// In bytes: the longest extended header. A path of 4096 bytes and a dozen of other records fit.
const MAX_EXTENSION: usize = 64 << 10;

/// The most extended headers of one entry: one of PAX, and a long name and a long link of GNU tar.
const MAX_EXTENSIONS: usize = 3;

/// An entry, with its data if that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamedEntry {
    /// The path as written in the archive.
    pub path: String,
    /// The type of the entry.
    pub kind: EntryType,
    /// The data, if it is kept.
    pub data: Option<Vec<u8>>,
}

/// Why an archive cannot be walked.
#[derive(Debug)]
pub(crate) enum StreamError {
    /// The stream cannot be read.
    Read(io::Error),
    /// It is not an archive with one reading.
    Archive(ArchiveError),
}

impl From<ArchiveError> for StreamError {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

/// The entries of an archive.
pub(crate) struct EntryStream<R> {
    reader: R,
    /// The position in the archive.
    offset: usize,
}

/// An extended header and its data.
struct ExtendedHeader {
    kind: EntryType,
    offset: usize,
    data: Vec<u8>,
}

impl<R: Read> EntryStream<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, offset: 0 }
    }

    /// The reader, at the position that was reached.
    pub fn into_reader(self) -> R {
        self.reader
    }

    /// The next entry; `None` at the end, once the rest of the stream was read. Not to be called after an error.
    /// It has its data if `keeps` says so of its path and size.
    pub fn next_entry(
        &mut self,
        keeps: impl Fn(&str, usize) -> bool,
    ) -> Result<Option<StreamedEntry>, StreamError> {
        let mut extended: Vec<ExtendedHeader> = Vec::new();
        loop {
            let offset = self.offset;
            let block = self.header_block()?;
            if is_zero(&block) {
                apply(&extended)?.expect_none()?;
                return self.check_end().map(|()| None);
            }
            let header = Header::read(&block, offset)?;
            let is_extended = matches!(
                header.kind,
                EntryType::XHeader
                    | EntryType::GNULongName
                    | EntryType::GNULongLink
                    | EntryType::XGlobalHeader
            );
            if !is_extended {
                let (path, size) = (header.path.to_string(), header.size);
                // Of the data, only whether there is some matters here.
                let data: &[u8] = if size > 0 { &[0] } else { &[] };
                let entry = apply(&extended)?.complete(header, data)?;
                let (kind, full) = (entry.kind, entry.path.into_owned());
                let data = if is_file(kind) && keeps(&full, size) {
                    let mut data = vec![0; size];
                    self.fill(&mut data, &path)?;
                    self.padding(size, &path)?;
                    Some(data)
                } else {
                    self.skip(size, &path)?;
                    None
                };
                return Ok(Some(StreamedEntry { path: full, kind, data }));
            }
            let bad = |problem| ArchiveError::BadHeader { offset, problem };
            if header.size > MAX_EXTENSION {
                return Err(bad("is an extended header of more than 64 KiB").into());
            }
            let (kind, path) = (header.kind, header.path.to_string());
            let mut data = vec![0; header.size];
            self.fill(&mut data, &path)?;
            self.padding(header.size, &path)?;
            if kind == EntryType::XGlobalHeader {
                apply(&extended)?.expect_none()?;
                extension::check_global_pax(offset, &data)?;
                continue;
            }
            if extended.len() == MAX_EXTENSIONS {
                return Err(bad("is the fourth extended header of one entry").into());
            }
            extended.push(ExtendedHeader { kind, offset, data });
        }
    }

    /// The block of the next header. The archive must not end before it.
    fn header_block(&mut self) -> Result<[u8; BLOCK], StreamError> {
        let mut block = [0; BLOCK];
        let start = self.offset;
        let read = self.read_some(&mut block)?;
        match read {
            BLOCK => Ok(block),
            0 if start == 0 => Err(ArchiveError::Empty.into()),
            0 => Err(ArchiveError::TruncatedEnd.into()),
            _ if start == 0 => Err(ArchiveError::NotTar.into()),
            _ => Err(ArchiveError::TruncatedEntry("a header".to_owned()).into()),
        }
    }

    /// Reads and drops the data of an entry, and what fills its last block up.
    fn skip(&mut self, size: usize, path: &str) -> Result<(), StreamError> {
        let mut buffer = [0; 16 * BLOCK];
        let mut left = size;
        while left > 0 {
            let room = left.min(buffer.len());
            let buffer = buffer.get_mut(..room).unwrap_or_default();
            self.fill(buffer, path)?;
            left = left.saturating_sub(room);
        }
        self.padding(size, path)
    }

    /// Reads what fills up the last block of `size` bytes.
    fn padding(&mut self, size: usize, path: &str) -> Result<(), StreamError> {
        let truncated = || ArchiveError::TruncatedEntry(format!("{path:?}"));
        let whole = size.checked_next_multiple_of(BLOCK).ok_or_else(truncated)?;
        let mut padding = [0; BLOCK];
        let padding = padding.get_mut(..whole.saturating_sub(size)).unwrap_or_default();
        self.fill(padding, path)?;
        if is_zero(padding) {
            Ok(())
        } else {
            Err(ArchiveError::DirtyPadding(path.to_owned()).into())
        }
    }

    /// Reads the rest of the stream after the first empty block: see `check_end` in `archive.rs`.
    fn check_end(&mut self) -> Result<(), StreamError> {
        let mut buffer = [0; 16 * BLOCK];
        let (mut rest, mut first_other) = (0_usize, None);
        loop {
            let read = self.read_some(&mut buffer)?;
            let bytes = buffer.get(..read).unwrap_or_default();
            if first_other.is_none() {
                let other = bytes.iter().position(|byte| *byte != 0);
                first_other = other.map(|index| rest.saturating_add(index));
            }
            rest = rest.saturating_add(read);
            if read < buffer.len() {
                break;
            }
        }
        if rest > 0 && rest < BLOCK {
            return Err(ArchiveError::TruncatedEnd.into());
        }
        match first_other {
            None => Ok(()),
            // The archive ends after the second empty block, or after the first one.
            Some(index) if index >= BLOCK => {
                Err(ArchiveError::TrailingBytes(rest.saturating_sub(BLOCK)).into())
            }
            Some(_) => Err(ArchiveError::TrailingBytes(rest).into()),
        }
    }

    /// Fills the buffer.
    fn fill(&mut self, buffer: &mut [u8], path: &str) -> Result<(), StreamError> {
        let wanted = buffer.len();
        if self.read_some(buffer)? == wanted {
            Ok(())
        } else {
            Err(ArchiveError::TruncatedEntry(format!("{path:?}")).into())
        }
    }

    /// Reads until the buffer is full or the stream ends.
    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        let mut filled = 0_usize;
        while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.reader.read(room) {
                Ok(0) => break,
                Ok(read) => filled = filled.saturating_add(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StreamError::Read(error)),
            }
        }
        self.offset = self.offset.saturating_add(filled);
        Ok(filled)
    }
}

fn apply(headers: &[ExtendedHeader]) -> Result<Extension<'_>, ArchiveError> {
    let mut extension = Extension::default();
    for ExtendedHeader { kind, offset, data } in headers {
        match kind {
            EntryType::GNULongName => extension.apply_long_name(*offset, data)?,
            EntryType::GNULongLink => extension.apply_long_link(*offset, data)?,
            _ => extension.apply_pax(*offset, data)?,
        }
    }
    Ok(extension)
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
