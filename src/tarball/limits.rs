//! The sizes that clients accept.

/// The sizes, in bytes, up to which clients read a tarball and its parts.
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
    /// contents.tar.gz, inflated: all of the tar archive inside.
    pub contents: usize,
}

impl Limits {
    /// Those of `hex_core`, which mix, rebar3 and hex.pm share.
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
