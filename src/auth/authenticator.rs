//! Answers to what clients send.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use subtle::ConditionallySelectable;
use zeroize::Zeroizing;

use super::credentials::Credentials;
use super::file::AuthFile;
use super::memory::{NotEnoughMemory, PasswordMemory};
use super::name::UserName;
use super::password::PasswordHash;
use super::token::TokenDigest;
use super::{NoRandomness, random};

/// Who may pass, and whether this is one of them. Shared between threads.
///
/// [`Gate::ask`] answers at once wherever it can. A password that has not been seen to be right takes as
/// long as its hash was made to take; that part is a value of its own, a [`PasswordCheck`], to be moved
/// to where blocking does no harm. Whoever calls bounds how many run at once.
///
/// - A right password is remembered, as a digest under a key of this process, so that the 200 requests
///   of one `mix deps.get` cost one check. There is one place a name; [`Gate::replace`] empties all.
/// - A name that has no password costs the check of one that has: how long an answer takes does not tell
///   which names there are.
/// - Secrets are compared in constant time.
/// - All checks together take at most 64 MiB.
pub struct Gate {
    key: Key,
    memory: Arc<PasswordMemory>,
    entries: RwLock<Arc<Entries>>,
}

/// What a header is worth.
#[derive(Debug)]
pub enum Answer {
    /// There are no credentials; the server says in `WWW-Authenticate` that it wants some.
    NoCredentials,
    /// They are this name's.
    Admitted(UserName),
    /// They are nobody's.
    Refused,
    /// They are a name and a password that have to be checked.
    Undecided(PasswordCheck),
}

/// A password to be checked; blocks for as long as its hash was made to take.
pub struct PasswordCheck {
    key: Key,
    memory: Arc<PasswordMemory>,
    /// Those of the moment it was asked: what comes of it is not remembered among later ones.
    entries: Arc<Entries>,
    name: Zeroizing<Vec<u8>>,
    password: Zeroizing<Vec<u8>>,
}

struct Entries {
    passwords: Vec<Password>,
    /// Where in `passwords` a name has its own.
    names: HashMap<Vec<u8>, usize>,
    tokens: Vec<(UserName, TokenDigest)>,
}

struct Password {
    name: UserName,
    hash: PasswordHash,
    /// The digest of the password that was right.
    seen: Mutex<Option<blake3::Hash>>,
}

/// The random key of a process.
#[derive(Clone)]
struct Key(Zeroizing<[u8; 32]>);

impl Gate {
    /// Lets in whom the file names.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn new(file: AuthFile) -> Result<Self, NoRandomness> {
        let key = Key(Zeroizing::new(random()?));
        let entries = RwLock::new(Arc::new(Entries::of(file)));
        Ok(Self { key, memory: Arc::default(), entries })
    }

    /// Lets in whom this file names, and nobody else any more; what was remembered is forgotten. Every
    /// call of [`ask`](Self::ask) sees the one file or the other, whole.
    pub fn replace(&self, file: AuthFile) {
        let entries = Arc::new(Entries::of(file));
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = entries;
    }

    /// Answers the value of an `Authorization` header, without blocking.
    #[must_use]
    pub fn ask(&self, authorization: Option<&[u8]>) -> Answer {
        let entries = Arc::clone(&self.entries.read().unwrap_or_else(PoisonError::into_inner));
        let admitted = |name: Option<&UserName>| {
            name.map_or(Answer::Refused, |name| Answer::Admitted(name.clone()))
        };
        let (name, password) = match Credentials::read(authorization) {
            Credentials::None => return Answer::NoCredentials,
            Credentials::Malformed => return Answer::Refused,
            Credentials::Token(token) => return admitted(entries.of_token(token)),
            // What `https://TOKEN@host` comes to. No name has an empty password.
            Credentials::Pair(token, nothing) if nothing.is_empty() => {
                return admitted(entries.of_token(&token));
            }
            Credentials::Pair(name, password) => (name, password),
        };
        if let Some(owner) = entries.of_token(&password) {
            return admitted(
                Some(owner).filter(|owner| owner.as_str().as_bytes() == name.as_slice()),
            );
        }
        if entries.passwords.is_empty() {
            return Answer::Refused;
        }
        if let Some(known) = entries.of_name(&name) {
            if known.was_seen(&self.key.digest(&password)) {
                return Answer::Admitted(known.name.clone());
            }
        }
        let (key, memory) = (self.key.clone(), Arc::clone(&self.memory));
        Answer::Undecided(PasswordCheck { key, memory, entries, name, password })
    }
}

