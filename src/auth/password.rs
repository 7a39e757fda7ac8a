//! Hashes of passwords: bcrypt and argon2id, slow to compute on purpose.

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use bcrypt::HashParts;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::invalid::LineError;
use super::memory::{MAX_MEMORY, NotEnoughMemory, PasswordMemory};
use super::random::{NoRandomness, random};

/// The highest cost of bcrypt: about ten seconds, and the limit of `htpasswd`.
const MAX_BCRYPT_COST: u32 = 17;

/// The highest cost of argon2, in KiB of memory written: a few seconds.
const MAX_ARGON2_WORK: u64 = 1 << 23;

/// The longest password, in bytes: it fits the Basic header of every client.
const MAX_LENGTH: usize = 1024;

/// The hash of a password, as a line of the file holds it: bcrypt (`$2a$`, `$2b$`, `$2y$`) or argon2id
/// as a PHC string.
///
/// bcrypt reads only the first 72 bytes of a password, here as in Apache.
#[derive(Clone)]
pub struct PasswordHash(HashKind);

#[derive(Clone)]
enum HashKind {
    Bcrypt(String),
    Argon2id(Box<phc::PasswordHash>),
}

/// Why a text is not accepted as a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each variant is")]
pub enum InvalidPassword {
    /// A Basic pair with an empty password holds a token.
    #[error("the password is empty")]
    Empty,
    /// RFC 7617 forbids control characters.
    #[error("the password has a control character in it")]
    Control,
    #[error("the password is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// A salt is random.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("the password could not be hashed: there is not enough memory")]
    Hashing,
}

impl PasswordHash {
    /// Hashes a password with argon2id: 19 MiB, two passes, as OWASP advises.
    ///
    /// # Errors
    /// [`InvalidPassword`].
    pub fn of(password: &str) -> Result<Self, InvalidPassword> {
        match password {
            "" => return Err(InvalidPassword::Empty),
            text if text.contains(char::is_control) => return Err(InvalidPassword::Control),
            text if text.len() > MAX_LENGTH => return Err(InvalidPassword::TooLong),
            _ => {}
        }
        let salt = random::<16>()?;
        let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map_err(|_| InvalidPassword::Hashing)?;
        Ok(Self(HashKind::Argon2id(Box::new(hash))))
    }

    /// Whether this is the password. It takes the time that the hash was made to take, right or wrong.
    pub(super) fn matches(
        &self,
        password: &[u8],
        memory: &PasswordMemory,
    ) -> Result<bool, NotEnoughMemory> {
        match &self.0 {
            HashKind::Bcrypt(hash) => Ok(bcrypt::verify(password, hash).unwrap_or(false)),
            HashKind::Argon2id(hash) => matches_argon2id(hash, password, memory),
        }
    }
}

impl FromStr for PasswordHash {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let kind = match text {
            text if ["$2a$", "$2b$", "$2y$"].iter().any(|scheme| text.starts_with(scheme)) => {
                read_bcrypt(text)?
            }
            text if text.starts_with("$argon2id$") => read_argon2id(text)?,
            text => return Err(LineError::unknown_scheme(text)),
        };
        Ok(Self(kind))
    }
}

fn read_bcrypt(text: &str) -> Result<HashKind, LineError> {
    // The crate would accept a sign before the number.
    let digits = text.get(4..6).filter(|cost| cost.bytes().all(|byte| byte.is_ascii_digit()));
    let parts = digits.and_then(|_| text.parse::<HashParts>().ok());
    match parts.ok_or(LineError::MalformedBcrypt)?.get_cost() {
        4..=MAX_BCRYPT_COST => Ok(HashKind::Bcrypt(text.to_owned())),
        cost => Err(LineError::BcryptCost(cost)),
    }
}

fn read_argon2id(text: &str) -> Result<HashKind, LineError> {
    let hash = phc::PasswordHash::new(text).map_err(|_| LineError::MalformedArgon2)?;
    // argon2 accepts no salt below 8 bytes.
    let salted = hash.salt.as_ref().is_some_and(|salt| salt.as_ref().len() >= 8);
    // Earlier versions have no argon2id.
    if !salted || hash.hash.is_none() || hash.version != Some(Version::V0x13.into()) {
        return Err(LineError::MalformedArgon2);
    }
    let params = Params::try_from(&hash).map_err(|_| LineError::MalformedArgon2)?;
    let work = u64::from(params.m_cost()).saturating_mul(params.t_cost().into());
    if params.m_cost() > MAX_MEMORY || work > MAX_ARGON2_WORK {
        return Err(LineError::Argon2Cost);
    }
    Ok(HashKind::Argon2id(Box::new(hash)))
}

