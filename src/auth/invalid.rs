//! Why the text of an [`AuthFile`](super::AuthFile) is refused.

use std::fmt;

use super::name::{InvalidUserName, UserName};
use super::token;

/// What to do about a password hash that cannot be checked.
const ADVICE: &str = "hash it again with `htpasswd -B` or `hexreg auth add --password`";

/// The fields that may follow the digest of a token.
const FIELDS: &str =
    "`can=read`, `can=publish` or `can=admin`, `packages=acme_*,tools` and `until=2027-01-31`";

/// Why a text is not an [`AuthFile`](super::AuthFile): every line at fault.
#[derive(Debug, thiserror::Error)]
pub struct InvalidAuthFile {
    /// Ascending, and never empty.
    pub lines: Vec<InvalidLine>,
}

/// A line at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct InvalidLine {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub error: LineError,
}

/// What is wrong with a line. No message repeats what the line holds except a name: the rest may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each variant and field is")]
pub enum LineError {
    #[error("it is not UTF-8: save the file as UTF-8")]
    NotUtf8,
    #[error("it has no `:`: expected NAME:HASH, or a `#` before a comment")]
    NoColon,
    #[error("{0}: choose another")]
    Name(InvalidUserName),
    #[error("its password is hashed with {0}: expected bcrypt or argon2id; {ADVICE}")]
    Scheme(&'static str),
    /// Plain text, or a hash made by `crypt`.
    #[error(
        "what follows the name is plain text or an unknown hash: expected bcrypt ($2y$), argon2id ($argon2id$) or a token's SHA-256 ({scheme}); {ADVICE}",
        scheme = token::SCHEME
    )]
    UnknownScheme,
    #[error("its bcrypt hash is damaged: expected 60 characters and nothing after them; {ADVICE}")]
    MalformedBcrypt,
    #[error(
        "its argon2id hash is damaged: expected $argon2id$v=19$m=…,t=…,p=…$SALT$HASH; {ADVICE}"
    )]
    MalformedArgon2,
    /// A check would take hours, or next to no time.
    #[error("its bcrypt hash has a cost of {0}: expected 4 to 17; {ADVICE}")]
    BcryptCost(u32),
    #[error(
        "its argon2id hash takes too much to check: expected up to 64 MiB of memory (m=65536), and 8 GiB in all passes; {ADVICE}"
    )]
    Argon2Cost,
    #[error(
        "its token's SHA-256 is damaged: expected {scheme} and 43 characters of base64url or 64 of hex; `hexreg auth add` makes a new token",
        scheme = token::SCHEME
    )]
    MalformedToken,
    #[error(
        "{name} has a password in line {first} already: remove one of them, or rename this entry"
    )]
    SecondPassword { name: UserName, first: usize },
    #[error("it has the same token as line {first}: remove one of them")]
    SameToken { first: usize },
    /// Counted from the first after the digest. It is not repeated, as it may be a secret in the wrong place.
    #[error(
        "what follows its token's SHA-256 has an unknown field, number {0}: expected any of {FIELDS}, with a `:` before each"
    )]
    UnknownField(usize),
    #[error("its field `{0}=` is there twice: remove one of them")]
    RepeatedField(&'static str),
    #[error("its field `can=` is unknown: expected read, publish or admin")]
    InvalidPermission,
    #[error(
        "its field `packages=` cannot be read: expected names of packages, with `*` for any characters, separated by commas, such as acme_*,tools"
    )]
    InvalidPackages,
    #[error("its field `until=` is no date: expected the last day (UTC), such as 2027-01-31")]
    InvalidDate,
    #[error(
        "its field `packages=` needs `can=publish`: add it, or remove `packages=`, which limits nothing else"
    )]
    PackagesWithoutPublish,
    #[error(
        "something follows the hash of its password: remove it; a password only reads, and `hexreg auth add --can` makes a token that may do more"
    )]
    PasswordWithFields,
}

impl LineError {
    /// The error for a hash that is neither bcrypt, argon2id nor a token's SHA-256.
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
        let scheme = schemes.iter().find(|(prefix, _)| text.starts_with(prefix));
        scheme.map_or(Self::UnknownScheme, |(_, scheme)| Self::Scheme(scheme))
    }
}

impl fmt::Display for InvalidAuthFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            write!(f, "{}{line}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}
