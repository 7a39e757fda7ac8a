//! The options of a check.

use std::time::Duration;

use crate::key::PublicKey;
use crate::name::RepositoryName;
use crate::tarball::Limits;

/// What a check expects.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of the repository, as clients configure it; `None` for the name that most files have.
    pub repository: Option<RepositoryName>,
    /// The key that clients have; `None` for the published `public_key`.
    pub public_key: Option<PublicKey>,
    /// The sizes that clients accept.
    pub limits: Limits,
    /// Whether to inflate the contents of tarballs and check each entry.
    pub check_contents: bool,
    /// Whether packages and tarballs may be missing, as in a mirror of a part of a repository.
    pub partial: bool,
    /// The time to wait for a running build.
    pub lock_timeout: Duration,
}
