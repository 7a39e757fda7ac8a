//! Gzip as this program writes it, and as other programs do.

use libdeflater::{CompressionLvl, Compressor};

/// The byte by which gzip names its writer's system. libdeflate leaves it unknown; zlib, which Hex uses,
/// names one.
const GZIP_SYSTEM: (usize, u8) = (9, 255);

/// Compresses files one after another, reusing memory: one a thread.
pub struct Gzip(Compressor);

impl Gzip {
    /// With what gzip itself takes as its default level.
    #[must_use]
    pub fn new() -> Self {
        Self(Compressor::new(CompressionLvl::default()))
    }

    pub(super) fn compress(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut file = vec![0; self.0.gzip_compress_bound(bytes.len())];
        // The bound is one, so there is always room.
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

/// Whether a gzip file was written by another program than this one.
///
/// Two programs make different gzip bytes of one message, and clients take either. So what another
/// program wrote is judged by its message, and what this one wrote by every byte.
pub(crate) fn is_foreign_gzip(bytes: &[u8]) -> bool {
    let (position, system) = GZIP_SYSTEM;
    // Deflate, no optional fields, no time, default compression, made on Unix: Hex's own header.
    let hex = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    bytes.get(position) != Some(&system) && bytes.starts_with(&hex)
}
