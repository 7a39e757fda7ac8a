//! What the documentations of an index were read from: for the next update, not for a search.
//!
//! ```text
//! MAGIC | digest of the manifest | by number: 32 bytes that name what it was read from
//! ```

/// The name of the file.
pub const STATE: &str = "docs-index.state";

const MAGIC: &[u8] = concat!("hexreg docs ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// Names what a documentation was read from, such as a digest of its archive.
pub(super) type Source = [u8; 32];

/// The file of the state that belongs to a manifest.
pub(super) fn encode(manifest: &[u8], sources: &[Source]) -> Vec<u8> {
    let mut file = [MAGIC, blake3::hash(manifest).as_bytes()].concat();
    file.extend(sources.iter().flatten());
    file
}

/// The sources by number; `None` if the file belongs to another manifest, or was written by another version, which may
/// read other words from the same documentation.
pub(super) fn decode(manifest: &[u8], file: &[u8]) -> Option<Vec<Source>> {
    let rest = file.strip_prefix(MAGIC)?.strip_prefix(blake3::hash(manifest).as_bytes())?;
    let sources = rest.chunks_exact(size_of::<Source>());
    sources.remainder().is_empty().then_some(())?;
    Some(sources.filter_map(|source| source.try_into().ok()).collect())
}
