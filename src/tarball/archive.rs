//! A tar archive as a tool reads it that will sign what it read.
//!
//! The `tar` crate reads the fields of a header; the walk from one to the next is ours, because
//! lenient readers disagree. Where two of Hex, GNU tar and the others could see different entries, or
//! one of them none, this one refuses: sizes given twice, entries named twice over, bytes in padding
//! or after the end, numbers that are none, sparse files. Names are reported, not judged; that is for
//! whoever knows what the archive is.

mod entry;
mod error;
mod extension;
mod header;

pub use entry::ArchiveEntry;
pub use error::ArchiveError;

pub(crate) use entry::is_file;

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
                    // Hex spends what was said of the next entry on this header.
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

    /// The bytes that follow a header; steps past them and their padding.
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

/// Piece by piece, without looking for the place within one: a processor does that many bytes at a time.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(BLOCK).all(|chunk| chunk.iter().fold(0, |sum, byte| sum | byte) == 0)
}

/// An archive ends in two empty blocks; writers may go on with zeros up to their record size, and some wrote
/// one block alone, where every reader ends as well.
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
