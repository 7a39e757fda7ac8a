//! From a payload to the bytes that are served, and back: payload → `Signed` → gzip.
//!
//! The bytes that were signed are the bytes that are written: a payload is encoded once and never
//! again. Hex specification, "Registry v2", "Signing".

use std::io::{self, Read};

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use libdeflater::{CompressionLvl, Compressor};
use prost::Message;

use super::proto::signed as proto;
use crate::key::{KeyError, PrivateKey, PublicKey};

/// An encoded `Names`, `Versions`, `Package` or `Policy`. Clones share its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload(Bytes);

/// A payload with a signature that nobody has checked: it tells nothing until
/// [`verify`](Self::verify).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    payload: Bytes,
    signature: Bytes,
}

/// Why bytes are no signed resource.
#[derive(Debug, thiserror::Error)]
pub enum SignedError {
    /// They do not inflate.
    #[error("it is not gzipped, or damaged")]
    Gzip(#[source] io::Error),
    /// They are more than any registry has, or inflate to more.
    #[error(
        "it has more than {limit} bytes, gzipped or not: no such file of a registry comes near"
    )]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// More than one gzip stream, or something else after it.
    #[error("bytes follow the end of its gzip stream")]
    TrailingBytes,
    /// What was gzipped is no `Signed`.
    #[error("it is not a signed resource")]
    Message(#[source] prost::DecodeError),
    /// It has fields besides payload and signature, or has them oddly encoded.
    #[error("it holds more than a payload and its signature")]
    NotCanonical,
    /// The signature is another key's, or the payload was changed.
    #[error("its signature is not that of {0}")]
    Signature(String),
}

/// The most that is read of any registry file, in bytes: [`Resource::max_size`] of the largest.
///
/// [`Resource::max_size`]: super::Resource::max_size
pub(crate) const MAX_FILE: usize = MAX_INDEX;

/// See [`Resource::max_size`](super::Resource::max_size).
pub(super) const MAX_INDEX: usize = 256 << 20;
pub(super) const MAX_PACKAGE: usize = 64 << 20;
pub(super) const MAX_POLICY: usize = 8 << 20;

/// The byte by which gzip names its writer's system. libdeflate leaves it unknown; zlib, which Hex uses,
/// names one.
const GZIP_SYSTEM: (usize, u8) = (9, 255);

impl Payload {
    pub(super) fn encode(message: &impl Message) -> Self {
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
    /// Reads a file as it is served, whichever resource it is.
    ///
    /// # Errors
    /// [`SignedError`], other than for the signature, which is not looked at here.
    pub fn from_gzip(bytes: &[u8]) -> Result<Self, SignedError> {
        Self::from_gzip_up_to(MAX_INDEX, bytes)
    }

    /// Reads a file that neither has more than so many bytes nor inflates to more.
    ///
    /// # Errors
    /// As of [`from_gzip`](Self::from_gzip).
    pub fn from_gzip_up_to(limit: usize, bytes: &[u8]) -> Result<Self, SignedError> {
        if bytes.len() > limit {
            return Err(SignedError::TooLarge { limit });
        }
        let mut message = Vec::new();
        let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut stream = GzDecoder::new(bytes).take(one_more);
        stream.read_to_end(&mut message).map_err(SignedError::Gzip)?;
        if message.len() > limit {
            return Err(SignedError::TooLarge { limit });
        }
        if !stream.into_inner().into_inner().is_empty() {
            return Err(SignedError::TrailingBytes);
        }
        // Payload and signature share its memory.
        let message = Bytes::from(message);
        let read = proto::Signed::decode(message.clone()).map_err(SignedError::Message)?;
        let signed = Self { payload: read.payload, signature: read.signature.unwrap_or_default() };
        // Fields that nobody signed, or the same ones in another order: no signer writes those.
        if signed.encode() == message { Ok(signed) } else { Err(SignedError::NotCanonical) }
    }

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

    /// The payload, if `key` signed it.
    ///
    /// # Errors
    /// [`SignedError::Signature`].
    pub fn verify(self, key: &PublicKey) -> Result<Payload, SignedError> {
        if key.verify(&self.payload, &self.signature) {
            Ok(Payload(self.payload))
        } else {
            Err(SignedError::Signature(key.fingerprint().to_owned()))
        }
    }

    /// The payload, whoever signed it: good for showing what a file says, and for nothing else.
    #[must_use]
    pub fn into_unverified(self) -> Payload {
        Payload(self.payload)
    }

    /// Whether this is `payload` under a signature that `key` verifies.
    #[must_use]
    pub fn holds(&self, payload: &Payload, key: &PublicKey) -> bool {
        self.payload == payload.0 && key.verify(&self.payload, &self.signature)
    }
}

/// Compresses files one after another, reusing memory: one a thread.
pub struct Gzip(Compressor);

impl Gzip {
    /// With what gzip itself takes as its default level.
    #[must_use]
    pub fn new() -> Self {
        Self(Compressor::new(CompressionLvl::default()))
    }

