//! What an attempt at a build has found and made.

use super::listing::Listing;
use super::report::Report;
use crate::ops::upstream::Base;
use crate::publish::DesiredFile;
use crate::registry::Registry;

/// A build that was planned.
pub(super) struct Planned {
    pub report: Report,
    /// `None` if nothing has changed since the last build.
    pub built: Option<Built>,
}

/// What a build made, and what the next one can use.
pub(super) struct Built {
    pub listing: Listing,
    pub registry: Registry,
    pub resources: Vec<DesiredFile>,
    pub base: Base,
    /// How many tarballs the cache knew.
    pub cached_tarballs: usize,
}
