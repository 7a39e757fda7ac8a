//! The header before an entry, if all readers read it alike.

use std::borrow::Cow;

use tar::EntryType;

use super::ArchiveError;

/// The size of a header, in bytes; data is padded to a multiple of it.
pub(super) const BLOCK: usize = 512;

/// The fields of a header that matter.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub path: Cow<'a, str>,
    pub link: Cow<'a, str>,
    pub kind: EntryType,
    pub executable: bool,
    pub size: usize,
}

impl<'a> Header<'a> {
    /// Reads the header that begins at `offset`.
    pub fn read(block: &'a [u8; BLOCK], offset: usize) -> Result<Self, ArchiveError> {
        let header = tar::Header::from_byte_slice(block);
        // The checksum is computed with spaces in its own field.
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let others = sum(block).saturating_sub(sum(&header.as_old().cksum));
        let computed = others.saturating_add(sum(b"        "));
        if header.cksum().ok() != Some(computed) {
            return Err(match offset {
                0 => ArchiveError::NotTar,
                _ => ArchiveError::DamagedHeader { offset },
            });
        }
        let bad = |problem| ArchiveError::BadHeader { offset, problem };
        check_format(block).map_err(bad)?;
        check_numbers(header).map_err(bad)?;
        let size = header.entry_size().ok().and_then(|size| usize::try_from(size).ok());
        let link = header.link_name_bytes().unwrap_or_default();
        Ok(Self {
            path: text(header.path_bytes()).map_err(bad)?,
            link: text(link).map_err(bad)?,
            kind: header.entry_type(),
            executable: header.mode().is_ok_and(|mode| mode & 0o111 != 0),
            size: size.ok_or_else(|| bad("has a size that is no octal number"))?,
        })
    }
}

/// Checks the format. Readers identify it by the magic bytes and disagree on unknown ones, and so on the field in which a
/// long name continues.
fn check_format(block: &[u8; BLOCK]) -> Result<(), &'static str> {
    let magic = block.get(257..265).unwrap_or_default();
    let extends = matches!(block.get(156), Some(b'x' | b'g' | b'L' | b'K'));
    let trailer = block.get(508..512);
    match magic {
        // Some readers take such an entry for a file.
        [0, 0, 0, 0, 0, 0, 0, 0] if extends => Err("extends another in a format that cannot"),
        // The format before POSIX has no fields after the link's name.
        [0, 0, 0, 0, 0, 0, 0, 0] => Ok(()),
        b"ustar\x0000" if trailer == Some(b"tar\0") => Err("is in the format of star"),
        b"ustar\x0000" | b"ustar  \0" => Ok(()),
        _ => Err("is in an unknown format: expected v7, ustar, PAX or GNU"),
    }
}

/// Numbers must be octal digits, with spaces before them and zeros or spaces after them. Readers disagree on base-256,
/// signs and anything else.
fn check_numbers(header: &tar::Header) -> Result<(), &'static str> {
    let old = header.as_old();
    if !is_octal(&old.size) || !old.size.iter().any(u8::is_ascii_digit) {
        return Err("has a size that is no octal number");
    }
    let others: [&[u8]; 5] = [&old.mode, &old.uid, &old.gid, &old.mtime, &old.cksum];
    if others.into_iter().all(is_octal) {
        Ok(())
    } else {
        Err("has a field that is no octal number")
    }
}

fn is_octal(field: &[u8]) -> bool {
    let mut rest = field.iter().skip_while(|byte| **byte == b' ');
    let after = rest.by_ref().find(|byte| !matches!(byte, b'0'..=b'7'));
    after.into_iter().chain(rest).all(|byte| matches!(byte, 0 | b' '))
}

/// The text of a name. Hex refuses names that are not UTF-8.
fn text(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, &'static str> {
    const PROBLEM: &str = "has a name that is not UTF-8";
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| PROBLEM),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| PROBLEM),
    }
}
