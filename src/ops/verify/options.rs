//! What a check expects.

use std::time::Duration;

use crate::key::PublicKey;
use crate::name::RepositoryName;
use crate::tarball::Limits;

/// What to expect.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name under which clients know the repository; without it, whatever its files agree on.
    pub repository: Option<RepositoryName>,
    /// The key that clients hold; without it, the registry's own `public_key`.
    pub public_key: Option<PublicKey>,
    /// What clients accept.
    pub limits: Limits,
    /// Whether to inflate and check what is in the packages.
    pub check_contents: bool,
    /// Whether packages and tarballs that are named may be missing, as from a mirror of some.
    pub partial: bool,
    /// How long to wait for a build to end.
    pub lock_timeout: Duration,
}
