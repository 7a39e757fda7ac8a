//! The files of a registry, and how large they may be.

use crate::name::{PackageName, PolicyName};

/// One resource of a registry.
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

/// The most that is read of any registry file, in bytes: [`Resource::max_size`] of the largest.
pub(crate) const MAX_FILE: usize = MAX_INDEX;

const MAX_INDEX: usize = 256 << 20;
pub(crate) const MAX_PACKAGE: usize = 64 << 20;
const MAX_POLICY: usize = 8 << 20;

impl Resource {
    /// The most bytes that its file may have or inflate to.
    ///
    /// Clients have no such limit: they inflate whatever they are sent. This one keeps a few kilobytes
    /// that inflate without end from taking all memory. hex.pm's `versions`, of some 17,000 packages,
    /// inflates to 5 MB; at 256 MiB there is room for fifty times that. A package is one of many, read
    /// on each thread at once, and clients read the whole of it whenever they resolve: 64 MiB are ten
    /// releases a day for ten years, of 1,800 bytes each, which is thirty dependencies. The 8 MiB of a policy
    /// are ten thousand overrides, each with a comment as long as it may be.
    #[must_use]
    pub fn max_size(&self) -> usize {
        match self {
            Self::Names | Self::Versions => MAX_INDEX,
            Self::Package(_) => MAX_PACKAGE,
            Self::Policy(_) => MAX_POLICY,
        }
    }
}
