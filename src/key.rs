//! Keys: what a registry is signed and checked with.
//!
//! The `rsa` crate reads and writes the forms keys come in; aws-lc makes keys, signs and verifies.
//! The `rsa` crate's own private-key operation is never called: it leaks timing (RUSTSEC-2023-0071).

mod text;

pub use text::restore_pem;

use std::fmt;

use aws_lc_rs::digest::Digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA512, UnparsedPublicKey};
use data_encoding::BASE64_NOPAD;
use rsa::pkcs1::der::{Decode, SliceReader};
use rsa::pkcs1::{self, UintRef};
use rsa::pkcs8::spki::SubjectPublicKeyInfoRef;
use rsa::pkcs8::{
    Document, EncryptedPrivateKeyInfo, LineEnding, ObjectIdentifier, PrivateKeyInfo, SecretDocument,
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The sizes of RSA modulus, in bits, that can be signed and verified with.
pub const KEY_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// An RSA private key that signs registries.
pub struct PrivateKey {
    pair: KeyPair,
    public: PublicKey,
}

/// An RSA public key: what `public_key` holds and clients are given.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// PKCS#1 `RSAPublicKey`.
    der: Document,
    bits: usize,
    pem: String,
    fingerprint: String,
}

/// Why a text is no key that registries can be signed or checked with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no PEM block, or a broken one.
    #[error(
        "it is not a key in PEM: expected a line -----BEGIN … KEY-----, base64 and a line -----END … KEY-----"
    )]
    NotPem,
    /// More than one PEM block, so that nobody can tell which of them is meant.
    #[error("it holds {0} blocks of PEM: expected one key and no other block")]
    Several(usize),
    /// A public key where a private one is needed.
    #[error("it is a public key: expected the private key that belongs to it")]
    PublicKey,
    /// A private key where a public one is needed.
    #[error("it is a private key: expected the public key that belongs to it")]
    PrivateKey,
    /// PEM of something else.
    #[error("it holds a {label:?}: expected an RSA key in PKCS#1 or PKCS#8")]
    Unsupported {
        /// Between BEGIN and the dashes.
        label: String,
    },
    /// The old encryption of PKCS#1, keyed by MD5.
    #[error(
        "it is encrypted in OpenSSL's old way: expected encrypted PKCS#8, as `openssl pkcs8 -topk8` writes it"
    )]
    LegacyEncryption,
    /// A PKCS#8 key of another kind.
    #[error("it is not an RSA key: Hex registries are signed with RSA only")]
    NotRsa,
    /// RSA, but not of a size that can be used.
    #[error("it is an RSA key of {0} bits: expected {min} to {max}", min = KEY_BITS.start(), max = KEY_BITS.end())]
    Size(usize),
    /// It is encrypted and no passphrase is at hand.
    #[error("it is encrypted, and no passphrase was given")]
    PassphraseNeeded,
    /// PBES1 or a cipher of another time.
    #[error("it is encrypted in a way that is not supported: expected PBES2 with AES or DES-EDE3")]
    UnknownEncryption,
    /// Another passphrase.
    #[error("it cannot be decrypted: the passphrase is wrong")]
    WrongPassphrase,
    /// The numbers do not make a key.
    #[error("it is damaged: its numbers do not make an RSA key")]
    Damaged,
    /// aws-lc could not make one.
    #[error("no key could be generated")]
    Generation,
    /// aws-lc would not sign.
    #[error("it does not sign")]
    Signing,
}

/// The sizes a new key can have, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewKeyBits {
    /// What `openssl genrsa` makes by default.
    Bits2048,
    /// Between the two.
    Bits3072,
    /// Signs about seven times slower than 2048.
    Bits4096,
}

