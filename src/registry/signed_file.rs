//! Reads signed files as they are served.

use std::io;

use aws_lc_rs::digest::{Context, Digest, SHA512, digest};
use bytes::Bytes;

use super::message::{Message, MessageError};
use super::resource::MAX_FILE;
use super::{Payload, Signed};
use crate::key::PublicKey;

/// A file as it is served, with a signature that is not verified yet: see [`verify`](Self::verify).
///
/// An attacker can make a file of a few KB that inflates to the size limit. So the file is inflated through a small
/// window, in which the payload is hashed. A large payload is inflated into memory only after its signature was verified.
#[derive(Clone, Debug)]
pub struct SignedFile<'a> {
    gzip: &'a [u8],
    /// The SHA-512 of the payload.
    digest: Digest,
    /// The length of the payload in bytes.
    length: usize,
    /// The payload, if it is small.
    small: Option<Bytes>,
    signature: Bytes,
}

/// Why bytes are not a signed resource.
#[derive(Debug, thiserror::Error)]
pub enum SignedError {
    /// The bytes do not inflate.
    #[error("it is not gzipped, or damaged")]
    Gzip(#[source] io::Error),
    /// The file is larger than the limit, or inflates to more.
    #[error(
        "it has more than {limit} bytes, gzipped or inflated: no such file of a registry is that large"
    )]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Bytes follow the gzip stream, such as a second stream.
    #[error("bytes follow the end of its gzip stream")]
    TrailingBytes,
    /// The inflated data is not a message `Signed`.
    #[error("it is not a signed resource")]
    NotSigned,
    /// The message has further fields, another order of fields, or numbers that are longer than necessary.
    #[error("it holds more than a payload and its signature")]
    NotCanonical,
    /// Another key signed the payload, or it was changed.
    #[error("its signature is not that of {0}")]
    Signature(String),
}

impl From<MessageError> for SignedError {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::Gzip(source) => Self::Gzip(source),
            MessageError::Cut => Self::NotSigned,
            MessageError::NotCanonical => Self::NotCanonical,
            MessageError::TrailingBytes => Self::TrailingBytes,
        }
    }
}

/// A payload of up to this size, in bytes, is kept while it is hashed, so that it is inflated once. Nearly every package
/// is smaller. Many files may be read at once, so much more must not be kept before the signature is verified.
const SMALL: usize = 128 << 10;

/// The size of the longest signature in bytes: that of a key of 8192 bits.
const MAX_SIGNATURE: usize = 1 << 10;

/// The keys of the two fields of the message: field number and wire type.
const PAYLOAD: u8 = 0x0A;
const SIGNATURE: u8 = 0x12;

impl Signed {
    /// Reads a file of any resource, as it is served.
    ///
    /// # Errors
    /// [`SignedError`], except [`SignedError::Signature`]: the signature is not verified.
    pub fn from_gzip(bytes: &[u8]) -> Result<SignedFile<'_>, SignedError> {
        Self::from_gzip_up_to(MAX_FILE, bytes)
    }

    /// Reads a file that has, gzipped and inflated, at most `limit` bytes.
    ///
    /// # Errors
    /// See [`from_gzip`](Self::from_gzip).
    pub(crate) fn from_gzip_up_to(
        limit: usize,
        bytes: &[u8],
    ) -> Result<SignedFile<'_>, SignedError> {
        SignedFile::read(limit, bytes)
    }
}

impl<'a> SignedFile<'a> {
    /// Accepts a message with a payload and a signature, in this order, and nothing else. No signer writes other fields,
    /// which are not signed, or another order.
    fn read(limit: usize, gzip: &'a [u8]) -> Result<Self, SignedError> {
        let too_large = || SignedError::TooLarge { limit };
        if gzip.len() > limit {
            return Err(too_large());
        }
        let mut message = Message::inflate(gzip);
        match message.byte()? {
            Some(PAYLOAD) => {}
            Some(SIGNATURE) => return Err(SignedError::NotCanonical),
            _ => return Err(SignedError::NotSigned),
        }
        let length = message.length()?.filter(|length| *length <= limit).ok_or_else(too_large)?;
        let mut hasher = Context::new(&SHA512);
        let mut small = (length <= SMALL).then(|| Vec::with_capacity(length));
        message.take(length, |part| {
            hasher.update(part);
            if let Some(small) = &mut small {
                small.extend_from_slice(part);
            }
        })?;
        if message.byte()? != Some(SIGNATURE) {
            return Err(SignedError::NotCanonical);
        }
        let signed = message.length()?.filter(|length| *length <= MAX_SIGNATURE);
        let signed = signed.ok_or(SignedError::NotCanonical)?;
        let mut signature = Vec::with_capacity(signed);
        message.take(signed, |part| signature.extend_from_slice(part))?;
        if message.position() > limit {
            return Err(too_large());
        }
        message.end()?;
        let (digest, small) = (hasher.finish(), small.map(Bytes::from));
        Ok(Self { gzip, digest, length, small, signature: signature.into() })
    }

