//! What to mirror and how.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cancellation::Cancellation;
use super::selection::Selection;
use super::timeouts::Timeouts;
use super::upstream::Upstream;
use crate::name::{PackageName, PolicyName};
use crate::package::UnixSeconds;
use crate::tarball::{FileName, Limits};

/// What to mirror, from where, and how.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Options {
    /// The repository to mirror.
    pub upstream: Upstream,
    /// The packages and releases to mirror.
    pub selection: Selection,
    /// Whether upstream's signed files stay out of the served directory, for a registry with a key of its own.
    pub tarballs_only: bool,
    /// Whether to mirror documentation too.
    pub docs: bool,
    /// Documentation to mirror, also of what no index lists.
    pub docs_of: BTreeSet<FileName>,
    /// Whether to mirror what `mix local.hex` and `mix local.rebar` fetch.
    pub installs: bool,
    /// Whether to mirror the git repositories that lock files pin.
    pub git: bool,
    /// Policies to mirror. No index lists them.
    pub policies: BTreeSet<PolicyName>,
    /// The largest number of concurrent requests.
    pub jobs: usize,
    /// Whether to fetch the file of each package, also where the indexes say that it has not changed, and to
    /// check each file on the disk.
    pub refresh: bool,
    /// All selected packages are requested as soon as one of them was not requested for this long.
    pub refresh_after: Duration,
    /// The current time.
    pub now: UnixSeconds,
    /// Whether to remove what upstream or the selection no longer has.
    pub prune: bool,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// Packages whose file is taken even if upstream lost or changed releases.
    pub accept: BTreeSet<PackageName>,
    /// The limits of clients on tarballs.
    pub limits: Limits,
    /// How long requests may take.
    pub timeouts: Timeouts,
    /// How long to wait for the lock.
    pub lock_timeout: Duration,
    /// Ends the run before it is done.
    pub cancellation: Cancellation,
}
