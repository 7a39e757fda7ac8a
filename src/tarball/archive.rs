//! A tar archive as a tool reads it that will sign what it read.
//!
//! The `tar` crate reads the headers; the walk from one to the next is ours, because lenient readers
//! disagree. Where two of them could see different entries, this one refuses: sizes that PAX and the
//! header give differently, an entry named twice over, bytes in padding or after the end, sparse
//! files. Names are reported, not judged; that is for whoever knows what the archive is.

use std::borrow::Cow;

use tar::{EntryType, Header};

const BLOCK: usize = 512;

/// One entry, with extended headers applied.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Its path, as it is written.
    pub path: Cow<'a, [u8]>,
    /// Whether an extended header gave it another path than its own header does.
    pub renamed: bool,
    /// What it is.
    pub kind: EntryType,
    /// Where it points, for both kinds of link.
    pub link: Cow<'a, [u8]>,
    /// Its bytes; none unless it is a file.
    pub data: &'a [u8],
}

/// Why bytes are no tar archive, or one with more than one reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// There are no bytes.
    #[error("it is empty (0 bytes)")]
    Empty,
    /// It does not begin with a tar header.
    #[error("it is not a tar archive")]
    NotTar,
    /// It ends in the middle of an entry.
    #[error("it is truncated: it ends within {0}")]
    TruncatedEntry(String),
    /// It ends without the two empty blocks that end an archive.
    #[error("it is truncated: the end-of-archive marker is missing")]
    TruncatedEnd,
    /// A header does not match its own checksum.
    #[error("it is damaged: no tar header at byte {offset}, where one was expected")]
    DamagedHeader {
        /// Where the header begins.
        offset: usize,
    },
    /// A size is not an octal number.
    #[error("it is damaged: the size of {0} is not a number")]
    BadSize(String),
    /// There are bytes between an entry's end and the next header.
    #[error("bytes other than zero fill up the last block of {0}")]
    DirtyPadding(String),
    /// There are bytes after the end-of-archive marker.
    #[error("{0} bytes follow the end of the archive")]
    TrailingBytes(usize),
    /// PAX and the header disagree, so that readers would see different entries.
    #[error("the size of {entry} is {pax} in its PAX header and {header} in its tar header")]
    SizesDisagree {
        /// The entry's path.
        entry: String,
        /// As the PAX header has it.
        pax: String,
        /// As the tar header has it, in bytes.
        header: u64,
    },
    /// An extended header is malformed, comes twice or belongs to nothing.
    #[error("the extended header at byte {offset} {problem}")]
    BadExtension {
        /// Where the header begins.
        offset: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A link, directory or device claims to have contents.
    #[error("{0} is not a file, yet it has a size")]
    SizeWithoutFile(String),
}

/// A path for messages: quoted, control characters escaped.
pub(crate) fn shown(path: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(path))
}

/// Walks the entries of an archive that lies in memory.
pub(crate) fn entries(bytes: &[u8]) -> impl Iterator<Item = Result<Entry<'_>, ArchiveError>> {
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

/// What extended headers say of the entry that follows them.
#[derive(Default)]
struct Extension<'a> {
    /// Where the last of them begins.
    offset: Option<usize>,
    path: Option<&'a [u8]>,
    link: Option<&'a [u8]>,
    size: Option<&'a [u8]>,
}

