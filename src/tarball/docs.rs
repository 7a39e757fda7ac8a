//! Checks the documentation of a release, a gzipped tar of HTML. Nothing is written, and what is read is dropped.
//!
//! Documentation is not signed, and clients unpack it: `mix hex.docs fetch` into a directory of its own. So its paths
//! must be safe, and it holds files and directories alone.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;
use tar::EntryType;

use super::archive::{ArchiveError, EntryStream, StreamError, is_file};
use super::contents::{MAX_PATH, REFUSED_GZIP_FLAGS, components, is_absolute};
use super::path_set::{MAX_PATHS, PathConflict, PathKind, PathSet};
use crate::printable::unsafe_in_line;
use crate::version::Version;

/// How large documentation may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocsLimits {
    /// In bytes: the gzipped archive.
    pub compressed: u64,
    /// In bytes: the archive itself.
    pub uncompressed: u64,
}

impl DocsLimits {
    /// The limits of hex.pm.
    pub const HEX: Self = Self { compressed: 16 << 20, uncompressed: 128 << 20 };
}

impl Default for DocsLimits {
    fn default() -> Self {
        Self::HEX
    }
}

/// Documentation that clients can unpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedDocs {
    /// Whether it has `index.html`, the page that clients open. They refuse to publish documentation without it, and
    /// hex.pm accepts it.
    pub has_index: bool,
    /// The number of files.
    pub files: u64,
}

/// Why documentation is refused.
#[derive(Debug, thiserror::Error)]
pub enum DocsError {
    /// The file is too large. hex.pm answers with the first two words.
    #[error("too big: it has more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The archive is too large. hex.pm answers with the first three words.
    #[error("too big (uncompressed): it holds more than {limit} bytes unpacked")]
    TooLargeUncompressed {
        /// The limit in bytes.
        limit: u64,
    },
    /// The file does not begin like gzip.
    #[error("it is not gzipped: expected a .tar.gz")]
    NotGzip,
    /// The gzip header has optional parts that readers treat differently.
    #[error("its gzip header has flags that readers treat differently")]
    GzipFlags,
    /// The stream does not inflate, has a wrong checksum or ends early.
    #[error("its gzip stream is damaged or truncated")]
    Damaged,
    /// Bytes follow the gzip stream, such as a second stream, which Erlang does not read.
    #[error("bytes follow the end of its gzip stream")]
    TrailingBytes,
    /// The inflated data is not a tar archive with one reading.
    #[error("the archive inside")]
    Archive(#[from] ArchiveError),
    /// A path is absolute.
    #[error("{0:?} is an absolute path: expected paths below the documentation")]
    AbsolutePath(String),
    /// A path has `..`.
    #[error("{0:?} has `..` in its path")]
    ParentPath(String),
    /// A path has a backslash, which Windows takes for a separator.
    #[error("{0:?} has a backslash in its path")]
    Backslash(String),
    /// A path has a character that terminals interpret or readers do not see.
    #[error("{0:?} has a control character in its path, or one that readers do not see")]
    HiddenInPath(String),
    /// Two files have the same path. Which of them is read depends on the reader.
    #[error("{0:?} is in it twice")]
    Twice(String),
    /// A path is one of a file and one of a folder.
    #[error("{0:?} is in it as a file and as a folder")]
    FileAndFolder(String),
    /// There are more files and folders than are compared with each other.
    #[error("it has more than {MAX_PATHS} files and folders")]
    TooMany,
    /// No system could create a path.
    #[error(
        "an entry has a path that cannot be created: empty, with a zero byte, or of more than 4096 bytes"
    )]
    ImpossiblePath,
    /// A name at the top is a version. Documentation of this version is served there.
    #[error(
        "{0:?} begins with a version, where the documentation of that version is served: rename it"
    )]
    VersionAtTop(String),
    /// An entry is a link.
    #[error("{0:?} is a link: documentation holds files and directories only")]
    Link(String),
    /// An entry is a device, a pipe or of an unknown type.
    #[error("{0:?} is neither a file nor a directory")]
    UnsupportedKind(String),
    /// The file cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
}

/// Checks documentation while it is read. Whatever its size, this takes a few MiB of memory.
///
/// # Errors
/// [`DocsError`] for the first fault.
pub fn check_docs(file: impl Read, limits: &DocsLimits) -> Result<CheckedDocs, DocsError> {
    read_docs(file, limits, |_, _| false, |_, _| ())
}

