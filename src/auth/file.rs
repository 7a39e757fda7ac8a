//! The file of those who may read, as text.

use std::collections::HashMap;
use std::fmt;

use super::name::{InvalidUserName, UserName};
use super::password::PasswordHash;
use super::token::{self, TokenDigest};

/// What to do about a password that cannot be checked.
const ADVICE: &str = "make it anew with `htpasswd -B` or `hexreg auth add --password`";

/// The entries of a file, each checked.
///
/// `Debug` tells how many there are, and of whom.
#[derive(Clone, Default)]
pub struct AuthFile {
    passwords: Vec<(UserName, PasswordHash)>,
    tokens: Vec<(UserName, TokenDigest)>,
}

/// Why a text is no [`AuthFile`]: every line that is at fault.
#[derive(Debug, thiserror::Error)]
pub struct InvalidAuthFile {
    /// Ascending, and never empty.
    pub lines: Vec<BadLine>,
}

/// A line at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct BadLine {
    /// Which, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line. None repeats what the line holds but a name: the rest may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is in another encoding.
    #[error("it is not UTF-8: save the file as UTF-8")]
    NotUtf8,
    /// It has no `:`.
    #[error("it has no `:`: expected NAME:HASH, or a `#` before a comment")]
    NoColon,
    /// What precedes the `:` is no name.
    #[error("{0}: write another")]
    Name(InvalidUserName),
    /// A hash of another time, or of another kind.
    #[error("its password is hashed with {0}: expected bcrypt or argon2id; {ADVICE}")]
    Scheme(&'static str),
    /// No hash at all: a plain password, or one hashed by `crypt`.
    #[error(
        "what follows the name is plain text or an unknown hash: expected bcrypt ($2y$), argon2id ($argon2id$) or a token's SHA-256 ({scheme}); {ADVICE}",
        scheme = token::SCHEME
    )]
    UnknownScheme,
    /// It begins as bcrypt.
    #[error("its bcrypt hash is damaged: expected 60 characters and nothing after them; {ADVICE}")]
    MalformedBcrypt,
    /// It begins as argon2id.
    #[error(
        "its argon2id hash is damaged: expected $argon2id$v=19$m=…,t=…,p=…$SALT$HASH; {ADVICE}"
    )]
    MalformedArgon2,
    /// Nobody would wait for it, or it is no cost at all.
    #[error("its bcrypt hash has a cost of {0}: expected 4 to 17; {ADVICE}")]
    BcryptCost(u32),
    /// Nobody would wait for it.
    #[error(
        "its argon2id hash takes too much to check: expected up to 64 MiB of memory (m=65536), and 8 GiB in all passes; {ADVICE}"
    )]
    Argon2Cost,
    /// It begins as a token's digest.
    #[error(
        "its token's SHA-256 is damaged: expected {scheme} and 43 characters of base64url or 64 of hex; `hexreg auth add` makes a new token",
        scheme = token::SCHEME
    )]
    MalformedToken,
    /// One password a name.
    #[error(
        "{name} has a password in line {first} already: leave one of them, or let this be another name"
    )]
    SecondPassword {
        /// Whose.
        name: UserName,
        /// The line of the other one.
        first: usize,
    },
    /// A token belongs to one name, and once.
    #[error("it has the same token as line {first}: take one of them away")]
    SameToken {
        /// The line of the other one.
        first: usize,
    },
}

/// What a name is known by.
pub(super) enum Secret {
    Password(PasswordHash),
    Token(TokenDigest),
}

impl Problem {
    /// What a hash is that is none of ours.
    pub(super) fn unknown_scheme(text: &str) -> Self {
        let schemes = [
            ("$apr1$", "MD5"),
            ("$1$", "MD5"),
            ("{SHA}", "SHA-1"),
            ("{SSHA}", "SHA-1"),
            ("$5$", "SHA-256 crypt"),
            ("$6$", "SHA-512 crypt"),
            ("$2x$", "a faulty bcrypt"),
            ("$2$", "the first bcrypt"),
            ("$argon2i$", "argon2i"),
            ("$argon2d$", "argon2d"),
            ("$scrypt$", "scrypt"),
            ("$y$", "yescrypt"),
        ];
        let known = schemes.iter().find(|(prefix, _)| text.starts_with(prefix));
        known.map_or(Self::UnknownScheme, |(_, scheme)| Self::Scheme(scheme))
    }
}

impl AuthFile {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// [`InvalidAuthFile`] has every line at fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidAuthFile> {
        let mut reader = Reader::default();
        let mut bad = Vec::new();
        // Some editors begin a file so.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let text = std::str::from_utf8(text).map_err(|_| Problem::NotUtf8);
            let read = text.and_then(entry).and_then(|entry| reader.take(line, entry));
            bad.extend(read.err().map(|problem| BadLine { line, problem }));
        }
        if bad.is_empty() { Ok(reader.file) } else { Err(InvalidAuthFile { lines: bad }) }
    }

    /// Whether it lets nobody in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.passwords.is_empty() && self.tokens.is_empty()
    }

    /// Each name that has a password.
    pub fn passwords(&self) -> impl Iterator<Item = &UserName> {
        self.passwords.iter().map(|(name, _)| name)
    }

    /// Each token's name, in the order of the file.
    pub fn tokens(&self) -> impl Iterator<Item = &UserName> {
        self.tokens.iter().map(|(name, _)| name)
    }

    /// Passwords and tokens with their names.
    #[expect(clippy::type_complexity, reason = "taken apart where it is called")]
    pub(super) fn into_parts(
        self,
    ) -> (Vec<(UserName, PasswordHash)>, Vec<(UserName, TokenDigest)>) {
        (self.passwords, self.tokens)
    }
}

