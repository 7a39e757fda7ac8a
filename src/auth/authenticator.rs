//! Whose credentials an `Authorization` header carries.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use zeroize::Zeroizing;

use super::bearer::BearerKey;
use super::credentials::Credentials;
use super::file::AuthFile;
use super::grant::Grant;
use super::memory::{NotEnoughMemory, PasswordMemory};
use super::name::UserName;
use super::password::PasswordHash;
use super::random::{NoRandomness, random};
use super::tokens::{ExchangeError, Exchanged, ExpiredToken, TokenCheck, Tokens};
use super::user::User;
use crate::package::UnixSeconds;

/// The users of an [`AuthFile`], and the check of what clients send. Shared between threads.
///
/// [`Authenticator::authenticate`] does not block. A password that is not known to be right takes the time that its
/// hash was made to take. That part is a value of its own, a [`PasswordCheck`], which the caller runs where blocking
/// does no harm. The caller bounds how many run at once.
///
/// - A right password is remembered, as a digest under a key of this process, so that the 200 requests of one
///   `mix deps.get` cost one check. One password is remembered for each name; [`Authenticator::replace`] forgets all.
/// - A name without a password costs as much as a wrong password, so the time of an answer does not tell which names
///   exist.
/// - Secrets are compared in constant time.
/// - All checks together take at most 64 MiB.
pub struct Authenticator {
    key: ProcessKey,
    memory: Arc<PasswordMemory>,
    bearer_keys: Vec<BearerKey>,
    entries: RwLock<Arc<Entries>>,
}

/// Whose credentials a header carries.
#[derive(Debug)]
pub enum Authentication {
    /// The header is missing or empty; the server asks for credentials with `WWW-Authenticate`.
    NoCredentials,
    /// They are the credentials of this user.
    User(User),
    /// They are a token that has expired.
    Expired(ExpiredToken),
    /// They are the credentials of no user.
    Refused,
    /// They are a name and a password that have to be checked.
    Unchecked(PasswordCheck),
}

/// The check of a password. It blocks for the time that the hash was made to take.
pub struct PasswordCheck {
    key: ProcessKey,
    memory: Arc<PasswordMemory>,
    /// The entries when the request came: its outcome is not remembered in later ones.
    entries: Arc<Entries>,
    name: Zeroizing<Vec<u8>>,
    password: Zeroizing<Vec<u8>>,
}

struct Entries {
    passwords: Vec<StoredPassword>,
    /// The index in `passwords` of each name.
    names: HashMap<Vec<u8>, usize>,
    tokens: Tokens,
}

struct StoredPassword {
    name: UserName,
    hash: PasswordHash,
    /// The digest of the right password, once it was checked.
    verified: Mutex<Option<blake3::Hash>>,
}

/// The random key of a process.
#[derive(Clone)]
struct ProcessKey(Zeroizing<[u8; 32]>);

