//! What a page says of an upstream that files are fetched from.

use crate::key::PublicKey;
use crate::name::RepositoryName;

/// What a page says of an upstream that files are fetched from when clients ask for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamNote {
    /// The name in its signed files. It is known before anything is fetched, and so is the key.
    pub repository: RepositoryName,
    /// The key that signs them.
    pub key: PublicKey,
    /// Why files are served as they are here, though upstream should have been asked.
    pub problem: Option<String>,
}