    fn compress(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut file = vec![0; self.0.gzip_compress_bound(bytes.len())];
        // The bound is one, so there is always room.
        let written = self.0.gzip_compress(bytes, &mut file).unwrap_or(0);
        file.truncate(written);
        file
    }
}

impl Default for Gzip {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a gzip file was written by another program than this one.
///
/// Two programs make different gzip bytes of one message, and clients take either. So what another
/// program wrote is judged by its message, and what this one wrote by every byte.
pub(crate) fn is_foreign_gzip(bytes: &[u8]) -> bool {
    let (position, system) = GZIP_SYSTEM;
    // Deflate, no optional fields, no time, default compression, made on Unix: Hex's own header.
    let hex = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    bytes.get(position) != Some(&system) && bytes.starts_with(&hex)
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, GzBuilder};

    use super::*;

    fn signed() -> Signed {
        Signed { payload: b"payload"[..].into(), signature: b"signature"[..].into() }
    }

    /// A message in gzip as zlib writes it, on Unix.
    fn gzip(message: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut stream = GzBuilder::new().operating_system(3).read(message, Compression::default());
        stream.read_to_end(&mut file).unwrap();
        file
    }

    #[test]
    fn reading_undoes_writing() {
        assert_eq!(Signed::from_gzip(&signed().to_gzip(&mut Gzip::new())).unwrap(), signed());
        assert_eq!(Signed::from_gzip(&gzip(&signed().encode())).unwrap(), signed());
    }

    #[test]
    fn what_another_program_wrote_is_told_apart() {
        assert!(is_foreign_gzip(&gzip(&signed().encode())));
        assert!(!is_foreign_gzip(&signed().to_gzip(&mut Gzip::new())));
        // A damaged header is nobody's.
        let mut damaged = gzip(&signed().encode());
        damaged[4] ^= 1;
        assert!(!is_foreign_gzip(&damaged));
        assert!(!is_foreign_gzip(b""));
    }

    #[test]
    fn nothing_above_the_limit_is_read() {
        let small = signed().encode();
        assert_eq!(Signed::from_gzip_up_to(64, &gzip(&small)).unwrap(), signed());
        let is_too_large = |limit, file: &[u8]| {
            let read = Signed::from_gzip_up_to(limit, file);
            matches!(read, Err(SignedError::TooLarge { limit: told }) if told == limit)
        };
        let bomb = gzip(&vec![0; 1 << 20]);
        assert!(bomb.len() < 2000);
        assert!(is_too_large((1 << 20) - 1, &bomb));
        assert!(is_too_large(bomb.len() - 1, &bomb));
        assert!(!is_too_large(1 << 20, &bomb));
        // The bytes after it are nobody's.
        assert!(is_too_large(2000, &[bomb.as_slice(), b"x"].concat()));
    }

    #[test]
    fn nothing_may_follow_or_be_added() {
        let file = signed().to_gzip(&mut Gzip::new());
        let trailing = [file.as_slice(), b"x"].concat();
        assert!(matches!(Signed::from_gzip(&trailing), Err(SignedError::TrailingBytes)));
        let second = [file.as_slice(), &file].concat();
        assert!(matches!(Signed::from_gzip(&second), Err(SignedError::TrailingBytes)));
        // Field 3, which nobody knows.
        let added = [signed().encode(), vec![0x1A, 1, b'x']].concat();
        assert!(matches!(Signed::from_gzip(&gzip(&added)), Err(SignedError::NotCanonical)));
        assert!(matches!(Signed::from_gzip(b"junk"), Err(SignedError::Gzip(_))));
        assert!(matches!(Signed::from_gzip(&gzip(b"\xFF")), Err(SignedError::Message(_))));
    }
}
