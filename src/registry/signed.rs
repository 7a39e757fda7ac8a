//! From a payload to the bytes that are served, and back: payload → `Signed` → gzip.
//!
//! The bytes that were signed are the bytes that are written: a payload is encoded once and never
//! again. Hex specification, "Registry v2", "Signing".

use bytes::Bytes;
use prost::Message as _;

use super::gzip::Gzip;
use super::proto::signed as proto;
use crate::key::{KeyError, PrivateKey};

/// An encoded `Names`, `Versions`, `Package` or `Policy`. Clones share its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload(pub(super) Bytes);

/// A payload with its signature, to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    pub(super) payload: Bytes,
    pub(super) signature: Bytes,
}

impl Payload {
    pub(super) fn encode(message: &impl prost::Message) -> Self {
        Self(message.encode_to_vec().into())
    }

    /// What was encoded before, and kept.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The payload with its signature under `key`.
    ///
    /// # Errors
    /// [`KeyError::Signing`], which no sound key gives.
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
    /// The file's bytes before they are gzipped.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let message = proto::Signed {
            payload: self.payload.clone(),
            signature: Some(self.signature.clone()),
        };
        message.encode_to_vec()
    }

    /// The file's bytes as they are served: the same for the same message, for no time is in them.
    #[must_use]
    pub fn to_gzip(&self, gzip: &mut Gzip) -> Vec<u8> {
        gzip.compress(&self.encode())
    }
}
