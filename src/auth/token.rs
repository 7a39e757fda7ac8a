//! Tokens, and the digests that the file holds.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::random::{NoRandomness, random};

/// The prefix of a digest in the file.
pub(super) const SCHEME: &str = "$sha256$";

/// A secret that a machine made, for machines: `hexreg_` and the unpadded base64url of 256 random bits.
///
/// No character of it has a meaning in a URL, a shell or an Erlang string. The prefix tells people and scanners of
/// secrets what it is. It is wiped from memory when dropped, and `Debug` does not show it.
pub struct AccessToken(Zeroizing<String>);

impl AccessToken {
    /// Generates a token.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate() -> Result<Self, NoRandomness> {
        let secret = Zeroizing::new(random::<32>()?);
        let encoded = Zeroizing::new(BASE64URL_NOPAD.encode(secret.as_slice()));
        Ok(Self(Zeroizing::new(format!("hexreg_{}", encoded.as_str()))))
    }

    /// The secret, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The digest that the file holds.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

/// The SHA-256 of a token.
///
/// A password needs bcrypt or argon2; for a token a plain digest suffices, as 256 random bits cannot be guessed
/// however fast a guess is. This holds for tokens that `hexreg auth add` made: a secret that a person chose is a
/// password.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

/// What tells the tokens of a name apart, in lists and logs: the first 8 hex digits of a token's SHA-256. It is no
/// secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenId([u8; 4]);

/// A text is no [`TokenId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 8 hex digits, as `hexreg auth list` prints them")]
pub struct InvalidTokenId;

impl TokenDigest {
    /// The digest of the bytes that a client sent as its token.
    #[must_use]
    pub fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Compares in constant time.
    pub(super) fn same(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }

    /// Its short form.
    #[must_use]
    pub fn id(&self) -> TokenId {
        TokenId(self.first_bytes())
    }

    /// Compares the first bytes in constant time.
    pub(super) fn begins_with(&self, first: &[u8]) -> Choice {
        self.0.get(..first.len()).unwrap_or_default().ct_eq(first)
    }

    pub(super) fn first_bytes<const N: usize>(&self) -> [u8; N] {
        std::array::from_fn(|index| self.0.get(index).copied().unwrap_or_default())
    }

    /// A key for a map of the entries of the file itself. Never look up there what a client sent: the time would tell.
    pub(super) fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl FromStr for TokenDigest {
    type Err = ();

    /// Reads `$sha256$` and 43 characters of base64url or 64 of hex.
    fn from_str(text: &str) -> Result<Self, ()> {
        let encoded = text.strip_prefix(SCHEME).ok_or(())?.as_bytes();
        let decoded = match encoded.len() {
            43 => BASE64URL_NOPAD.decode(encoded),
            64 => HEXLOWER_PERMISSIVE.decode(encoded),
            _ => return Err(()),
        };
        Ok(Self(decoded.map_err(|_| ())?.try_into().map_err(|_| ())?))
    }
}

/// As the file holds it.
impl fmt::Display for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

impl FromStr for TokenId {
    type Err = InvalidTokenId;

    fn from_str(text: &str) -> Result<Self, InvalidTokenId> {
        let decoded = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
        decoded.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(InvalidTokenId)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl Serialize for TokenId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_random_and_hidden() {
        let [one, other] = [(); 2].map(|()| AccessToken::generate().unwrap());
        assert_eq!(one.reveal().len(), "hexreg_".len() + 43);
        assert!(one.reveal().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(format!("{one:?} {:?}", one.digest()), "AccessToken(…) TokenDigest(…)");
    }

    #[test]
    fn a_digest_is_parsed_in_both_forms() {
        let hex = "$sha256$2BB80D537B1DA3E38BD30361AA855686bde0eacd7162fef6a25fe97bf527a25b";
        let written = TokenDigest::of(b"secret").to_string();
        assert_eq!(written, "$sha256$K7gNU3sdo-OL0wNhqoVWhr3g6s1xYv72ol_pe_Unols");
        for text in [hex, &written] {
            let read: TokenDigest = text.parse().unwrap();
            assert!(bool::from(read.same(&TokenDigest::of(b"secret"))));
            assert!(!bool::from(read.same(&TokenDigest::of(b"secre"))));
        }
        for bad in [
            "",
            "$sha256$",
            "$sha256$é",
            &written.replace("$sha256$", ""),
            &hex.replace('b', ""),
            "$sha512$aa",
        ] {
            assert!(bad.parse::<TokenDigest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_is_the_beginning_of_the_digest() {
        let digest = TokenDigest::of(b"secret");
        assert_eq!(digest.id().to_string(), "2bb80d53");
        assert_eq!("2BB80D53".parse(), Ok(digest.id()));
        for bad in ["", "2bb80d5", "2bb80d537", "2bb80d5g", "2bb80d53 ", "2bb80d537b1da3e3"] {
            assert_eq!(bad.parse::<TokenId>(), Err(InvalidTokenId), "{bad:?}");
        }
        assert_eq!(digest.first_bytes(), [0x2b, 0xb8]);
        let begins = |first: &[u8]| bool::from(digest.begins_with(first));
        assert!(begins(&[0x2b, 0xb8]) && begins(&digest.bytes()) && !begins(&[0x2b, 0xb9]));
        assert!(!begins(&[0; 33]));
    }
}
