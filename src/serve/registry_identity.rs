//! Which registry it is, wherever its files are.

use crate::key::PublicKey;
use crate::name::RepositoryName;

/// The name in the signed files of a registry, and the key that signs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegistryIdentity {
    pub name: RepositoryName,
    pub key: PublicKey,
}
