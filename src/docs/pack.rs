//! An archive of documentation, unpacked so that one file of it can be read at once.
//!
//! A `.tar.gz` has to be inflated up to the file that is asked for. A pack has each file compressed by itself, in one
//! temporary file without a name, and a table of them in memory. The kernel removes the file with the pack.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use crate::tarball::{DocsError, DocsLimits, read_docs};

/// In bytes: the largest file of an archive that is unpacked. Each is in memory while it is read.
const MAX_FILE: usize = 32 << 20;

/// In bytes: below this, a file is not compressed.
const MIN_COMPRESSED: usize = 128;

/// The level of compression: on the way out, size matters more than the time of one unpacking.
const LEVEL: i32 = 6;

/// In bytes: how much of a hash names a file.
const TAG: usize = 16;

/// In bytes: what an entry of the table takes beside its path.
const ENTRY: usize = 64;

/// The files of one archive.
#[derive(Debug)]
pub struct DocsPack {
    file: File,
    files: BTreeMap<String, PackEntry>,
    /// In bytes: the temporary file.
    size: u64,
    /// In bytes: the table.
    table: usize,
    /// Files that were left out, as they are too large.
    omitted: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct PackEntry {
    offset: u64,
    /// In bytes, as it lies in the file.
    stored: usize,
    /// In bytes, as it was in the archive.
    size: usize,
    is_gzip: bool,
    tag: [u8; TAG],
}

/// A file of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedFile {
    bytes: Vec<u8>,
    size: usize,
    is_gzip: bool,
    tag: [u8; TAG],
}

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The archive is damaged, or not safe to unpack.
    #[error(transparent)]
    Archive(#[from] DocsError),
    /// The temporary file cannot be written, as on a full disk.
    #[error("could not write a temporary file in {}", directory.display())]
    Write {
        /// The directory of the temporary file.
        directory: std::path::PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl PackError {
    /// Whether the archive may be unpacked later as it is: the disk had no room for it, or could not be read.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Archive(DocsError::Read(_)))
    }
}

impl DocsPack {
    /// Unpacks an archive, with the checks of [`read_docs`]. The temporary file is made in `directory`; it has no name
    /// there. Of the archive, one file at a time is in memory.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn unpack(
        archive: impl Read,
        limits: &DocsLimits,
        directory: &Path,
    ) -> Result<Self, PackError> {
        let failed = |source| PackError::Write { directory: directory.to_owned(), source };
        let file = tempfile::tempfile_in(directory).map_err(failed)?;
        let mut writer = PackWriter::new(file);
        let omitted = std::cell::RefCell::new(Vec::new());
        let keeps = |path: &str, size: usize| {
            let is_kept = size <= MAX_FILE;
            if !is_kept {
                omitted.borrow_mut().push(path.to_owned());
            }
            is_kept
        };
        read_docs(archive, limits, keeps, |path, data| writer.add(&path, &data))?;
        let mut pack = writer.finish().map_err(failed)?;
        pack.omitted = omitted.into_inner();
        Ok(pack)
    }

    /// The paths of its files, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Whether it has a file of this path.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// What names the bytes of a file: a part of their hash.
    #[must_use]
    pub fn tag(&self, path: &str) -> Option<[u8; 16]> {
        self.files.get(path).map(|entry| entry.tag)
    }

    /// Reads one file; `None` if there is none of this path.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn read(&self, path: &str) -> io::Result<Option<PackedFile>> {
        let Some(entry) = self.files.get(path) else { return Ok(None) };
        let mut bytes = vec![0; entry.stored];
        self.file.read_exact_at(&mut bytes, entry.offset)?;
        Ok(Some(PackedFile { bytes, size: entry.size, is_gzip: entry.is_gzip, tag: entry.tag }))
    }

    /// In bytes: what it takes on disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// In bytes, roughly: what it takes in memory.
    #[must_use]
    pub fn table_size(&self) -> usize {
        self.table
    }

    /// Files of the archive that it does not have, as they are larger than 32 MiB.
    #[must_use]
    pub fn omitted(&self) -> &[String] {
        &self.omitted
    }
}

impl PackedFile {
    /// In bytes: the file as it was in the archive.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// What names its bytes: a part of their hash.
    #[must_use]
    pub fn tag(&self) -> [u8; 16] {
        self.tag
    }

    /// Its bytes as a gzip stream, if they are smaller so.
    #[must_use]
    pub fn as_gzip(&self) -> Option<&[u8]> {
        self.is_gzip.then_some(&*self.bytes)
    }

    /// Its bytes as they lie in the pack: a gzip stream if [`as_gzip`](Self::as_gzip) has one.
    #[must_use]
    pub fn into_stored(self) -> Vec<u8> {
        self.bytes
    }

    /// Its bytes as they were in the archive.
    ///
    /// # Errors
    /// The temporary file has changed.
    pub fn inflated(&self) -> io::Result<Cow<'_, [u8]>> {
        if !self.is_gzip {
            return Ok(Cow::Borrowed(&self.bytes));
        }
        let mut inflated = vec![0; self.size];
        let read = Decompressor::new().gzip_decompress(&self.bytes, &mut inflated);
        if read.is_ok_and(|read| read == self.size) {
            Ok(Cow::Owned(inflated))
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

/// Compresses bytes to a gzip stream; `None` if they are no smaller so.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    gzip_with(&mut Compressor::new(level()), bytes)
}

fn level() -> CompressionLvl {
    CompressionLvl::new(LEVEL).unwrap_or_default()
}

fn gzip_with(compressor: &mut Compressor, bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < MIN_COMPRESSED {
        return None;
    }
    let mut compressed = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut compressed).ok()?;
    compressed.truncate(length);
    // What saves less than an eighth, such as an image, is not worth inflating.
    let saved = bytes.len().saturating_sub(length);
    (saved >= bytes.len() / 8).then_some(compressed)
}

/// Writes a pack.
struct PackWriter {
    pack: DocsPack,
    compressor: Compressor,
    failed: Option<io::Error>,
}

impl PackWriter {
    fn new(file: File) -> Self {
        let pack =
            DocsPack { file, files: BTreeMap::new(), size: 0, table: 0, omitted: Vec::new() };
        Self { pack, compressor: Compressor::new(level()), failed: None }
    }

    /// Adds a file. After an error, nothing is written.
    fn add(&mut self, path: &str, data: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        let compressed = gzip_with(&mut self.compressor, data);
        let stored = compressed.as_deref().unwrap_or(data);
        if let Err(error) = self.pack.file.write_all(stored) {
            self.failed = Some(error);
            return;
        }
        let mut tag = [0; TAG];
        blake3::Hasher::new().update(data).finalize_xof().fill(&mut tag);
        let entry = PackEntry {
            offset: self.pack.size,
            stored: stored.len(),
            size: data.len(),
            is_gzip: compressed.is_some(),
            tag,
        };
        let length = u64::try_from(stored.len()).unwrap_or(u64::MAX);
        self.pack.size = self.pack.size.saturating_add(length);
        let path = plain_path(path);
        let taken = path.len().saturating_add(ENTRY);
        self.pack.table = self.pack.table.saturating_add(taken);
        self.pack.files.insert(path, entry);
    }

    fn finish(self) -> io::Result<DocsPack> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.pack),
        }
    }
}

/// The path without empty components and `.`, as URLs have it.
fn plain_path(path: &str) -> String {
    let parts: Vec<&str> =
        path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    parts.join("/")
}

#[cfg(test)]
mod tests;
