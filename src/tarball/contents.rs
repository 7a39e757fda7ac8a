//! Checks the contents, a gzipped tar of the package's files. Nothing is written.

use flate2::bufread::GzDecoder;
use libdeflater::{DecompressionError, Decompressor};
use memchr::memmem;
use tar::EntryType;

use super::archive::{self, ArchiveEntry, ArchiveError};

/// Why `contents.tar.gz` cannot be unpacked safely, or not to the same files by all clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// The file does not begin like gzip.
    #[error("it is not gzipped")]
    NotGzip,
    /// The gzip header has optional parts that readers treat differently.
    #[error("its gzip header has flags that readers treat differently")]
    GzipFlags,
    /// The stream does not inflate, or has a wrong checksum.
    #[error("its gzip stream is damaged")]
    Damaged,
    /// The size at the end of the stream is not that of the inflated data.
    #[error(
        "its gzip stream is truncated, or continues after its end: the size at its end is {0} bytes, which is not that of the data"
    )]
    FalseSize(u32),
    /// The contents are larger than clients unpack.
    #[error("it holds {size} bytes unpacked; clients refuse more than {limit}")]
    TooLarge {
        /// The size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Bytes follow the gzip stream, such as a second stream.
    #[error("bytes follow the end of its gzip stream")]
    TrailingBytes,
    /// The inflated data is not a tar archive with one reading.
    #[error("the archive inside")]
    Archive(#[from] ArchiveError),
    /// A path is absolute: `/etc/passwd`, `\\server`, `C:\`.
    #[error("{0:?} is an absolute path")]
    AbsolutePath(String),
    /// A path has `..`: `a/../../b`.
    #[error("{0:?} has `..` in its path")]
    ParentPath(String),
    /// No system could create a path.
    #[error(
        "an entry has a path that cannot be created: empty, with a zero byte, or of more than 4096 bytes"
    )]
    ImpossiblePath,
    /// A link leads out of the package.
    #[error("{path:?} links to {target:?}, outside of the package")]
    LinkLeaves {
        /// The path of the link.
        path: String,
        /// The target of the link.
        target: String,
    },
    /// The target of a link goes down and up again, so it depends on other links.
    #[error("{path:?} links to {target:?}, which goes down and up again")]
    LinkWinds {
        /// The path of the link.
        path: String,
        /// The target of the link.
        target: String,
    },
    /// An entry is a hard link. Hex ignores it without a message; tar unpacks it.
    #[error("{0:?} is a hard link, which Hex does not unpack")]
    HardLink(String),
    /// The path of an entry leads through a file or a link.
    #[error("{path:?} lies beneath {leaf:?}, which is not a directory")]
    BeneathFile {
        /// The path of the entry.
        path: String,
        /// The path of the file or link.
        leaf: String,
    },
    /// Two entries have the same path and different types.
    #[error("{0:?} is in it twice, as two different things")]
    TwoKinds(String),
    /// An entry has the path at which clients write a copy of the metadata.
    #[error("{0:?} takes the place of hex_metadata.config, which clients write themselves")]
    Reserved(String),
    /// An entry is a device, a pipe or of an unknown type.
    #[error("{0:?} is neither a file, a directory nor a link")]
    UnsupportedKind(String),
}

/// The path to which clients write a copy of metadata.config after they have unpacked the contents.
pub(super) const METADATA_COPY: &str = "hex_metadata.config";

/// The checksum of a gzip header, which libdeflate ignores and zlib compares, and the reserved bits, which zlib refuses. No
/// tool that packs for Hex sets them.
pub(super) const REFUSED_GZIP_FLAGS: u8 = 0b1110_0010;

/// `PATH_MAX`: Linux cannot create a longer path, and to check it takes time.
pub(super) const MAX_PATH: usize = 4096;

/// Deflate expands one byte to at most 1032.
const MAX_RATIO: usize = 1032;