impl PasswordCheck {
    /// What is the same for the same name and password, and tells neither.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        let name = self.key.digest(&self.name);
        let password = self.key.digest(&self.password);
        let both = [*name.as_bytes(), *password.as_bytes()].concat();
        *self.key.digest(&both).as_bytes()
    }

    /// Whose password it is, if it is right; takes as long where the name is unknown.
    ///
    /// # Errors
    /// [`NotEnoughMemory`] for argon2: whether the password is right is not known.
    pub fn settle(self) -> Result<Option<UserName>, NotEnoughMemory> {
        let Self { key, memory, entries, name, password } = self;
        let known = entries.of_name(&name);
        let Some(checked) = known.or_else(|| entries.stand_in(&key.digest(&name))) else {
            return Ok(None);
        };
        let right = checked.hash.matches(&password, &memory)?;
        // A stand-in's answer does not count.
        let Some(known) = known.filter(|_| right) else { return Ok(None) };
        *known.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.digest(&password));
        Ok(Some(known.name.clone()))
    }
}

impl Entries {
    fn of(file: AuthFile) -> Self {
        let (passwords, tokens) = file.into_parts();
        let names = passwords.iter().map(|(name, _)| name.as_str().as_bytes().to_vec());
        let names = names.zip(0..).collect();
        let passwords = passwords.into_iter();
        let passwords =
            passwords.map(|(name, hash)| Password { name, hash, seen: Mutex::default() });
        Self { passwords: passwords.collect(), names, tokens }
    }

    fn of_name(&self, name: &[u8]) -> Option<&Password> {
        self.passwords.get(*self.names.get(name)?)
    }

    /// Whose token it is. All are looked at, whichever it is.
    fn of_token(&self, token: &[u8]) -> Option<&UserName> {
        let digest = TokenDigest::of(token);
        let mut found = 0_u64;
        for (number, (_, known)) in (1..).zip(&self.tokens) {
            found.conditional_assign(&number, known.same(&digest));
        }
        let index = usize::try_from(found.checked_sub(1)?).ok()?;
        self.tokens.get(index).map(|(name, _)| name)
    }

    /// Whose hash an unknown name is checked against: for each name always the same one, as for a name
    /// that is known, so that hashes of different costs tell nothing either.
    fn stand_in(&self, name: &blake3::Hash) -> Option<&Password> {
        let number = name.as_bytes().first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
        let index = number.checked_rem(u64::try_from(self.passwords.len()).ok()?)?;
        self.passwords.get(usize::try_from(index).ok()?)
    }
}

impl Password {
    fn was_seen(&self, digest: &blake3::Hash) -> bool {
        // BLAKE3's own comparison, in constant time.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) == Some(*digest)
    }
}

impl Key {
    fn digest(&self, bytes: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.0, bytes)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate(…)")
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

    /// Of a bcrypt of this cost.
    fn bcrypt(password: &str, cost: u32) -> String {
        bcrypt::hash_with_salt(password, cost, *b"sixteen salty by").unwrap().to_string()
    }

    fn file(text: &str) -> AuthFile {
        AuthFile::parse(text.as_bytes()).unwrap()
    }

    fn gate() -> Gate {
        let [ci, ann] = ["citoken", "anntoken"].map(|token| TokenDigest::of(token.as_bytes()));
        let hash = bcrypt("open sesame", 4);
        Gate::new(file(&format!("ann:{hash}\nci:{ci}\nann:{ann}\n"))).unwrap()
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", BASE64.encode(pair.as_bytes()))
    }

    /// The answer with its check done: a name, or none; and whether it took a check.
    fn ask(gate: &Gate, header: &str) -> (Option<String>, bool) {
        let name = |name: UserName| name.as_str().to_owned();
        match gate.ask(Some(header.as_bytes())) {
            Answer::Admitted(found) => (Some(name(found)), false),
            Answer::Refused => (None, false),
            Answer::Undecided(check) => (check.settle().unwrap().map(name), true),
            Answer::NoCredentials => panic!("there are some"),
        }
    }