    /// The size of the payload in bytes.
    #[must_use]
    pub(crate) fn payload_size(&self) -> usize {
        self.length
    }

    /// Whether `key` signed the payload.
    #[must_use]
    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verify(&self.digest, &self.signature)
    }

    /// The payload, if `key` signed it.
    ///
    /// # Errors
    /// [`SignedError::Signature`].
    pub fn verify(&self, key: &PublicKey) -> Result<Payload, SignedError> {
        if self.is_signed_by(key) {
            self.unverified()
        } else {
            Err(SignedError::Signature(key.fingerprint().to_owned()))
        }
    }

    /// The payload, without verification: use it only to show what a file says.
    ///
    /// # Errors
    /// None in practice: the same bytes were read before.
    pub fn unverified(&self) -> Result<Payload, SignedError> {
        if let Some(small) = &self.small {
            return Ok(Payload(small.clone()));
        }
        let mut message = Message::inflate(self.gzip);
        let mut payload = Vec::with_capacity(self.length);
        message.byte()?;
        message.length()?;
        message.take(self.length, |part| payload.extend_from_slice(part))?;
        Ok(Payload(payload.into()))
    }

    /// Whether the file has this payload and a signature of `key`.
    #[must_use]
    pub fn holds(&self, payload: &Payload, key: &PublicKey) -> bool {
        let is_payload = match &self.small {
            Some(small) => *small == payload.0,
            None => {
                self.length == payload.0.len()
                    && self.digest.as_ref() == digest(&SHA512, &payload.0).as_ref()
            }
        };
        is_payload && self.is_signed_by(key)
    }

    /// The same message, to be written. `payload` must be the one that the file [holds](Self::holds).
    #[must_use]
    pub fn with_payload(&self, payload: &Payload) -> Signed {
        Signed { payload: payload.0.clone(), signature: self.signature.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::{Compression, GzBuilder};

    use super::super::gzip::{Gzip, is_foreign_gzip};
    use super::*;
    use crate::key::{NewKeyBits, PrivateKey};

    fn signed() -> Signed {
        Signed { payload: b"payload"[..].into(), signature: b"signature"[..].into() }
    }

    /// A message in gzip, as zlib writes it on Unix.
    fn gzip(message: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut stream = GzBuilder::new().operating_system(3).read(message, Compression::default());
        stream.read_to_end(&mut file).unwrap();
        file
    }

    /// The message of a file, without verification.
    fn read(limit: usize, file: &[u8]) -> Result<Signed, SignedError> {
        let file = Signed::from_gzip_up_to(limit, file)?;
        Ok(file.with_payload(&file.unverified()?))
    }

    /// A message with a payload of zeros.
    fn zeros(length: usize) -> Signed {
        Signed { payload: vec![0; length].into(), ..signed() }
    }

    #[test]
    fn reading_undoes_writing() {
        assert_eq!(read(MAX_FILE, &signed().to_gzip(&mut Gzip::new())).unwrap(), signed());
        for length in [0, 1, 127, 128, 1 << 14, SMALL - 1, SMALL, SMALL + 1, 5 * SMALL] {
            let file = gzip(&zeros(length).encode());
            assert_eq!(Signed::from_gzip(&file).unwrap().payload_size(), length);
            assert_eq!(read(MAX_FILE, &file).unwrap(), zeros(length), "{length}");
        }
    }

    /// Payloads of both kinds: those that are kept while they are hashed, and larger ones.
    #[test]
    fn only_the_signed_payload_is_returned() {
        let key = PrivateKey::generate(NewKeyBits::Bits2048).unwrap();
        let other = PrivateKey::generate(NewKeyBits::Bits2048).unwrap();
        for length in [7, SMALL, SMALL + 1, 3 * SMALL] {
            let payload = Payload(vec![7; length].into());
            let signed = payload.sign(&key).unwrap();
            let bytes = gzip(&signed.encode());
            let file = Signed::from_gzip(&bytes).unwrap();
            assert_eq!(file.verify(key.public_key()).unwrap(), payload, "{length}");
            assert!(file.holds(&payload, key.public_key()), "{length}");
            assert_eq!(file.with_payload(&payload), signed, "{length}");
            let refused = file.verify(other.public_key());
            assert!(matches!(refused, Err(SignedError::Signature(_))), "{length}");
            assert!(!file.holds(&payload, other.public_key()), "{length}");

            let mut changed = vec![7; length];
            changed[length - 1] = 8;
            let changed = Payload(changed.into());
            assert!(!file.holds(&changed, key.public_key()), "{length}");
            let bytes = gzip(&Signed { payload: changed.0.clone(), ..signed }.encode());
            let forged = Signed::from_gzip(&bytes).unwrap();
            assert!(forged.verify(key.public_key()).is_err(), "{length}");
            assert!(!forged.holds(&changed, key.public_key()), "{length}");
        }
    }

    #[test]
    fn gzip_of_another_program_is_recognised() {
        assert!(is_foreign_gzip(&gzip(&signed().encode())));
        assert!(!is_foreign_gzip(&signed().to_gzip(&mut Gzip::new())));
        // A damaged header is not that of Hex.
        let mut damaged = gzip(&signed().encode());
        damaged[4] ^= 1;
        assert!(!is_foreign_gzip(&damaged));
        assert!(!is_foreign_gzip(b""));
    }

    #[test]
    fn nothing_above_the_limit_is_read() {
        let small = signed().encode();
        assert_eq!(read(64, &gzip(&small)).unwrap(), signed());
        let is_too_large = |limit, file: &[u8]| {
            let read = Signed::from_gzip_up_to(limit, file);
            matches!(read, Err(SignedError::TooLarge { limit: reported }) if reported == limit)
        };
        let message = zeros(1 << 20).encode();
        let bomb = gzip(&message);
        assert!(bomb.len() < 2000);
        // The signature comes after the payload, so the limits around the payload's size matter.
        for limit in [message.len() - 1, 1 << 20, (1 << 20) - 1, bomb.len(), bomb.len() - 1] {
            assert!(is_too_large(limit, &bomb), "{limit}");
        }
        assert!(!is_too_large(message.len(), &bomb));
        // Bytes after the stream count.
        assert!(is_too_large(bomb.len(), &[bomb.as_slice(), b"x"].concat()));
        // A length beyond 64 bits.
        assert!(is_too_large(1 << 20, &gzip(&[&[PAYLOAD], [0xFF; 9].as_slice(), &[1]].concat())));
    }

    #[test]
    fn nothing_may_follow_or_be_added() {
        let file = signed().to_gzip(&mut Gzip::new());
        let trailing = [file.as_slice(), b"x"].concat();
        assert!(matches!(Signed::from_gzip(&trailing), Err(SignedError::TrailingBytes)));
        let second = [file.as_slice(), &file].concat();
        assert!(matches!(Signed::from_gzip(&second), Err(SignedError::TrailingBytes)));
        // An unknown field 3.
        let added = [signed().encode(), vec![0x1A, 1, b'x']].concat();
        assert!(matches!(Signed::from_gzip(&gzip(&added)), Err(SignedError::NotCanonical)));
        assert!(matches!(Signed::from_gzip(b"junk"), Err(SignedError::Gzip(_))));
        // Another order of fields, repeated fields, no signature, or a length in more bytes than necessary.
        let whole = signed().encode();
        let (payload, signature) = whole.split_at(9);
        for odd in [
            [signature, payload].concat(),
            [payload, &whole].concat(),
            [whole.as_slice(), signature].concat(),
            payload.to_vec(),
            [&[PAYLOAD, 0x87, 0], &whole[2..]].concat(),
            [payload, &[SIGNATURE, 0x89, 0], &signature[2..]].concat(),
            [payload, &[SIGNATURE, 0x81, 8], &[0; 1025]].concat(),
        ] {
            let read = Signed::from_gzip(&gzip(&odd)).map(|file| file.length);
            assert!(matches!(read, Err(SignedError::NotCanonical)), "{odd:?}: {read:?}");
        }
        for junk in [&b""[..], b"\xFF", b"<html>", &whole[..4], &whole[..whole.len() - 1]] {
            let read = Signed::from_gzip(&gzip(junk)).map(|file| file.length);
            assert!(matches!(read, Err(SignedError::NotSigned)), "{junk:?}: {read:?}");
        }
        // Damage after the payload.
        let mut damaged = file.clone();
        let last = damaged.len() - 5;
        damaged[last] ^= 1;
        assert!(matches!(Signed::from_gzip(&damaged), Err(SignedError::Gzip(_))));
        let cut = &file[..file.len() - 9];
        assert!(matches!(Signed::from_gzip(cut), Err(SignedError::Gzip(_))));
    }
}