/// Checks contents one after another and reuses the memory that they are inflated into.
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

    /// The inflated contents that were checked, if they were the only ones.
    pub fn into_inflated(self) -> Vec<u8> {
        self.inflated
    }

    fn inflate(&mut self, contents: &[u8], limit: usize) -> Result<&[u8], ContentsError> {
        let [0x1F, 0x8B, _, flags, ..] = *contents else {
            return Err(ContentsError::NotGzip);
        };
        if flags & REFUSED_GZIP_FLAGS != 0 {
            return Err(ContentsError::GzipFlags);
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
        if has_trailing_bytes(contents, stated) {
            return Err(ContentsError::TrailingBytes);
        }
        Ok(inflated)
    }
}

/// Whether bytes follow the gzip stream, which inflated to `size` bytes.
///
/// libdeflate ignores bytes after the stream and does not say how far it read. But it has checked the trailer of the
/// stream, a CRC and the size. If the four bytes of the size occur only at the very end of the input, the stream ends
/// there. They rarely occur earlier in a valid file. If they do, a slower decoder that reports its position decides.
fn has_trailing_bytes(gzip: &[u8], size: u32) -> bool {
    let earlier = gzip.split_last().and_then(|(_, most)| memmem::find(most, &size.to_le_bytes()));
    if earlier.is_none() {
        return false;
    }
    let mut stream = GzDecoder::new(gzip);
    let read = std::io::copy(&mut stream, &mut std::io::sink());
    read.is_err() || !stream.into_inner().is_empty()
}

/// The path of each entry, as components, and its type.
type Paths<'a> = Vec<(Vec<&'a str>, EntryType)>;

fn check_entries(tar: &[u8]) -> Result<(), ContentsError> {
    let entries: Vec<ArchiveEntry<'_>> = archive::entries(tar).collect::<Result<_, _>>()?;
    let mut paths = Paths::with_capacity(entries.len());
    let mut has_links = false;
    for entry in &entries {
        let path = check_path(&entry.path, entry.kind)?;
        match entry.kind {
            EntryType::Symlink => {
                check_link(entry)?;
                has_links = true;
            }
            EntryType::Link => return Err(ContentsError::HardLink(entry.path.to_string())),
            EntryType::Directory => {}
            kind if archive::is_file(kind) => {}
            _ => return Err(ContentsError::UnsupportedKind(entry.path.to_string())),
        }
        paths.push((path, entry.kind));
    }
    if has_links {
        check_links_without_case(&paths)?;
    }
    check_together(paths)
}

/// Checks that no path leads through a link whose name differs only in case. On macOS and Windows `lib/a` would be
/// written through a link `LIB`, to wherever that points.
fn check_links_without_case(paths: &Paths<'_>) -> Result<(), ContentsError> {
    let lowered = |path: &[&str]| path.iter().map(|part| part.to_lowercase()).collect::<Vec<_>>();
    let mut sorted: Vec<_> = paths.iter().map(|entry| (lowered(&entry.0), entry)).collect();
    let is_link = |kind: EntryType| kind == EntryType::Symlink;
    sorted.sort_by(|(a, (_, a_kind)), (b, (_, b_kind))| {
        a.cmp(b).then(is_link(*b_kind).cmp(&is_link(*a_kind)))
    });
    // In this order the paths beneath a path follow it directly.
    let mut above: Option<(&[String], &[&str])> = None;
    for (lowered, (path, kind)) in &sorted {
        let beneath =
            above.filter(|(link, _)| lowered.len() > link.len() && lowered.starts_with(link));
        // `check_together` compares paths of the same case.
        if let Some((_, link)) = beneath.filter(|(_, link)| !path.starts_with(link)) {
            let (path, leaf) = (path.join("/"), link.join("/"));
            return Err(ContentsError::BeneathFile { path, leaf });
        }
        if is_link(*kind) {
            above = Some((lowered, path));
        }
    }
    Ok(())
}

/// On Windows `\` is a separator and `C:` a root. Hex treats them so on every system when it packs.
const SEPARATORS: [char; 2] = ['/', '\\'];