impl<'a> Walk<'a> {
    fn next_entry(&mut self) -> Result<Option<Entry<'a>>, ArchiveError> {
        let mut extension = Extension::default();
        loop {
            let offset = self.offset;
            let Some(rest) = self.bytes.get(offset..) else {
                return Ok(None);
            };
            let Some(block) = rest.get(..BLOCK) else {
                return Err(self.too_short(rest));
            };
            if block.iter().all(|byte| *byte == 0) {
                if let Some(offset) = extension.offset {
                    return Err(bad_extension(offset, "belongs to no entry"));
                }
                self.offset = usize::MAX;
                return check_end(rest).map(|()| None);
            }
            let header = self.header(block)?;
            let data = self.data(header)?;
            match header.entry_type() {
                EntryType::XHeader => extension.apply_pax(offset, data)?,
                EntryType::XGlobalHeader => check_global_pax(offset, data)?,
                EntryType::GNULongName => extension.apply_long_name(offset, data)?,
                EntryType::GNULongLink => extension.apply_long_link(offset, data)?,
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

    fn header(&self, block: &'a [u8]) -> Result<&'a Header, ArchiveError> {
        let header = Header::from_byte_slice(block);
        // The checksum field counts as eight spaces.
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let computed = sum(block) - sum(&header.as_old().cksum) + 8 * u32::from(b' ');
        if header.cksum().ok() == Some(computed) {
            Ok(header)
        } else if self.offset == 0 {
            Err(ArchiveError::NotTar)
        } else {
            Err(ArchiveError::DamagedHeader { offset: self.offset })
        }
    }

    /// The bytes that follow a header; steps past them and their padding.
    fn data(&mut self, header: &Header) -> Result<&'a [u8], ArchiveError> {
        let entry = || shown(&header.path_bytes());
        let size = size(header).ok_or_else(|| ArchiveError::BadSize(entry()))?;
        let truncated = || ArchiveError::TruncatedEntry(entry());
        let start = self.offset.saturating_add(BLOCK);
        let end = start.checked_add(size).ok_or_else(truncated)?;
        let next = end.checked_next_multiple_of(BLOCK).ok_or_else(truncated)?;
        let data = self.bytes.get(start..end).ok_or_else(truncated)?;
        let padding = self.bytes.get(end..next).ok_or_else(truncated)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(ArchiveError::DirtyPadding(entry()));
        }
        self.offset = next;
        Ok(data)
    }
}

/// The size field: base-256, or octal digits and nothing else. The tar crate would take a sign too.
fn size(header: &Header) -> Option<usize> {
    let field = &header.as_old().size;
    let is_binary = field.first().is_some_and(|first| first & 0x80 != 0);
    let is_octal = || {
        let digits = field.trim_ascii_start();
        let end = digits.iter().position(|byte| matches!(byte, 0 | b' '));
        let (digits, rest) = digits.split_at(end.unwrap_or(digits.len()));
        digits.iter().all(|byte| matches!(byte, b'0'..=b'7'))
            && rest.iter().all(|byte| matches!(byte, 0 | b' '))
    };
    if !is_binary && !is_octal() {
        return None;
    }
    usize::try_from(header.entry_size().ok()?).ok()
}

/// An archive ends in two empty blocks; writers may go on with zeros up to their record size.
fn check_end(rest: &[u8]) -> Result<(), ArchiveError> {
    if rest.len() < 2 * BLOCK {
        return Err(ArchiveError::TruncatedEnd);
    }
    match rest.iter().position(|byte| *byte != 0) {
        Some(first) if first < 2 * BLOCK => Err(ArchiveError::TrailingBytes(rest.len() - BLOCK)),
        Some(_) => Err(ArchiveError::TrailingBytes(rest.len() - 2 * BLOCK)),
        None => Ok(()),
    }
}

fn bad_extension(offset: usize, problem: &'static str) -> ArchiveError {
    ArchiveError::BadExtension { offset, problem }
}

impl<'a> Extension<'a> {
    /// The entry, once its own header is reached.
    fn complete(self, header: &'a Header, data: &'a [u8]) -> Result<Entry<'a>, ArchiveError> {
        let own_path = header.path_bytes();
        let path = self.path.map_or_else(|| own_path.clone(), Cow::Borrowed);
        let link = match self.link {
            Some(link) => Cow::Borrowed(link),
            None => header.link_name_bytes().unwrap_or_default(),
        };
        if let Some(size) = self.size {
            let header_size = data.len() as u64;
            if std::str::from_utf8(size).ok().and_then(|size| size.parse().ok())
                != Some(header_size)
            {
                return Err(ArchiveError::SizesDisagree {
                    entry: shown(&path),
                    pax: String::from_utf8_lossy(size).into_owned(),
                    header: header_size,
                });
            }
        }
        let kind = header.entry_type();
        if !data.is_empty() && !is_file(kind) {
            return Err(ArchiveError::SizeWithoutFile(shown(&path)));
        }
        Ok(Entry { renamed: path != own_path, path, kind, link, data })
    }

