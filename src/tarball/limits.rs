//! How large the parts of a tarball may be.

/// The largest sizes, in bytes, of a tarball and its parts that clients accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The whole tarball.
    pub tarball: usize,
    /// VERSION.
    pub version: usize,
    /// CHECKSUM.
    pub checksum: usize,
    /// metadata.config.
    pub metadata: usize,
    /// contents.tar.gz, inflated.
    pub contents: usize,
}

impl Limits {
    /// The limits of `hex_core`, the library of mix, rebar3 and hex.pm.
    pub const HEX: Self = Self {
        tarball: 16 << 20,
        version: 32,
        checksum: 128,
        metadata: 1 << 20,
        contents: 128 << 20,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::HEX
    }
}
