//! The RSA keys that sign and verify registries.
//!
//! The `rsa` crate reads and writes the encodings of keys; aws-lc generates keys, signs and verifies. The private-key
//! operation of the `rsa` crate is never called: its timing leaks the key (RUSTSEC-2023-0071).

mod text;

pub use text::restore_pem;

use std::fmt;
use std::sync::Arc;

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

/// The sizes of RSA modulus, in bits, that aws-lc signs and verifies with.
pub const KEY_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// An RSA private key that signs registries. Clones share it.
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<KeyPair>,
    public: PublicKey,
}

/// An RSA public key, which a registry serves as `public_key` and clients keep.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// PKCS#1 `RSAPublicKey`.
    der: Document,
    bits: usize,
    pem: String,
    fingerprint: String,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text has no PEM block, or a broken one.
    #[error(
        "it is not a key in PEM: expected a line -----BEGIN … KEY-----, base64 and a line -----END … KEY-----"
    )]
    NotPem,
    /// The text has more than one PEM block, so the key is ambiguous.
    #[error("it holds {0} blocks of PEM: expected one key and no other block")]
    Several(usize),
    /// The key is public, and a private one is needed.
    #[error("it is a public key: expected the private key that belongs to it")]
    PublicKey,
    /// The key is private, and a public one is needed.
    #[error("it is a private key: expected the public key that belongs to it")]
    PrivateKey,
    /// The PEM block holds something else.
    #[error("it holds a {label:?}: expected an RSA key in PKCS#1 or PKCS#8")]
    Unsupported {
        /// The label of the block, such as `CERTIFICATE`.
        label: String,
    },
    /// The key is encrypted in the old way of PKCS#1, with a key derived by MD5.
    #[error(
        "it is encrypted in OpenSSL's old way: expected encrypted PKCS#8, as `openssl pkcs8 -topk8` writes it"
    )]
    LegacyEncryption,
    /// The key is PKCS#8 of another algorithm.
    #[error("it is not an RSA key: Hex registries are signed with RSA only")]
    NotRsa,
    /// The modulus has a size outside of [`KEY_BITS`].
    #[error("it is an RSA key of {0} bits: expected {min} to {max}", min = KEY_BITS.start(), max = KEY_BITS.end())]
    Size(usize),
    /// The key is encrypted, and there is no passphrase.
    #[error("it is encrypted, and no passphrase was given")]
    PassphraseNeeded,
    /// The key is encrypted with PBES1 or an unknown cipher.
    #[error("it is encrypted in a way that is not supported: expected PBES2 with AES or DES-EDE3")]
    UnknownEncryption,
    /// The passphrase does not decrypt the key.
    #[error("it cannot be decrypted: the passphrase is wrong")]
    WrongPassphrase,
    /// The numbers in the key are not those of an RSA key.
    #[error("it is damaged: its numbers do not make an RSA key")]
    Damaged,
    /// aws-lc could not generate a key.
    #[error("no key could be generated")]
    Generation,
    /// aws-lc could not sign.
    #[error("it does not sign")]
    Signing,
}

/// The sizes a new key can have, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewKeyBits {
    /// What `openssl genrsa` makes by default.
    Bits2048,
    /// Between the two in strength and speed.
    Bits3072,
    /// About seven times slower to sign with than 2048 bits.
    Bits4096,
}

impl PrivateKey {
    /// Generates a key.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the system provides no randomness.
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
    /// [`KeyError::PassphraseNeeded`] if the key is encrypted and `passphrase` is `None`; the others say why `pem` is not
    /// such a key.
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
        Ok(Self { pair: Arc::new(pair), public })
    }

    /// The key as PKCS#8 PEM, as `openssl genrsa` writes it.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] if aws-lc cannot encode the key that it read.
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
        // This padding takes no randomness; the parameter is for other paddings.
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

/// The text without the byte order mark and white space that editors put around it.
fn bare(pem: &str) -> &str {
    pem.strip_prefix('\u{FEFF}').unwrap_or(pem).trim()
}

/// Why the PEM decoder refused a text.
fn not_one_block(pem: &str) -> KeyError {
    match pem.matches("-----BEGIN ").count() {
        0 | 1 => KeyError::NotPem,
        several => KeyError::Several(several),
    }
}

/// The label of the first PEM block. It is read before the block, whose lines may have a length that the decoder
/// refuses.
fn label(pem: &str) -> Result<&str, KeyError> {
    let (_, from) = pem.split_once("-----BEGIN ").ok_or(KeyError::NotPem)?;
    let (label, _) = from.split_once("-----").ok_or(KeyError::NotPem)?;
    Ok(label)
}

/// Whether bytes begin with a private key in DER: PKCS#1, or PKCS#8 of any algorithm, encrypted or not. Bytes may follow
/// it.
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
/// Two private keys are the same if their public keys are.
impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.public_key().fingerprint() == other.public_key().fingerprint()
    }
}

impl Eq for PrivateKey {}

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
