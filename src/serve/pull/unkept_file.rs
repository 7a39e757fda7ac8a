//! A file that was fetched and could not be kept. It is served from memory.

use std::io;

use bytes::Bytes;

use crate::serve::clock::unix_nanoseconds;
use crate::serve::files::source::{OpenFile, SourceFile};
use crate::store::Stamp;

/// The bytes of a file that the store does not have.
struct UnkeptFile {
    bytes: Bytes,
    stamp: Stamp,
}

/// Opens the bytes of a file.
pub(super) fn open(bytes: Bytes) -> OpenFile {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let stamp = Stamp::Object { size, tag: *blake3::hash(&bytes).as_bytes() };
    let file = UnkeptFile { bytes, stamp };
    OpenFile::new(std::sync::Arc::new(file), stamp, unix_nanoseconds())
}

impl UnkeptFile {
    fn from(&self, from: u64) -> &[u8] {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        self.bytes.get(from..).unwrap_or_default()
    }
}

impl SourceFile for UnkeptFile {
    fn read_now(&self, from: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let mut rest = self.from(from);
        Some(io::Read::read(&mut rest, buffer))
    }

    fn read(&self, from: u64, size: usize) -> io::Result<Vec<u8>> {
        let rest = self.from(from);
        Ok(rest.get(..size).unwrap_or(rest).to_vec())
    }

    fn stamp(&self) -> io::Result<Stamp> {
        Ok(self.stamp)
    }
}