    #[test]
    fn a_token_is_good_in_every_way_clients_send_it() {
        let gate = gate();
        assert!(matches!(gate.ask(None), Answer::NoCredentials));
        assert!(matches!(gate.ask(Some(b"")), Answer::NoCredentials));
        for header in
            ["citoken", "Bearer citoken", &basic("citoken:"), &basic("ci:citoken"), " citoken "]
        {
            assert_eq!(ask(&gate, header), (Some("ci".to_owned()), false), "{header}");
        }
        assert_eq!(ask(&gate, "anntoken"), (Some("ann".to_owned()), false));
        for header in ["citoke", "Bearer open sesame", "open sesame", &basic("ann:citoken")] {
            assert_eq!(ask(&gate, header), (None, false), "{header}");
        }
        for header in [basic("ann:"), basic(":citoken"), basic(":"), "Basic x".to_owned()] {
            assert_eq!(ask(&gate, &header), (None, false), "{header}");
        }
    }

    #[test]
    fn a_right_password_is_checked_once_and_a_wrong_one_each_time() {
        let gate = gate();
        let right = basic("ann:open sesame");
        for _ in 0..2 {
            assert_eq!(ask(&gate, &basic("ann:open")), (None, true));
            assert_eq!(ask(&gate, &basic("eve:open sesame")), (None, true));
            assert_eq!(ask(&gate, &basic("ci:open sesame")), (None, true));
        }
        assert_eq!(ask(&gate, &right), (Some("ann".to_owned()), true));
        for _ in 0..2 {
            assert_eq!(ask(&gate, &right), (Some("ann".to_owned()), false));
            assert_eq!(ask(&gate, &basic("ann:open")), (None, true));
            assert_eq!(ask(&gate, &basic("eve:open sesame")), (None, true));
        }
    }

    #[test]
    fn replacing_the_file_forgets_everything() {
        let gate = gate();
        let right = basic("ann:open sesame");
        ask(&gate, &right);
        let Answer::Undecided(late) = gate.ask(Some(basic("ann:open sesam").as_bytes())) else {
            panic!("a wrong password is checked")
        };
        gate.replace(file(&format!("ann:{}\n", bcrypt("open sesam", 4))));
        assert_eq!(ask(&gate, &right), (None, true));
        assert_eq!(ask(&gate, "citoken"), (None, false));
        // It was asked before, and answers of then.
        assert_eq!(late.settle(), Ok(None));
        assert_eq!(ask(&gate, &basic("ann:open sesam")), (Some("ann".to_owned()), true));
        gate.replace(AuthFile::default());
        assert_eq!(ask(&gate, &right), (None, false));
    }

    /// A success of the former file is not remembered in the next.
    #[test]
    fn a_late_success_is_not_remembered() {
        let gate = gate();
        let right = basic("ann:open sesame");
        let Answer::Undecided(late) = gate.ask(Some(right.as_bytes())) else {
            panic!("it was not seen yet")
        };
        gate.replace(file(&format!("ann:{}\n", bcrypt("another", 4))));
        assert_eq!(late.settle().unwrap().unwrap().as_str(), "ann");
        assert_eq!(ask(&gate, &right), (None, true));
    }

    /// Without a check it would take a thousandth.
    #[test]
    fn an_unknown_name_takes_as_long_as_a_wrong_password() {
        let gate = Gate::new(file(&format!("ann:{}\n", bcrypt("open sesame", 9)))).unwrap();
        let took = |pair: &str| -> Duration {
            let header = basic(pair);
            let once = || {
                let began = Instant::now();
                assert_eq!(ask(&gate, &header).0, None);
                began.elapsed()
            };
            (0..3).map(|_| once()).min().unwrap()
        };
        let (known, unknown) = (took("ann:open"), took("eve:open"));
        assert!(unknown > known / 4 && known > unknown / 4, "{known:?} {unknown:?}");
    }

    #[test]
    fn stand_ins_are_spread_and_stay() {
        let hash = bcrypt("x", 4);
        let lines: Vec<_> = (0..4).map(|number| format!("user{number}:{hash}")).collect();
        let gate = Gate::new(file(&lines.join("\n"))).unwrap();
        let entries = gate.entries.read().unwrap();
        let stand_in = |name: usize| {
            let digest = gate.key.digest(name.to_string().as_bytes());
            entries.stand_in(&digest).unwrap().name.clone()
        };
        let all: std::collections::HashSet<_> = (0..200).map(stand_in).collect();
        assert_eq!(all.len(), 4);
        assert_eq!(stand_in(7), stand_in(7));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let gate = gate();
        let answer = gate.ask(Some(basic("hunter2:hunter2").as_bytes()));
        assert_eq!(format!("{gate:?} {answer:?}"), "Gate(…) Undecided(PasswordCheck(…))");
    }
}