impl PrivateKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`KeyError::Generation`] when the system has no randomness to give.
    pub fn generate(bits: NewKeyBits) -> Result<Self, KeyError> {
        let size = match bits {
            NewKeyBits::Bits2048 => KeySize::Rsa2048,
            NewKeyBits::Bits3072 => KeySize::Rsa3072,
            NewKeyBits::Bits4096 => KeySize::Rsa4096,
        };
        let pair = KeyPair::generate(size).map_err(|_| KeyError::Generation)?;
        let der = secret_der(&pair)?;
        let info = PrivateKeyInfo::from_der(der.as_bytes()).map_err(|_| KeyError::Damaged)?;
        Self::from_pkcs1(info.private_key)
    }

    /// Reads PKCS#1, PKCS#8 or encrypted PKCS#8 in PEM.
    ///
    /// # Errors
    /// [`KeyError::PassphraseNeeded`] where it is encrypted and `passphrase` is `None`; the others
    /// say what it is instead of such a key.
    pub fn from_pem(pem: &str, passphrase: Option<&str>) -> Result<Self, KeyError> {
        let label = label(pem)?;
        match label {
            "RSA PRIVATE KEY" | "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => {}
            "PUBLIC KEY" | "RSA PUBLIC KEY" => return Err(KeyError::PublicKey),
            label => return Err(KeyError::Unsupported { label: label.to_owned() }),
        }
        if pem.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::LegacyEncryption);
        }
        let (_, der) = SecretDocument::from_pem(bare(pem)).map_err(|_| not_one_block(pem))?;
        match label {
            "RSA PRIVATE KEY" => Self::from_pkcs1(der.as_bytes()),
            "PRIVATE KEY" => Self::from_pkcs8(der.as_bytes()),
            _ => {
                let passphrase = passphrase.ok_or(KeyError::PassphraseNeeded)?;
                let encrypted = EncryptedPrivateKeyInfo::from_der(der.as_bytes());
                let encrypted = encrypted.map_err(|_| KeyError::UnknownEncryption)?;
                if encrypted.encryption_algorithm.pbes2().is_none() {
                    return Err(KeyError::UnknownEncryption);
                }
                let der = encrypted.decrypt(passphrase).map_err(|_| KeyError::WrongPassphrase)?;
                Self::from_pkcs8(der.as_bytes())
            }
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfo::from_der(der).map_err(|_| KeyError::Damaged)?;
        require_rsa(info.algorithm.oid)?;
        Self::from_pkcs1(info.private_key)
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let key = pkcs1::RsaPrivateKey::from_der(der).map_err(|_| KeyError::Damaged)?;
        let public = PublicKey::from_numbers(key.public_key())?;
        let pair = KeyPair::from_der(der).map_err(|_| KeyError::Damaged)?;
        Ok(Self { pair, public })
    }

    /// The key as PKCS#8 PEM, as `openssl genrsa` writes it.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] when aws-lc cannot write what it read.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let der = secret_der(&self.pair)?;
        der.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|_| KeyError::Damaged)
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs with RSA PKCS#1 v1.5 over SHA-512: the same bytes every time.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        // This padding draws no randomness; the source is there for others.
        self.pair
            .sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| KeyError::Signing)?;
        Ok(signature)
    }
}

fn secret_der(pair: &KeyPair) -> Result<SecretDocument, KeyError> {
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map_err(|_| KeyError::Damaged)?;
    SecretDocument::try_from(der.as_ref()).map_err(|_| KeyError::Damaged)
}

/// Without what editors put around it, the mark by which some of them know UTF-8 among it.
fn bare(pem: &str) -> &str {
    pem.strip_prefix('\u{FEFF}').unwrap_or(pem).trim()
}

/// Why no key could be read.
fn not_one_block(pem: &str) -> KeyError {
    match pem.matches("-----BEGIN ").count() {
        0 | 1 => KeyError::NotPem,
        several => KeyError::Several(several),
    }
}

/// What the first PEM block says it holds. Read before the block itself, whose lines may be of a
/// length that the decoder refuses.
fn label(pem: &str) -> Result<&str, KeyError> {
    let (_, from) = pem.split_once("-----BEGIN ").ok_or(KeyError::NotPem)?;
    let (label, _) = from.split_once("-----").ok_or(KeyError::NotPem)?;
    Ok(label)
}

