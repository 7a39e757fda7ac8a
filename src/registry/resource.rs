//! The files of a registry, and how large they may be.

use crate::name::{PackageName, PolicyName};

/// A signed file of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `/names`
    Names,
    /// `/versions`
    Versions,
    /// `/packages/NAME`
    Package(PackageName),
    /// `/policies/NAME`
    Policy(PolicyName),
}

/// The largest size of any signed file, in bytes.
pub(crate) const MAX_FILE: usize = MAX_INDEX;

const MAX_INDEX: usize = 256 << 20;
pub(crate) const MAX_PACKAGE: usize = 64 << 20;
const MAX_POLICY: usize = 8 << 20;

impl Resource {
    /// The largest size of the file in bytes, both gzipped and inflated.
    ///
    /// Without a limit, a few kilobytes of gzip could take all memory. Clients have none.
    ///
    /// - An index: 256 MiB. hex.pm's `versions`, of some 17,000 packages, inflates to 5 MB.
    /// - A package: 64 MiB. Many are read at once, one on each thread, and a client reads a whole package when it
    ///   resolves. 64 MiB are ten releases a day for ten years, of 1,800 bytes each, which is thirty dependencies.
    /// - A policy: 8 MiB, which are ten thousand overrides with the longest comment that clients accept.
    #[must_use]
    pub(crate) fn max_size(&self) -> usize {
        match self {
            Self::Names | Self::Versions => MAX_INDEX,
            Self::Package(_) => MAX_PACKAGE,
            Self::Policy(_) => MAX_POLICY,
        }
    }
}
