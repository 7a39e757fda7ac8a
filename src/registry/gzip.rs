//! Compresses files, and recognises the gzip of other programs.

use libdeflater::{CompressionLvl, Compressor};

/// The position of the byte for the operating system in a gzip header, and its value for "unknown", which libdeflate
/// writes. zlib, which Hex uses, writes a system.
const GZIP_SYSTEM: (usize, u8) = (9, 255);

/// Compresses files one after another and reuses memory: use one per thread.
pub struct Gzip(Compressor);

impl Gzip {
    /// A compressor with the default level of gzip.
    #[must_use]
    pub fn new() -> Self {
        Self(Compressor::new(CompressionLvl::default()))
    }

    pub(super) fn compress(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut file = vec![0; self.0.gzip_compress_bound(bytes.len())];
        // Compression fails only if the output is larger than the bound.
        let written = self.0.gzip_compress(bytes, &mut file).unwrap_or(0);
        file.truncate(written);
        file
    }
}

impl Default for Gzip {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether another program wrote a gzip file.
///
/// Two programs compress one message to different bytes, and clients accept either. A file of another program is
/// compared by its message, a file of this program byte by byte.
pub(crate) fn is_foreign_gzip(bytes: &[u8]) -> bool {
    let (position, system) = GZIP_SYSTEM;
    // The header that Hex writes: deflate, no optional fields, no time, default compression, Unix.
    let hex = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    bytes.get(position) != Some(&system) && bytes.starts_with(&hex)
}
