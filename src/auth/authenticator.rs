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
use super::tokens::{ExchangeError, Exchanged, TokenCheck, Tokens};
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
    /// They are a token of this user whose last day has passed, or a bearer token whose half hour has.
    Expired(UserName),
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
            TokenCheck::Over(name) => Some(Authentication::Expired(name)),
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
mod tests {
    use std::time::{Duration, Instant};

    use data_encoding::BASE64;

    use super::*;
    use crate::auth::token::TokenDigest;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

    /// A bcrypt hash of this cost.
    fn bcrypt(password: &str, cost: u32) -> String {
        bcrypt::hash_with_salt(password, cost, *b"sixteen salty by").unwrap().to_string()
    }

    fn file(text: &str) -> AuthFile {
        AuthFile::parse(text.as_bytes()).unwrap()
    }

    fn authenticator() -> Authenticator {
        let [ci, ann] = ["citoken", "anntoken"].map(|token| TokenDigest::of(token.as_bytes()));
        let hash = bcrypt("open sesame", 4);
        new(&format!("ann:{hash}\nci:{ci}\nann:{ann}\n"))
    }

    fn new(text: &str) -> Authenticator {
        Authenticator::new(file(text), Vec::new()).unwrap()
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", BASE64.encode(pair.as_bytes()))
    }

    /// The user, after a check if one is needed; and whether one was.
    fn authenticate(authenticator: &Authenticator, header: &str) -> (Option<String>, bool) {
        let name = |user: User| user.name.as_str().to_owned();
        match authenticator.authenticate(Some(header.as_bytes()), NOW) {
            Authentication::User(found) => (Some(name(found)), false),
            Authentication::Refused | Authentication::Expired(_) => (None, false),
            Authentication::Unchecked(check) => (check.run().unwrap().map(name), true),
            Authentication::NoCredentials => panic!("the header has credentials"),
        }
    }

    #[test]
    fn a_token_is_accepted_in_every_form_clients_send() {
        let authenticator = authenticator();
        assert!(matches!(authenticator.authenticate(None, NOW), Authentication::NoCredentials));
        assert!(matches!(
            authenticator.authenticate(Some(b""), NOW),
            Authentication::NoCredentials
        ));
        for header in [
            "citoken",
            "Bearer citoken",
            &basic("citoken:"),
            &basic("ci:citoken"),
            " citoken ",
            // `rebar3 hex user auth` asks for a user name, which may be any.
            &basic("ann:citoken"),
            &basic("me@example.com:citoken"),
            &basic(":citoken"),
        ] {
            assert_eq!(
                authenticate(&authenticator, header),
                (Some("ci".to_owned()), false),
                "{header}"
            );
        }
        assert_eq!(authenticate(&authenticator, "anntoken"), (Some("ann".to_owned()), false));
        for header in ["citoke", "Bearer open sesame", "open sesame", "Bearer ann:citoken"] {
            assert_eq!(authenticate(&authenticator, header), (None, false), "{header}");
        }
        for header in [basic("ann:"), basic("citoke:"), basic(":"), "Basic x".to_owned()] {
            assert_eq!(authenticate(&authenticator, &header), (None, false), "{header}");
        }
    }

    #[test]
    fn a_right_password_is_checked_once_and_a_wrong_one_each_time() {
        let authenticator = authenticator();
        let right = basic("ann:open sesame");
        for _ in 0..2 {
            assert_eq!(authenticate(&authenticator, &basic("ann:open")), (None, true));
            assert_eq!(authenticate(&authenticator, &basic("eve:open sesame")), (None, true));
            assert_eq!(authenticate(&authenticator, &basic("ci:open sesame")), (None, true));
        }
        assert_eq!(authenticate(&authenticator, &right), (Some("ann".to_owned()), true));
        for _ in 0..2 {
            assert_eq!(authenticate(&authenticator, &right), (Some("ann".to_owned()), false));
            assert_eq!(authenticate(&authenticator, &basic("ann:open")), (None, true));
            assert_eq!(authenticate(&authenticator, &basic("eve:open sesame")), (None, true));
        }
    }

    #[test]
    fn replacing_the_file_forgets_everything() {
        let authenticator = authenticator();
        let right = basic("ann:open sesame");
        authenticate(&authenticator, &right);
        let Authentication::Unchecked(late) =
            authenticator.authenticate(Some(basic("ann:open sesam").as_bytes()), NOW)
        else {
            panic!("a wrong password is checked")
        };
        authenticator.replace(file(&format!("ann:{}\n", bcrypt("open sesam", 4))));
        assert_eq!(authenticate(&authenticator, &right), (None, true));
        assert_eq!(authenticate(&authenticator, "citoken"), (None, false));
        // It belongs to the former file.
        assert_eq!(late.run().unwrap(), None);
        assert_eq!(
            authenticate(&authenticator, &basic("ann:open sesam")),
            (Some("ann".to_owned()), true)
        );
        authenticator.replace(AuthFile::default());
        assert_eq!(authenticate(&authenticator, &right), (None, false));
    }

    /// A check that began with the former file is not remembered in the new one.
    #[test]
    fn a_late_success_is_not_remembered() {
        let authenticator = authenticator();
        let right = basic("ann:open sesame");
        let Authentication::Unchecked(late) =
            authenticator.authenticate(Some(right.as_bytes()), NOW)
        else {
            panic!("it was not seen yet")
        };
        authenticator.replace(file(&format!("ann:{}\n", bcrypt("another", 4))));
        assert_eq!(late.run().unwrap().unwrap().name.as_str(), "ann");
        assert_eq!(authenticate(&authenticator, &right), (None, true));
    }

    /// Without a check it would take a thousandth of the time.
    #[test]
    fn an_unknown_name_takes_as_long_as_a_wrong_password() {
        let authenticator = new(&format!("ann:{}\n", bcrypt("open sesame", 9)));
        let took = |pair: &str| -> Duration {
            let header = basic(pair);
            let once = || {
                let began = Instant::now();
                assert_eq!(authenticate(&authenticator, &header).0, None);
                began.elapsed()
            };
            (0..3).map(|_| once()).min().unwrap()
        };
        let (known, unknown) = (took("ann:open"), took("eve:open"));
        assert!(unknown > known / 4 && known > unknown / 4, "{known:?} {unknown:?}");
    }

    #[test]
    fn decoys_are_spread_and_stay_the_same() {
        let hash = bcrypt("x", 4);
        let lines: Vec<_> = (0..4).map(|number| format!("user{number}:{hash}")).collect();
        let authenticator = new(&lines.join("\n"));
        let entries = authenticator.entries.read().unwrap();
        let decoy = |name: usize| {
            let digest = authenticator.key.digest(name.to_string().as_bytes());
            entries.decoy(&digest).unwrap().name.clone()
        };
        let all: std::collections::HashSet<_> = (0..200).map(decoy).collect();
        assert_eq!(all.len(), 4);
        assert_eq!(decoy(7), decoy(7));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let authenticator = authenticator();
        let found = authenticator.authenticate(Some(basic("hunter2:hunter2").as_bytes()), NOW);
        assert_eq!(
            format!("{authenticator:?} {found:?}"),
            "Authenticator(…) Unchecked(PasswordCheck(…))"
        );
    }
}
