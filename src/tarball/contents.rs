//! The contents: a gzipped tar of the package's files, checked and thrown away.

use flate2::bufread::GzDecoder;
use libdeflater::{DecompressionError, Decompressor};
use memchr::memmem;
use tar::EntryType;

use super::archive::{self, ArchiveError, Entry, shown};

/// Why `contents.tar.gz` cannot be unpacked safely, or by everybody to the same files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// It does not begin as gzip does.
    #[error("it is not gzipped")]
    NotGzip,
    /// It does not inflate, or not to what its own checksum says.
    #[error("its gzip stream is damaged")]
    Damaged,
    /// The size at the end of the stream is not what comes out.
    #[error(
        "its gzip stream is cut off, or goes on after its end: it ends in a size of {0} bytes, and holds another"
    )]
    FalseSize(u32),
    /// More than clients unpack.
    #[error("it holds {size} bytes unpacked; clients refuse more than {limit}")]
    TooLarge {
        /// In bytes.
        size: usize,
        /// In bytes.
        limit: usize,
    },
    /// A second gzip stream, or anything else, follows the first.
    #[error("bytes follow the end of its gzip stream")]
    TrailingBytes,
    /// What was gzipped is not an archive with one reading.
    #[error("the archive inside")]
    Archive(#[from] ArchiveError),
    /// `/etc/passwd`, `\\server`, `C:\`
    #[error("{0} is an absolute path")]
    AbsolutePath(String),
    /// `a/../../b`
    #[error("{0} has `..` in its path")]
    ParentPath(String),
    /// It could not be created anywhere.
    #[error("an entry has an empty path, or one with a zero byte or of more than 4096 bytes")]
    ImpossiblePath,
    /// A link to outside of the package.
    #[error("{path} links to {target}, outside of the package")]
    LinkLeaves {
        /// The link's own path.
        path: String,
        /// Where it points.
        target: String,
    },
    /// A link whose target goes down and up again: where that leads depends on other links.
    #[error("{path} links to {target}, which goes down and up again")]
    LinkWinds {
        /// The link's own path.
        path: String,
        /// Where it points.
        target: String,
    },
    /// Hex passes over hard links in silence, tar unpacks them.
    #[error("{0} is a hard link, which Hex does not unpack")]
    HardLink(String),
    /// An entry whose path leads through a link.
    #[error("{path} lies beneath {link}, which is a link")]
    BeneathLink {
        /// The entry's path.
        path: String,
        /// The link's path.
        link: String,
    },
    /// A device, a pipe or something unknown.
    #[error("{0} is neither a file, a directory nor a link")]
    UnsupportedKind(String),
}

/// `PATH_MAX`: a longer path cannot be created on Linux, and costs to check.
const MAX_PATH: usize = 4096;

/// Deflate makes at most 1032 bytes of one.
const MAX_RATIO: usize = 1032;

/// Checks contents one after another, reusing the memory they are inflated into.
pub(crate) struct ContentsChecker {
    decompressor: Decompressor,
    inflated: Vec<u8>,
}

impl ContentsChecker {
    pub fn new() -> Self {
        Self { decompressor: Decompressor::new(), inflated: Vec::new() }
    }

    /// Inflates `contents` into at most `limit` bytes and checks each entry.
    pub fn check(&mut self, contents: &[u8], limit: usize) -> Result<(), ContentsError> {
        check_entries(self.inflate(contents, limit)?)
    }

    fn inflate(&mut self, contents: &[u8], limit: usize) -> Result<&[u8], ContentsError> {
        if !contents.starts_with(&[0x1F, 0x8B]) {
            return Err(ContentsError::NotGzip);
        }
        let (_, trailer) = contents.split_last_chunk::<4>().ok_or(ContentsError::Damaged)?;
        let stated = u32::from_le_bytes(*trailer);
        let size = usize::try_from(stated).unwrap_or(usize::MAX);
        if size > contents.len().saturating_mul(MAX_RATIO) {
            return Err(ContentsError::FalseSize(stated));
        }
        if size > limit {
            return Err(ContentsError::TooLarge { size, limit });
        }
        if self.inflated.len() < size {
            self.inflated.resize(size, 0);
        }
        let room = self.inflated.get_mut(..size).unwrap_or_default();
        match self.decompressor.gzip_decompress(contents, room) {
            Ok(written) if written == size => {}
            Ok(_) | Err(DecompressionError::InsufficientSpace) => {
                return Err(ContentsError::FalseSize(stated));
            }
            Err(DecompressionError::BadData) => return Err(ContentsError::Damaged),
        }
        let inflated = self.inflated.get(..size).unwrap_or_default();
        if has_trailing_bytes(contents, inflated, stated) {
            return Err(ContentsError::TrailingBytes);
        }
        Ok(inflated)
    }
}