/// Used in place of the crate's `verify_password`, which allocates memory for each check.
fn matches_argon2id(
    hash: &phc::PasswordHash,
    password: &[u8],
    memory: &PasswordMemory,
) -> Result<bool, NotEnoughMemory> {
    // `read_argon2id` has checked that each is there.
    let (Some(salt), Some(expected), Ok(params)) = (&hash.salt, &hash.hash, Params::try_from(hash))
    else {
        return Ok(false);
    };
    let mut blocks = memory.take(params.block_count())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = Zeroizing::new(vec![0; expected.len()]);
    let hashed =
        argon2.hash_password_into_with_memory(password, salt.as_ref(), &mut output, &mut blocks);
    Ok(hashed.is_ok() && bool::from(output.ct_eq(expected.as_bytes())))
}

/// As the file holds it.
impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            HashKind::Bcrypt(hash) => f.write_str(hash),
            HashKind::Argon2id(hash) => hash.fmt(f),
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Apache's `htpasswd -nbB`, and the `argon2` program.
    const BCRYPT: &str = "$2y$05$bGxgEP6Q/HIaVz3wn9.FROVisJk7gCAB5L77Dz6ptinkgyTTCRJf.";
    const ARGON2: &str =
        "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$fPRnlj/5Q+8nNssIsNMVNWbd02kYedEWlNFYcsyq+2E";

    #[test]
    fn hashes_of_other_programs_are_verified() {
        let memory = PasswordMemory::default();
        for text in
            [BCRYPT, &BCRYPT.replace("$2y$", "$2b$"), &BCRYPT.replace("$2y$", "$2a$"), ARGON2]
        {
            let hash: PasswordHash = text.parse().unwrap();
            assert_eq!(hash.matches("pä:ss".as_bytes(), &memory), Ok(true), "{text}");
            assert_eq!(hash.matches(b"pass", &memory), Ok(false), "{text}");
            assert_eq!(hash.matches(b"", &memory), Ok(false), "{text}");
            assert_eq!(hash.to_string(), *text);
            assert_eq!(format!("{hash:?}"), "PasswordHash(…)");
        }
    }

    #[test]
    fn a_new_hash_is_argon2id_with_its_own_salt() {
        let [one, other] = [(); 2].map(|()| PasswordHash::of("open sesame").unwrap().to_string());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
        let read: PasswordHash = one.parse().unwrap();
        let memory = PasswordMemory::default();
        assert_eq!(read.matches(b"open sesame", &memory), Ok(true));
        assert_eq!(read.matches(b"open sesam", &memory), Ok(false));
    }

    #[test]
    fn a_password_that_no_client_can_send_is_refused() {
        let why = |password: &str| PasswordHash::of(password).unwrap_err();
        assert_eq!(why(""), InvalidPassword::Empty);
        assert_eq!(why("a\tb"), InvalidPassword::Control);
        assert_eq!(why(&"a".repeat(1025)), InvalidPassword::TooLong);
    }

    #[test]
    fn a_damaged_or_boundless_hash_is_refused() {
        let why = |text: &str| text.parse::<PasswordHash>().unwrap_err();
        for bad in [
            BCRYPT.trim_end_matches('.'),
            &format!("{BCRYPT}:extra"),
            &BCRYPT.replace("$05$", "$+5$"),
            &BCRYPT.replace("$05$", "$é$"),
            "$2y$",
        ] {
            assert_eq!(why(bad), LineError::MalformedBcrypt, "{bad}");
        }
        assert_eq!(why(&BCRYPT.replace("$05$", "$18$")), LineError::BcryptCost(18));
        assert_eq!(why(&BCRYPT.replace("$05$", "$03$")), LineError::BcryptCost(3));
        for bad in [
            "$argon2id$",
            "$argon2id$v=19$m=4096,t=3,p=1",
            "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQ",
            &ARGON2.replace("v=19", "v=16"),
            &ARGON2.replace("$v=19", ""),
            &ARGON2.replace("p=1", "p=0"),
            &ARGON2.replace("p=1", "p=999999999"),
            &ARGON2.replace("t=3", "x=3"),
            &format!("{ARGON2}$"),
        ] {
            assert_eq!(why(bad), LineError::MalformedArgon2, "{bad}");
        }
        assert_eq!(why(&ARGON2.replace("m=4096", "m=4294967295")), LineError::Argon2Cost);
        assert_eq!(why(&ARGON2.replace("m=4096", "m=65537")), LineError::Argon2Cost);
        // What RFC 9106 advises where memory is short.
        assert!(
            ARGON2.replace("m=4096,t=3,p=1", "m=65536,t=3,p=4").parse::<PasswordHash>().is_ok()
        );
        assert_eq!(why(&ARGON2.replace("t=3", "t=4294967295")), LineError::Argon2Cost);
    }
}