/// Whether bytes begin with a private key in DER: PKCS#1, or PKCS#8 of any kind, encrypted or not. What
/// follows it does not matter.
pub(crate) fn is_private_key_in_der(bytes: &[u8]) -> bool {
    fn begins_with<'a, T: Decode<'a>>(bytes: &'a [u8]) -> bool {
        SliceReader::new(bytes).and_then(|mut reader| T::decode(&mut reader)).is_ok()
    }
    begins_with::<pkcs1::RsaPrivateKey<'_>>(bytes)
        || begins_with::<PrivateKeyInfo<'_>>(bytes)
        || begins_with::<EncryptedPrivateKeyInfo<'_>>(bytes)
}

fn require_rsa(algorithm: ObjectIdentifier) -> Result<(), KeyError> {
    if algorithm == pkcs1::ALGORITHM_OID { Ok(()) } else { Err(KeyError::NotRsa) }
}

impl PublicKey {
    /// Reads PKCS#1 (`BEGIN RSA PUBLIC KEY`) or SPKI (`BEGIN PUBLIC KEY`) in PEM.
    ///
    /// # Errors
    /// [`KeyError`] says what it is instead.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let label = label(pem)?;
        if label.contains("PRIVATE") {
            return Err(KeyError::PrivateKey);
        }
        let (_, der) = Document::from_pem(bare(pem)).map_err(|_| not_one_block(pem))?;
        match label {
            "RSA PUBLIC KEY" => Self::from_pkcs1(der.as_bytes()),
            "PUBLIC KEY" => {
                let info = SubjectPublicKeyInfoRef::from_der(der.as_bytes());
                let info = info.map_err(|_| KeyError::Damaged)?;
                require_rsa(info.algorithm.oid)?;
                Self::from_pkcs1(info.subject_public_key.as_bytes().ok_or(KeyError::Damaged)?)
            }
            label => Err(KeyError::Unsupported { label: label.to_owned() }),
        }
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_numbers(pkcs1::RsaPublicKey::from_der(der).map_err(|_| KeyError::Damaged)?)
    }

    fn from_numbers(key: pkcs1::RsaPublicKey<'_>) -> Result<Self, KeyError> {
        let bits = bits(key.modulus);
        if !KEY_BITS.contains(&bits) {
            return Err(KeyError::Size(bits));
        }
        let der = Document::encode_msg(&key).map_err(|_| KeyError::Damaged)?;
        let pem = der.to_pem("RSA PUBLIC KEY", LineEnding::LF).map_err(|_| KeyError::Damaged)?;
        Ok(Self { der, bits, pem: pem + "\n", fingerprint: fingerprint(&key) })
    }

    /// The size of its modulus in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// The key as `mix hex.registry build` writes `public_key`: PKCS#1 PEM and one more newline.
    #[must_use]
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// The fingerprint as `mix hex.repo list` and `ssh-keygen -lf` print it.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether `signature` is this key's over the message that has this SHA-512.
    #[must_use]
    pub(crate) fn verify(&self, digest: &Digest, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA512, self.der.as_bytes())
            .verify_digest(digest, signature)
            .is_ok()
    }
}

fn bits(number: UintRef<'_>) -> usize {
    let bytes = number.as_bytes();
    let leading_zeros = bytes.first().map_or(0, |first| first.leading_zeros() as usize);
    bytes.len().saturating_mul(8).saturating_sub(leading_zeros)
}

/// `SHA256:` and the unpadded base64 of SHA-256 over the key in SSH's encoding (RFC 4253, 6.6).
fn fingerprint(key: &pkcs1::RsaPublicKey<'_>) -> String {
    let mut digest = Sha256::new();
    for field in [b"ssh-rsa".to_vec(), mpint(key.public_exponent), mpint(key.modulus)] {
        digest.update(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        digest.update(field);
    }
    format!("SHA256:{}", BASE64_NOPAD.encode(&digest.finalize()))
}

/// SSH's form of a number: a zero byte comes first where it would look negative.
fn mpint(number: UintRef<'_>) -> Vec<u8> {
    let bytes = number.as_bytes();
    let sign = bytes.first().filter(|first| **first >= 0x80).map(|_| 0);
    sign.into_iter().chain(bytes.iter().copied()).collect()
}

/// Its fingerprint, and nothing secret.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public.fingerprint())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}
