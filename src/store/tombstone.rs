//! How a tombstone is told from a package's file.
//!
//! A bucket writes one over a package's file before it removes it (`bucket/tombstone.rs`). A copy of a bucket may
//! contain one that a killed writer left, so every store has to recognise it.

use flate2::bufread::GzDecoder;

/// The beginning of the comment in the gzip header of a tombstone. A nonce follows, which tells it from all others.
pub(super) const COMMENT_START: &str = "hexreg removes this: ";

/// The flag of a gzip header that has a comment: RFC 1952, section 2.3.1.
const FCOMMENT: u8 = 0x10;

/// Whether a file is a tombstone.
pub(crate) fn is_tombstone(bytes: &[u8]) -> bool {
    if bytes.get(3).is_none_or(|flags| flags & FCOMMENT == 0) {
        return false;
    }
    let decoder = GzDecoder::new(bytes);
    let comment = decoder.header().and_then(|header| header.comment());
    comment.is_some_and(|comment| comment.starts_with(COMMENT_START.as_bytes()))
}