/// Checks documentation as [`check_docs`] does, and hands over the files of which `keeps` returns true, by path and size
/// in bytes. Each is in memory while it is handed over. A fault may follow what was handed over.
///
/// # Errors
/// As of [`check_docs`].
pub fn read_docs(
    mut file: impl Read,
    limits: &DocsLimits,
    keeps: impl Fn(&str, usize) -> bool,
    mut take: impl FnMut(String, Vec<u8>),
) -> Result<CheckedDocs, DocsError> {
    let mut start = [0; GZIP_START];
    file.read_exact(&mut start).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => DocsError::NotGzip,
        _ => DocsError::Read(error),
    })?;
    let [0x1F, 0x8B, _, flags] = start else { return Err(DocsError::NotGzip) };
    if flags & REFUSED_GZIP_FLAGS != 0 {
        return Err(DocsError::GzipFlags);
    }
    let whole =
        Limited::new(Cursor::new(start).chain(file), OverLimit::Compressed(limits.compressed));
    let inflated = GzDecoder::new(BufReader::new(whole));
    let inflated = Limited::new(inflated, OverLimit::Uncompressed(limits.uncompressed));
    let mut entries = EntryStream::new(inflated);
    let mut checked = CheckedDocs { has_index: false, files: 0 };
    let mut paths = PathSet::default();
    while let Some(entry) = entries.next_entry(&keeps)? {
        let parts = check_path(&entry.path, entry.kind)?;
        let kind = match entry.kind {
            EntryType::Directory => PathKind::Folder,
            EntryType::Symlink | EntryType::Link => return Err(DocsError::Link(entry.path)),
            kind if is_file(kind) => {
                checked.has_index |= parts == ["index.html"];
                checked.files = checked.files.saturating_add(1);
                PathKind::File
            }
            _ => return Err(DocsError::UnsupportedKind(entry.path)),
        };
        let joined = |length: usize| parts.get(..length).unwrap_or_default().join("/");
        paths.add(&parts, kind).map_err(|conflict| match conflict {
            PathConflict::Twice => DocsError::Twice(joined(parts.len())),
            PathConflict::FileAndFolder(length) => DocsError::FileAndFolder(joined(length)),
            PathConflict::TooMany => DocsError::TooMany,
        })?;
        if let Some(data) = entry.data {
            take(entry.path, data);
        }
    }
    // The stream was read to the end of its first member.
    let mut rest = entries.into_reader().reader.into_inner();
    match rest.fill_buf() {
        Ok([]) => Ok(checked),
        Ok(_) => Err(DocsError::TrailingBytes),
        Err(error) => Err(DocsError::from(StreamError::Read(error))),
    }
}

/// How many bytes of the file are looked at before it is inflated.
const GZIP_START: usize = 4;

/// The components of a path that can be created below the documentation.
fn check_path(path: &str, kind: EntryType) -> Result<Vec<&str>, DocsError> {
    let parts: Vec<&str> = components(path).collect();
    let is_root = parts.is_empty() && kind != EntryType::Directory;
    if path.is_empty() || is_root || path.len() > MAX_PATH || path.contains('\0') {
        return Err(DocsError::ImpossiblePath);
    }
    if unsafe_in_line(path).is_some() {
        return Err(DocsError::HiddenInPath(path.to_owned()));
    }
    if path.contains('\\') {
        return Err(DocsError::Backslash(path.to_owned()));
    }
    if is_absolute(path) {
        return Err(DocsError::AbsolutePath(path.to_owned()));
    }
    if parts.contains(&"..") {
        return Err(DocsError::ParentPath(path.to_owned()));
    }
    if parts.first().is_some_and(|first| Version::without_build(first).is_ok()) {
        return Err(DocsError::VersionAtTop(path.to_owned()));
    }
    Ok(parts)
}

/// A reader that fails above a limit.
struct Limited<R> {
    reader: R,
    limit: OverLimit,
    /// How many bytes were read.
    read: u64,
}

/// Which limit was exceeded, in bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the limit of documentation is exceeded")]
enum OverLimit {
    Compressed(u64),
    Uncompressed(u64),
}

impl<R> Limited<R> {
    fn new(reader: R, limit: OverLimit) -> Self {
        Self { reader, limit, read: 0 }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.read = self.read.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        let (OverLimit::Compressed(limit) | OverLimit::Uncompressed(limit)) = self.limit;
        if self.read > limit { Err(io::Error::other(self.limit)) } else { Ok(read) }
    }
}

impl From<StreamError> for DocsError {
    fn from(error: StreamError) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match error {
            StreamError::Archive(error) => Self::Archive(error),
            StreamError::Read(error) => {
                match error.get_ref().and_then(|inner| inner.downcast_ref::<OverLimit>()) {
                    Some(OverLimit::Compressed(limit)) => Self::TooLarge { limit: *limit },
                    Some(OverLimit::Uncompressed(limit)) => {
                        Self::TooLargeUncompressed { limit: *limit }
                    }
                    // flate2 has these for a stream that does not inflate.
                    None if matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) => {
                        Self::Damaged
                    }
                    None => Self::Read(error),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
