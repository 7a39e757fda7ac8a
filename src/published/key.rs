//! The public key of a repository, and the keys whose signatures are believed.

use crate::key::{KeyError, PublicKey};
use crate::registry::{Payload, SignedError, SignedFile};
use crate::repository::RepositoryPath;
use crate::store::{Stamp, Store, StoreError};

/// In bytes: the largest key that signs has 1,500 in PEM.
const MAX_KEY: usize = 64 << 10;

/// A `public_key` file.
pub(crate) struct PublishedKey {
    pub pem: Vec<u8>,
    pub stamp: Option<Stamp>,
    /// What the file holds.
    pub key: Result<PublicKey, KeyError>,
}

impl PublishedKey {
    /// Reads the `public_key` of a repository; `None` if there is none.
    pub fn read(store: &dyn Store) -> Result<Option<Self>, StoreError> {
        Self::read_at(store, &RepositoryPath::public_key())
    }

    /// Reads a public key that lies at another path.
    pub fn read_at(store: &dyn Store, path: &RepositoryPath) -> Result<Option<Self>, StoreError> {
        let mut pem = Vec::new();
        let Some(content) = store.read(path, MAX_KEY, &mut pem)? else { return Ok(None) };
        let key = if pem.len() > MAX_KEY {
            Err(KeyError::NotPem)
        } else {
            PublicKey::from_pem(&String::from_utf8_lossy(&pem))
        };
        Ok(Some(Self { pem, stamp: content.stamp, key }))
    }

    /// Whether it is this key, in whichever form.
    pub fn is(&self, key: &PublicKey) -> bool {
        self.key.as_ref().is_ok_and(|found| found == key)
    }
}

/// The keys whose signatures are believed.
#[derive(Clone, Debug)]
pub(crate) enum TrustedKeys {
    /// Any key: what is read was verified before, or is shown with the remark that it was not.
    Any,
    /// One of these: the first, or another.
    These(PublicKey, Vec<PublicKey>),
}

impl From<PublicKey> for TrustedKeys {
    fn from(key: PublicKey) -> Self {
        Self::These(key, Vec::new())
    }
}

impl TrustedKeys {
    /// Any of these keys; `None` if there is none.
    pub fn any_of(keys: &[PublicKey]) -> Option<Self> {
        let (first, others) = keys.split_first()?;
        Some(Self::These(first.clone(), others.to_vec()))
    }

    /// The key that will sign, and the one that is published, which clients hold so far.
    pub fn published_and(store: &dyn Store, signing: &PublicKey) -> Result<Self, StoreError> {
        let published = PublishedKey::read(store)?.and_then(|published| published.key.ok());
        let other = published.filter(|published| published != signing);
        Ok(Self::These(signing.clone(), other.into_iter().collect()))
    }

    /// The payload of a file, if a trusted key signed it.
    pub(super) fn verify(&self, file: &SignedFile<'_>) -> Result<Payload, SignedError> {
        match self {
            Self::Any => file.unverified(),
            Self::These(first, others) => file.verify(first).or_else(|error| match error {
                SignedError::Signature(_) => {
                    let signer = others.iter().find(|key| file.is_signed_by(key));
                    signer.map_or(Err(error), |_| file.unverified())
                }
                error => Err(error),
            }),
        }
    }
}