impl Authenticator {
    /// Accepts the credentials in this file, and the bearer tokens that any of the keys made. It makes them with the
    /// first key; without a key there are none.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn new(file: AuthFile, bearer_keys: Vec<BearerKey>) -> Result<Self, NoRandomness> {
        let key = ProcessKey(Zeroizing::new(random()?));
        let entries = RwLock::new(Arc::new(Entries::of(file)));
        Ok(Self { key, memory: Arc::default(), bearer_keys, entries })
    }

    /// Accepts the credentials in this file from now on, and no others. What was remembered is forgotten. Each call of
    /// [`authenticate`](Self::authenticate) uses either the old file or the new one as a whole.
    pub fn replace(&self, file: AuthFile) {
        let entries = Arc::new(Entries::of(file));
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = entries;
    }

    /// Looks up the value of an `Authorization` header, without blocking.
    #[must_use]
    pub fn authenticate(&self, authorization: Option<&[u8]>, now: UnixSeconds) -> Authentication {
        let entries = self.entries();
        let token = |secret: &[u8]| match entries.tokens.check(secret, &self.bearer_keys, now) {
            TokenCheck::Valid(user) => Some(Authentication::User(user)),
            TokenCheck::Expired(token) => Some(Authentication::Expired(token)),
            TokenCheck::Unknown => None,
        };
        let (name, password) = match Credentials::read(authorization) {
            Credentials::None => return Authentication::NoCredentials,
            Credentials::Malformed => return Authentication::Refused,
            Credentials::Token(secret) => return token(secret).unwrap_or(Authentication::Refused),
            // This is how clients send `https://TOKEN@host`. No name has an empty password.
            Credentials::Pair(secret, password) if password.is_empty() => {
                return token(&secret).unwrap_or(Authentication::Refused);
            }
            Credentials::Pair(name, password) => (name, password),
        };
        if let Some(found) = token(&password) {
            return found;
        }
        if entries.passwords.is_empty() {
            return Authentication::Refused;
        }
        if let Some(stored) = entries.password_of(&name) {
            if stored.is_verified(&self.key.digest(&password)) {
                return Authentication::User(stored.user());
            }
        }
        let (key, memory) = (self.key.clone(), Arc::clone(&self.memory));
        Authentication::Unchecked(PasswordCheck { key, memory, entries, name, password })
    }

    /// Makes a bearer token for a token of the file, which ends with that token.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub fn exchange(&self, token: &[u8], now: UnixSeconds) -> Result<Exchanged, ExchangeError> {
        self.entries().tokens.exchange(token, self.bearer_keys.first(), now)
    }

    fn entries(&self) -> Arc<Entries> {
        Arc::clone(&self.entries.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl PasswordCheck {
    /// The same for the same name and password, and reveals neither.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        let name = self.key.digest(&self.name);
        let password = self.key.digest(&self.password);
        let both = [*name.as_bytes(), *password.as_bytes()].concat();
        *self.key.digest(&both).as_bytes()
    }

    /// The user whose password it is, if it is right. It takes as long where the name is unknown.
    ///
    /// # Errors
    /// [`NotEnoughMemory`] for argon2: then it is unknown whether the password is right.
    pub fn run(self) -> Result<Option<User>, NotEnoughMemory> {
        let Self { key, memory, entries, name, password } = self;
        let stored = entries.password_of(&name);
        let Some(checked) = stored.or_else(|| entries.decoy(&key.digest(&name))) else {
            return Ok(None);
        };
        let is_right = checked.hash.matches(&password, &memory)?;
        // The outcome of a decoy does not count.
        let Some(stored) = stored.filter(|_| is_right) else { return Ok(None) };
        *stored.verified.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(key.digest(&password));
        Ok(Some(stored.user()))
    }
}

impl Entries {
    fn of(file: AuthFile) -> Self {
        let (passwords, tokens) = file.into_parts();
        let names = passwords.iter().map(|(name, _)| name.as_str().as_bytes().to_vec());
        let names = names.zip(0..).collect();
        let passwords = passwords.into_iter();
        let passwords =
            passwords.map(|(name, hash)| StoredPassword { name, hash, verified: Mutex::default() });
        Self { passwords: passwords.collect(), names, tokens: Tokens::of(tokens) }
    }

    fn password_of(&self, name: &[u8]) -> Option<&StoredPassword> {
        self.passwords.get(*self.names.get(name)?)
    }

    /// The hash that the password of an unknown name is checked against. It is always the same one for the same name,
    /// as for a known name, so hashes of different costs do not tell which names exist.
    fn decoy(&self, name: &blake3::Hash) -> Option<&StoredPassword> {
        let number = name.as_bytes().first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
        let index = number.checked_rem(u64::try_from(self.passwords.len()).ok()?)?;
        self.passwords.get(usize::try_from(index).ok()?)
    }
}

impl StoredPassword {
    fn user(&self) -> User {
        User { name: self.name.clone(), grant: Grant::read(), token: None }
    }

    fn is_verified(&self, digest: &blake3::Hash) -> bool {
        // BLAKE3 compares hashes in constant time.
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) == Some(*digest)
    }
}

impl ProcessKey {
    fn digest(&self, bytes: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.0, bytes)
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator(…)")
    }
}

/// Neither name nor password: people type the one in place of the other.
impl fmt::Debug for PasswordCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordCheck(…)")
    }
}

#[cfg(test)]
mod tests;