    fn apply_pax(&mut self, offset: usize, data: &'a [u8]) -> Result<(), ArchiveError> {
        self.offset = Some(offset);
        for record in (PaxRecords { rest: data }) {
            let (key, value) = record.ok_or_else(|| bad_extension(offset, "is malformed"))?;
            let field = match key {
                b"path" => &mut self.path,
                b"linkpath" => &mut self.link,
                b"size" => &mut self.size,
                sparse if sparse.starts_with(b"GNU.sparse.") => {
                    return Err(bad_extension(offset, "describes a sparse file"));
                }
                _ => continue,
            };
            set_once(field, value, offset)?;
        }
        Ok(())
    }

    fn apply_long_name(&mut self, offset: usize, data: &'a [u8]) -> Result<(), ArchiveError> {
        self.offset = Some(offset);
        set_once(&mut self.path, gnu_text(offset, data)?, offset)
    }

    fn apply_long_link(&mut self, offset: usize, data: &'a [u8]) -> Result<(), ArchiveError> {
        self.offset = Some(offset);
        set_once(&mut self.link, gnu_text(offset, data)?, offset)
    }
}

/// Whether an entry of this kind may have bytes of its own.
pub(crate) fn is_file(kind: EntryType) -> bool {
    // A contiguous file ('7') is an ordinary file to everybody today.
    kind.is_file() || kind.is_contiguous()
}

fn set_once<'a>(
    field: &mut Option<&'a [u8]>,
    value: &'a [u8],
    offset: usize,
) -> Result<(), ArchiveError> {
    match field.replace(value) {
        None if value.contains(&0) => Err(bad_extension(offset, "has a zero byte in a name")),
        None => Ok(()),
        Some(_) => Err(bad_extension(offset, "says again what was said already")),
    }
}

/// GNU ends long names with a zero byte.
fn gnu_text(offset: usize, data: &[u8]) -> Result<&[u8], ArchiveError> {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (text, zeros) = data.split_at(end);
    if zeros.iter().all(|byte| *byte == 0) {
        Ok(text)
    } else {
        Err(bad_extension(offset, "has a zero byte in a name"))
    }
}

/// A global header may comment on all entries, not rename or resize them.
fn check_global_pax(offset: usize, data: &[u8]) -> Result<(), ArchiveError> {
    for record in (PaxRecords { rest: data }) {
        let (key, _) = record.ok_or_else(|| bad_extension(offset, "is malformed"))?;
        if matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse.") {
            return Err(bad_extension(offset, "changes every entry that follows"));
        }
    }
    Ok(())
}

/// Records `LENGTH KEY=VALUE\n`, where LENGTH counts all of it. The tar crate splits at newlines
/// instead, which a value may contain.
struct PaxRecords<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for PaxRecords<'a> {
    type Item = Option<(&'a [u8], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let record = pax_record(self.rest);
        self.rest = record.map_or(&[], |(_, rest)| rest);
        Some(record.map(|(pair, _)| pair))
    }
}

type Pair<'a> = (&'a [u8], &'a [u8]);

fn pax_record(bytes: &[u8]) -> Option<(Pair<'_>, &[u8])> {
    // Twenty digits hold any length; no further, or a long header takes quadratic time.
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let (digits, _) = bytes.split_at_checked(space)?;
    let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let pair = record.get(space..)?.strip_prefix(b" ")?.strip_suffix(b"\n")?;
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (key, value) = pair.split_at_checked(equals)?;
    Some(((key, value.get(1..)?), rest))
}
