//! Digests of files and of what pages are made from.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// The SHA-256 of bytes, as `sha256sum` prints it.
pub(super) fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The beginning of that digest, of which a manifest has very many: enough to tell that a file is still the same.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let (beginning, _) = digest.split_at(EXCERPT);
    HEXLOWER.encode(beginning)
}

/// In bytes.
const EXCERPT: usize = 16;

/// Everything that a page is made from, to be compared with what it was made from before.
#[derive(Default)]
pub(super) struct Inputs(Sha256);

impl Inputs {
    /// Adds a part. Its length goes before it, so that no two lists of parts are the same bytes.
    pub fn add(&mut self, part: impl AsRef<[u8]>) {
        let part = part.as_ref();
        self.0.update(part.len().to_le_bytes());
        self.0.update(part);
    }

    /// The digest of all parts.
    pub fn finish(self) -> String {
        let digest = self.0.finalize();
        let (beginning, _) = digest.split_at(EXCERPT);
        HEXLOWER.encode(beginning)
    }
}