/// Whether anything follows the gzip stream that held `inflated`.
///
/// libdeflate stops after it without a word, having checked the trailer it met there: a CRC and the
/// size. So the last eight bytes must be that trailer, and unless the same eight bytes stand earlier
/// too, it is the one it met. They do not in anything written in good faith, and only then is a
/// decoder asked that is slower but says how far it read.
fn has_trailing_bytes(gzip: &[u8], inflated: &[u8], size: u32) -> bool {
    let trailer = [libdeflater::crc32(inflated), size].map(u32::to_le_bytes).concat();
    if !gzip.ends_with(&trailer) {
        return true;
    }
    let earlier = gzip.split_last().and_then(|(_, before)| memmem::find(before, &trailer));
    if earlier.is_none() {
        return false;
    }
    let mut stream = GzDecoder::new(gzip);
    let read = std::io::copy(&mut stream, &mut std::io::sink());
    read.is_err() || !stream.into_inner().is_empty()
}

fn check_entries(tar: &[u8]) -> Result<(), ContentsError> {
    let mut has_links = false;
    for entry in archive::entries(tar) {
        let entry = entry?;
        check_path(&entry.path)?;
        match entry.kind {
            EntryType::Symlink => {
                check_link(&entry)?;
                has_links = true;
            }
            EntryType::Link => return Err(ContentsError::HardLink(shown(&entry.path))),
            EntryType::Directory => {}
            kind if archive::is_file(kind) => {}
            _ => return Err(ContentsError::UnsupportedKind(shown(&entry.path))),
        }
    }
    if has_links { refuse_paths_through_links(tar) } else { Ok(()) }
}

/// Windows takes `\` for a separator and `C:` for a root, so Hex does wherever it packs.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

fn is_absolute(path: &[u8]) -> bool {
    match path {
        [first, ..] if is_separator(*first) => true,
        [drive, b':', ..] => drive.is_ascii_alphabetic(),
        _ => false,
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = path.split(|byte| is_separator(*byte));
    parts.filter(|part| !part.is_empty() && *part != b".")
}

fn check_path(path: &[u8]) -> Result<(), ContentsError> {
    if path.is_empty() || path.len() > MAX_PATH || path.contains(&0) {
        return Err(ContentsError::ImpossiblePath);
    }
    if is_absolute(path) {
        return Err(ContentsError::AbsolutePath(shown(path)));
    }
    if components(path).any(|part| part == b"..") {
        return Err(ContentsError::ParentPath(shown(path)));
    }
    Ok(())
}

/// A target goes up first, at most to the package's root, and only down from there. As no entry lies
/// beneath a link, going up first passes through real directories, so it cannot leave the package;
/// and going down ends at a file or at another link that was checked the same way.
fn check_link(link: &Entry<'_>) -> Result<(), ContentsError> {
    if link.link.is_empty() || link.link.len() > MAX_PATH || link.link.contains(&0) {
        return Err(ContentsError::ImpossiblePath);
    }
    let path = || shown(&link.path);
    let target = || shown(&link.link);
    let depth = components(&link.path).count().saturating_sub(1);
    let ups = components(&link.link).take_while(|part| *part == b"..").count();
    if is_absolute(&link.link) || ups > depth {
        return Err(ContentsError::LinkLeaves { path: path(), target: target() });
    }
    if components(&link.link).skip(ups).any(|part| part == b"..") {
        return Err(ContentsError::LinkWinds { path: path(), target: target() });
    }
    Ok(())
}

/// Sorted by component, what lies beneath a link follows right after it.
fn refuse_paths_through_links(tar: &[u8]) -> Result<(), ContentsError> {
    let mut paths = Vec::new();
    for entry in archive::entries(tar) {
        let entry = entry?;
        // Zero cannot be in a component and sorts before all that can.
        let path = components(&entry.path).collect::<Vec<_>>().join(&0);
        paths.push((path, entry.kind == EntryType::Symlink));
    }
    paths.sort();
    let mut last_link: Option<&[u8]> = None;
    for (path, is_link) in &paths {
        if let Some(link) = last_link.filter(|link| lies_beneath(path, link)) {
            return Err(ContentsError::BeneathLink {
                path: shown_components(path),
                link: shown_components(link),
            });
        }
        if *is_link {
            last_link = Some(path);
        }
    }
    Ok(())
}

fn lies_beneath(path: &[u8], link: &[u8]) -> bool {
    path.strip_prefix(link).is_some_and(|below| below.starts_with(&[0]))
}

fn shown_components(path: &[u8]) -> String {
    shown(&path.split(|byte| *byte == 0).collect::<Vec<_>>().join(&b'/'))
}