/// What was read so far, and in which lines.
#[derive(Default)]
struct Reader {
    file: AuthFile,
    passwords: HashMap<UserName, usize>,
    tokens: HashMap<[u8; 32], usize>,
}

impl Reader {
    fn take(&mut self, line: usize, entry: Option<(UserName, Secret)>) -> Result<(), Problem> {
        match entry {
            None => {}
            Some((name, Secret::Password(hash))) => {
                let first = *self.passwords.entry(name.clone()).or_insert(line);
                if first != line {
                    return Err(Problem::SecondPassword { name, first });
                }
                self.file.passwords.push((name, hash));
            }
            Some((name, Secret::Token(digest))) => {
                let first = *self.tokens.entry(digest.bytes()).or_insert(line);
                if first != line {
                    return Err(Problem::SameToken { first });
                }
                self.file.tokens.push((name, digest));
            }
        }
        Ok(())
    }
}

/// What a line says; `None` where it is blank or a comment.
pub(super) fn entry(line: &str) -> Result<Option<(UserName, Secret)>, Problem> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, hash) = line.split_once(':').ok_or(Problem::NoColon)?;
    let name = name.parse().map_err(Problem::Name)?;
    let secret = if hash.starts_with(token::SCHEME) {
        Secret::Token(hash.parse().map_err(|()| Problem::MalformedToken)?)
    } else {
        Secret::Password(hash.parse()?)
    };
    Ok(Some((name, secret)))
}

impl fmt::Display for InvalidAuthFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            write!(f, "{}{line}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for AuthFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthFile")
            .field("passwords", &self.passwords().collect::<Vec<_>>())
            .field("tokens", &self.tokens().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2y$05$bGxgEP6Q/HIaVz3wn9.FROVisJk7gCAB5L77Dz6ptinkgyTTCRJf.";

    fn names<'a>(names: impl Iterator<Item = &'a UserName>) -> Vec<&'a str> {
        names.map(UserName::as_str).collect()
    }

    #[test]
    fn comments_blanks_and_line_ends_of_every_kind() {
        let [one, two] = ["one", "two"].map(|token| TokenDigest::of(token.as_bytes()));
        let text = format!(
            "\u{feff}# who may read\r\n\r\n  ann:{BCRYPT} \r\n\t# a comment\nann:{one}\nci:{two}"
        );
        let file = AuthFile::parse(text.as_bytes()).unwrap();
        assert_eq!(names(file.passwords()), ["ann"]);
        assert_eq!(names(file.tokens()), ["ann", "ci"]);
        assert!(!file.is_empty() && AuthFile::parse(b"\n#\n").unwrap().is_empty());
        let shown = format!("{file:?}");
        assert!(shown.contains("ann") && !shown.contains("$2y$") && !shown.contains("sha256"));
    }

    #[test]
    fn every_line_at_fault_is_named_and_no_secret_repeated() {
        let token = TokenDigest::of(b"token");
        let text = format!(
            "a:{BCRYPT}\nhunter2\nb:hunter2\nc:$apr1$hunter2\nd:{{SHA}}hunter2\n:{BCRYPT}\n\
             a:{BCRYPT}\ne:{token}\nf:{token}\ng:$sha256$hunter2\nh:$2y$hunter2\n\
             i:$argon2id$hunter2\nj:$argon2i$hunter2\nk:rOjHP.3hunter2\nl :{BCRYPT}\n"
        );
        let text = [text.as_bytes(), b"m\xff:x"].concat();
        let error = AuthFile::parse(&text).unwrap_err();
        insta::assert_snapshot!(error, @r"
        line 2: it has no `:`: expected NAME:HASH, or a `#` before a comment
        line 3: what follows the name is plain text or an unknown hash: expected bcrypt ($2y$), argon2id ($argon2id$) or a token's SHA-256 ($sha256$); make it anew with `htpasswd -B` or `hexreg auth add --password`
        line 4: its password is hashed with MD5: expected bcrypt or argon2id; make it anew with `htpasswd -B` or `hexreg auth add --password`
        line 5: its password is hashed with SHA-1: expected bcrypt or argon2id; make it anew with `htpasswd -B` or `hexreg auth add --password`
        line 6: the name is empty: write another
        line 7: a has a password in line 1 already: leave one of them, or let this be another name
        line 9: it has the same token as line 8: take one of them away
        line 10: its token's SHA-256 is damaged: expected $sha256$ and 43 characters of base64url or 64 of hex; `hexreg auth add` makes a new token
        line 11: its bcrypt hash is damaged: expected 60 characters and nothing after them; make it anew with `htpasswd -B` or `hexreg auth add --password`
        line 12: its argon2id hash is damaged: expected $argon2id$v=19$m=…,t=…,p=…$SALT$HASH; make it anew with `htpasswd -B` or `hexreg auth add --password`
        line 13: its password is hashed with argon2i: expected bcrypt or argon2id; make it anew with `htpasswd -B` or `hexreg auth add --password`
        line 14: what follows the name is plain text or an unknown hash: expected bcrypt ($2y$), argon2id ($argon2id$) or a token's SHA-256 ($sha256$); make it anew with `htpasswd -B` or `hexreg auth add --password`
        line 15: the name begins or ends with a blank: write another
        line 16: it is not UTF-8: save the file as UTF-8
        ");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