pub(super) fn is_absolute(path: &str) -> bool {
    let has_drive = matches!(path.as_bytes(), [drive, b':', ..] if drive.is_ascii_alphabetic());
    path.starts_with(SEPARATORS) || has_drive
}

pub(super) fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split(SEPARATORS).filter(|part| !part.is_empty() && *part != ".")
}

/// The components of a path that can be created below the package's root.
fn check_path(path: &str, kind: EntryType) -> Result<Vec<&str>, ContentsError> {
    let parts: Vec<&str> = components(path).collect();
    let is_root = parts.is_empty() && kind != EntryType::Directory;
    if path.is_empty() || is_root || path.len() > MAX_PATH || path.contains('\0') {
        return Err(ContentsError::ImpossiblePath);
    }
    if is_absolute(path) {
        return Err(ContentsError::AbsolutePath(path.to_owned()));
    }
    if parts.contains(&"..") {
        return Err(ContentsError::ParentPath(path.to_owned()));
    }
    // macOS and Windows ignore case.
    let is_copy = parts.first().is_some_and(|part| part.eq_ignore_ascii_case(METADATA_COPY));
    if is_copy && !(parts.len() == 1 && archive::is_file(kind)) {
        return Err(ContentsError::Reserved(path.to_owned()));
    }
    Ok(parts)
}

/// Checks the target of a link. It may go up first, at most to the package's root, and then only down. No entry lies
/// beneath a link, so the way up leads through real directories and does not leave the package. The way down ends at a
/// file or at another link, which is checked in the same way.
fn check_link(link: &ArchiveEntry<'_>) -> Result<(), ContentsError> {
    if link.link.is_empty() || link.link.len() > MAX_PATH || link.link.contains('\0') {
        return Err(ContentsError::ImpossiblePath);
    }
    let (path, target) = (link.path.to_string(), link.link.to_string());
    let depth = components(&link.path).count().saturating_sub(1);
    let ups = components(&link.link).take_while(|part| *part == "..").count();
    if is_absolute(&link.link) || ups > depth {
        return Err(ContentsError::LinkLeaves { path, target });
    }
    if components(&link.link).skip(ups).any(|part| part == "..") {
        return Err(ContentsError::LinkWinds { path, target });
    }
    Ok(())
}

/// Checks the paths against each other. A file or a directory may occur again: all readers keep the last. A link may not:
/// some readers write through it and others replace it. No path may lie beneath a file or a link.
///
/// Sorted by component, the paths beneath a path follow it directly.
fn check_together(mut paths: Paths<'_>) -> Result<(), ContentsError> {
    let rank = |kind: EntryType| (kind != EntryType::Directory, kind == EntryType::Symlink);
    paths.sort_by(|(a, a_kind), (b, b_kind)| a.cmp(b).then(rank(*a_kind).cmp(&rank(*b_kind))));
    let mut above: Option<&(Vec<&str>, EntryType)> = None;
    for entry in &paths {
        let (path, kind) = entry;
        if let Some((leaf, leaf_kind)) = above.filter(|(leaf, _)| path.starts_with(leaf)) {
            let same = path.len() == leaf.len();
            if !same {
                let (path, leaf) = (path.join("/"), leaf.join("/"));
                return Err(ContentsError::BeneathFile { path, leaf });
            }
            if *leaf_kind == EntryType::Symlink || *kind == EntryType::Symlink {
                return Err(ContentsError::TwoKinds(path.join("/")));
            }
        }
        if *kind != EntryType::Directory {
            above = Some(entry);
        }
    }
    let mut neighbours = paths.iter().zip(paths.iter().skip(1));
    let differ = |a: &EntryType, b: &EntryType| a.is_dir() != b.is_dir();
    match neighbours.find(|((a, a_kind), (b, b_kind))| a == b && differ(a_kind, b_kind)) {
        Some(((path, _), _)) => Err(ContentsError::TwoKinds(path.join("/"))),
        None => Ok(()),
    }
}
