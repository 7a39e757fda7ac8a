//! Bearer tokens: what a client gets for its token by OAuth's client credentials grant (RFC 6749, section 4.4).
//!
//! ```text
//! hexreg_bearer_ base64url( end: 8 | digest: 16 | code: 32 )
//! ```
//!
//! `end` is the second in which it ends, big-endian since 1970, `digest` the first bytes of the token's SHA-256, and
//! `code` the HMAC-SHA256 of a label, the whole SHA-256 and `end`. No server keeps anything of it: each server with the
//! same file and the same key accepts it, while the token is in the file and valid.
//!
//! The key is made from a registry's private key ([`BearerKey`]). With a key made from the file alone, each reader
//! of the file could make bearer tokens, while its digests are of no use to them.

use std::fmt;

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::token::TokenDigest;
use crate::key::{KeyError, PrivateKey};
use crate::package::UnixSeconds;

const PREFIX: &str = "hexreg_bearer_";

/// How long a bearer token is valid at most, in seconds.
pub(super) const LIFETIME: i64 = 30 * 60;

/// How far the clock of the server that made it may be ahead, in seconds. It bounds how long the tokens of a server
/// with a wrong clock are valid.
const MAX_CLOCK_DIFFERENCE: i64 = 5 * 60;

/// What the private key signs to make a [`BearerKey`]. It is no protobuf message (0xFF has no wire type), so the
/// signature is not valid for anything that a registry signs.
const KEY_LABEL: &[u8] = b"\xFFhexreg: key of bearer tokens, version 1";

/// Begins what the code is made of. The lengths of the other parts are fixed.
const CODE_LABEL: &[u8] = b"hexreg: bearer token, version 1";

const END: usize = 8;
const DIGEST: usize = 16;
const CODE: usize = 32;

/// The secret with which bearer tokens are made and checked.
#[derive(Clone)]
pub struct BearerKey(hmac::Key);

/// A secret that stands for a token for half an hour. It is wiped from memory when dropped, and `Debug` does not show
/// it.
pub struct BearerToken(Zeroizing<String>);

/// A bearer token as a client sent it, not yet checked.
pub(super) struct SentBearer {
    /// The first second in which it is not valid.
    pub end: UnixSeconds,
    /// The first bytes of the digest of the token.
    pub digest: [u8; DIGEST],
    code: [u8; CODE],
}

/// The outcome of the check of a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BearerCheck {
    Valid,
    Expired,
    /// This server's keys did not make it, or a clock is wrong.
    Invalid,
}

/// Whether a secret has the form of a bearer token. Tokens do not have it.
#[must_use]
pub fn is_bearer_token(secret: &str) -> bool {
    SentBearer::read(secret.as_bytes()).is_some()
}

impl BearerKey {
    /// The key that belongs to a registry's private key: all servers that have it make and accept the same bearer
    /// tokens. It is made of a signature, which is the same every time, so it works with any form of the private key.
    ///
    /// # Errors
    /// [`KeyError::Signing`].
    pub fn of(private_key: &PrivateKey) -> Result<Self, KeyError> {
        let signature = Zeroizing::new(private_key.sign(KEY_LABEL)?);
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &signature)))
    }

    /// Makes the bearer token of a token.
    pub(super) fn issue(&self, token: &TokenDigest, end: UnixSeconds) -> BearerToken {
        let code = hmac::sign(&self.0, &code_input(token, end));
        let end = end.0.to_be_bytes();
        let bytes = Zeroizing::new(
            [&end, token.first_bytes::<DIGEST>().as_slice(), code.as_ref()].concat(),
        );
        let encoded = Zeroizing::new(BASE64URL_NOPAD.encode(&bytes));
        BearerToken(Zeroizing::new(format!("{PREFIX}{}", encoded.as_str())))
    }
}

/// The input has a fixed length.
fn code_input(token: &TokenDigest, UnixSeconds(end): UnixSeconds) -> Vec<u8> {
    [CODE_LABEL, &token.bytes(), &end.to_be_bytes()].concat()
}

impl SentBearer {
    /// Reads a secret that has the form of a bearer token.
    pub fn read(sent: &[u8]) -> Option<Self> {
        let encoded = sent.strip_prefix(PREFIX.as_bytes())?;
        let bytes = BASE64URL_NOPAD.decode(encoded).ok()?;
        let (end, rest) = bytes.split_first_chunk::<END>()?;
        let (digest, code) = rest.split_first_chunk::<DIGEST>()?;
        let code = <[u8; CODE]>::try_from(code).ok()?;
        Some(Self { end: UnixSeconds(i64::from_be_bytes(*end)), digest: *digest, code })
    }

    /// Checks it against the token that it names. The codes are compared in constant time.
    pub fn check(&self, keys: &[BearerKey], token: &TokenDigest, now: UnixSeconds) -> BearerCheck {
        let input = code_input(token, self.end);
        let is_ours = keys.iter().any(|key| hmac::verify(&key.0, &input, &self.code).is_ok());
        let latest = now.0.saturating_add(LIFETIME).saturating_add(MAX_CLOCK_DIFFERENCE);
        if !is_ours || self.end.0 > latest {
            BearerCheck::Invalid
        } else if now >= self.end {
            BearerCheck::Expired
        } else {
            BearerCheck::Valid
        }
    }
}

impl BearerToken {
    /// The secret, for the client that sent the token.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

impl fmt::Debug for BearerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerKey(…)")
    }
}
