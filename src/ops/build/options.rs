//! The options of a build.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cache::CacheFile;
use crate::key::PrivateKey;
use crate::name::{PackageName, RepositoryName};
use crate::package::UnixSeconds;
use crate::tarball::Limits;

/// What to build, and how.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Options {
    /// The name under which clients know the repository.
    pub repository: RepositoryName,
    /// What signs it.
    pub key: PrivateKey,
    /// What clients accept.
    pub limits: Limits,
    /// Whether to inflate and check what is in the packages.
    pub check_contents: bool,
    /// `SOURCE_DATE_EPOCH`: no `updated_at` is later than this.
    pub latest: Option<UnixSeconds>,
    /// Whether what was published must stay as it is.
    pub immutable: bool,
    /// Packages of hex.pm that a new release may require, though this registry has others of their names.
    pub allow_public: BTreeSet<PackageName>,
    /// Whether to forget what only the published registry says: which releases are retired, when they were published,
    /// which advisories concern them, and fields that this version does not know.
    pub fresh: bool,
    /// Whether another key's `public_key` may be replaced.
    pub rotate_key: bool,
    /// How long to wait for other processes that hold the lock, and to try again after conflicts.
    pub lock_timeout: Duration,
    /// Plan, and write nothing.
    pub dry_run: bool,
    /// Where to keep what the next build can use, if anywhere.
    pub cache: Option<CacheFile>,
}
