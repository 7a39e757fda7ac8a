//! From a payload to the bytes that are served: payload → `Signed` → gzip.
//!
//! The bytes that were signed are the bytes that are written: a payload is encoded once. Hex specification,
//! "Registry v2", "Signing".

use bytes::Bytes;
use prost::Message as _;

use super::gzip::Gzip;
use super::proto::signed as proto;
use crate::key::{KeyError, PrivateKey};

/// An encoded message `Names`, `Versions`, `Package` or `Policy`. Clones share the bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload(pub(super) Bytes);

/// A payload and its signature, to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    pub(super) payload: Bytes,
    pub(super) signature: Bytes,
}

impl Payload {
    pub(super) fn encode(message: &impl prost::Message) -> Self {
        Self(message.encode_to_vec().into())
    }

    /// A payload that was encoded earlier, such as one from the cache.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Signs the payload with `key`.
    ///
    /// # Errors
    /// [`KeyError::Signing`]; a valid key does not cause it.
    pub fn sign(&self, key: &PrivateKey) -> Result<Signed, KeyError> {
        let signature = key.sign(&self.0)?.into();
        Ok(Signed { payload: self.0.clone(), signature })
    }

    /// The encoded message.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Signed {
    /// The bytes of the file before compression.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let message = proto::Signed {
            payload: self.payload.clone(),
            signature: Some(self.signature.clone()),
        };
        message.encode_to_vec()
    }

    /// The bytes of the file as it is served. They have no time, so the same message gives the same bytes.
    #[must_use]
    pub fn to_gzip(&self, gzip: &mut Gzip) -> Vec<u8> {
        gzip.compress(&self.encode())
    }
}
