//! Reads a tar archive strictly: an archive that two readers could read differently must not be signed.
//!
//! The `tar` crate reads the fields of a header; the walk from one header to the next is ours, because lenient readers
//! disagree. An archive is refused if Hex, GNU tar and others could see different entries in it, or if one of them could
//! see none: two sizes or names of one entry, bytes in padding or after the end, invalid numbers, sparse files. Names are
//! not judged here; the caller does that.

mod entry;
mod error;
mod extension;
mod header;
mod stream;

pub use entry::ArchiveEntry;
pub use error::ArchiveError;

pub(crate) use entry::is_file;
pub(crate) use stream::{EntryStream, StreamError};

use tar::EntryType;

use extension::Extension;
use header::{BLOCK, Header};

/// Walks the entries of a tar archive that lies in memory, up to the first fault.
///
/// This is how a tarball is read and, inflated, its contents: what other readers could take for another
/// archive is refused. Names are as they are written, and may lead anywhere.
///
/// ```
/// let packed = hexreg::tarball::create("", &[])?;
/// let paths: Vec<String> = hexreg::tarball::entries(&packed)
///     .map(|entry| Ok(entry?.path.into_owned()))
///     .collect::<Result<_, hexreg::tarball::ArchiveError>>()?;
/// assert_eq!(paths, ["VERSION", "CHECKSUM", "metadata.config", "contents.tar.gz"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = Result<ArchiveEntry<'_>, ArchiveError>> {
    let mut walk = Walk { bytes, offset: 0 };
    std::iter::from_fn(move || {
        let step = walk.next_entry().transpose();
        if matches!(step, Some(Err(_))) {
            walk.offset = usize::MAX;
        }
        step
    })
}

struct Walk<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Walk<'a> {
    fn next_entry(&mut self) -> Result<Option<ArchiveEntry<'a>>, ArchiveError> {
        let mut extension = Extension::default();
        loop {
            let offset = self.offset;
            let Some(rest) = self.bytes.get(offset..) else {
                return Ok(None);
            };
            let Some(block) = rest.first_chunk::<BLOCK>() else {
                return Err(self.too_short(rest));
            };
            if is_zero(block) {
                extension.expect_none()?;
                self.offset = usize::MAX;
                return check_end(rest).map(|()| None);
            }
            let header = Header::read(block, offset)?;
            let data = self.data(&header)?;
            match header.kind {
                EntryType::XHeader => extension.apply_pax(offset, data)?,
                EntryType::GNULongName => extension.apply_long_name(offset, data)?,
                EntryType::GNULongLink => extension.apply_long_link(offset, data)?,
                EntryType::XGlobalHeader => {
                    // Hex applies an extension of the next entry to this header instead.
                    extension.expect_none()?;
                    extension::check_global_pax(offset, data)?;
                }
                _ => return extension.complete(header, data).map(Some),
            }
        }
    }

    fn too_short(&self, rest: &[u8]) -> ArchiveError {
        match (self.bytes, rest) {
            ([], _) => ArchiveError::Empty,
            (_, []) => ArchiveError::TruncatedEnd,
            _ if self.offset == 0 => ArchiveError::NotTar,
            _ => ArchiveError::TruncatedEntry("a header".to_owned()),
        }
    }

    /// The data after a header. Moves the offset to the next header.
    fn data(&mut self, header: &Header<'_>) -> Result<&'a [u8], ArchiveError> {
        let truncated = || ArchiveError::TruncatedEntry(format!("{:?}", header.path));
        let start = self.offset.saturating_add(BLOCK);
        let end = start.checked_add(header.size).ok_or_else(truncated)?;
        let next = end.checked_next_multiple_of(BLOCK).ok_or_else(truncated)?;
        let data = self.bytes.get(start..end).ok_or_else(truncated)?;
        let padding = self.bytes.get(end..next).ok_or_else(truncated)?;
        if !is_zero(padding) {
            return Err(ArchiveError::DirtyPadding(header.path.to_string()));
        }
        self.offset = next;
        Ok(data)
    }
}

/// Compares block by block. Within a block there is no early exit, so that the compiler uses vector instructions.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(BLOCK).all(|chunk| chunk.iter().fold(0, |sum, byte| sum | byte) == 0)
}

/// Checks the end of the archive: two empty blocks. Writers may add zeros up to their record size. Some write one block
/// only, at which every reader ends as well.
fn check_end(rest: &[u8]) -> Result<(), ArchiveError> {
    let after_one = rest.get(BLOCK..).unwrap_or_default();
    if after_one.is_empty() {
        return Ok(());
    }
    let Some(after_both) = after_one.get(BLOCK..) else {
        return Err(ArchiveError::TruncatedEnd);
    };
    if is_zero(after_one) {
        return Ok(());
    }
    let is_marked = after_one.first_chunk::<BLOCK>().is_some_and(|block| is_zero(block));
    let trailing = if is_marked { after_both } else { after_one };
    Err(ArchiveError::TrailingBytes(trailing.len()))
}
