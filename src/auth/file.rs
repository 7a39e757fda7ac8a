//! The file that says who may read, parsed from text.

use std::collections::HashMap;
use std::fmt;

use super::invalid::{InvalidAuthFile, InvalidLine, LineError};
use super::name::UserName;
use super::password::PasswordHash;
use super::token::{self, TokenDigest};

/// The entries of a file, each checked.
///
/// `Debug` shows the names, and no hash.
#[derive(Clone, Default)]
pub struct AuthFile {
    passwords: Vec<(UserName, PasswordHash)>,
    tokens: Vec<(UserName, TokenDigest)>,
}

/// What the line of a name holds.
pub(super) enum EntrySecret {
    Password(PasswordHash),
    Token(TokenDigest),
}

impl AuthFile {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// [`InvalidAuthFile`] has every line at fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidAuthFile> {
        let mut parser = AuthFileParser::default();
        let mut bad = Vec::new();
        // Some editors begin a file with a byte order mark.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let text = std::str::from_utf8(text).map_err(|_| LineError::NotUtf8);
            let read = text.and_then(entry).and_then(|entry| parser.take(line, entry));
            bad.extend(read.err().map(|error| InvalidLine { line, error }));
        }
        if bad.is_empty() { Ok(parser.file) } else { Err(InvalidAuthFile { lines: bad }) }
    }

    /// Whether it has no entry.
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
    #[expect(clippy::type_complexity, reason = "the caller destructures it")]
    pub(super) fn into_parts(
        self,
    ) -> (Vec<(UserName, PasswordHash)>, Vec<(UserName, TokenDigest)>) {
        (self.passwords, self.tokens)
    }
}

/// The entries read so far, and the line of each, to report duplicates.
#[derive(Default)]
struct AuthFileParser {
    file: AuthFile,
    passwords: HashMap<UserName, usize>,
    tokens: HashMap<[u8; 32], usize>,
}

impl AuthFileParser {
    fn take(
        &mut self,
        line: usize,
        entry: Option<(UserName, EntrySecret)>,
    ) -> Result<(), LineError> {
        match entry {
            None => {}
            Some((name, EntrySecret::Password(hash))) => {
                let first = *self.passwords.entry(name.clone()).or_insert(line);
                if first != line {
                    return Err(LineError::SecondPassword { name, first });
                }
                self.file.passwords.push((name, hash));
            }
            Some((name, EntrySecret::Token(digest))) => {
                let first = *self.tokens.entry(digest.bytes()).or_insert(line);
                if first != line {
                    return Err(LineError::SameToken { first });
                }
                self.file.tokens.push((name, digest));
            }
        }
        Ok(())
    }
}

/// The entry in a line; `None` where it is blank or a comment.
pub(super) fn entry(line: &str) -> Result<Option<(UserName, EntrySecret)>, LineError> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, hash) = line.split_once(':').ok_or(LineError::NoColon)?;
    let name = name.parse().map_err(LineError::Name)?;
    let secret = if hash.starts_with(token::SCHEME) {
        EntrySecret::Token(hash.parse().map_err(|()| LineError::MalformedToken)?)
    } else {
        EntrySecret::Password(hash.parse()?)
    };
    Ok(Some((name, secret)))
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
        line 3: what follows the name is plain text or an unknown hash: expected bcrypt ($2y$), argon2id ($argon2id$) or a token's SHA-256 ($sha256$); hash it again with `htpasswd -B` or `hexreg auth add --password`
        line 4: its password is hashed with MD5: expected bcrypt or argon2id; hash it again with `htpasswd -B` or `hexreg auth add --password`
        line 5: its password is hashed with SHA-1: expected bcrypt or argon2id; hash it again with `htpasswd -B` or `hexreg auth add --password`
        line 6: the name is empty: choose another
        line 7: a has a password in line 1 already: remove one of them, or rename this entry
        line 9: it has the same token as line 8: remove one of them
        line 10: its token's SHA-256 is damaged: expected $sha256$ and 43 characters of base64url or 64 of hex; `hexreg auth add` makes a new token
        line 11: its bcrypt hash is damaged: expected 60 characters and nothing after them; hash it again with `htpasswd -B` or `hexreg auth add --password`
        line 12: its argon2id hash is damaged: expected $argon2id$v=19$m=…,t=…,p=…$SALT$HASH; hash it again with `htpasswd -B` or `hexreg auth add --password`
        line 13: its password is hashed with argon2i: expected bcrypt or argon2id; hash it again with `htpasswd -B` or `hexreg auth add --password`
        line 14: what follows the name is plain text or an unknown hash: expected bcrypt ($2y$), argon2id ($argon2id$) or a token's SHA-256 ($sha256$); hash it again with `htpasswd -B` or `hexreg auth add --password`
        line 15: the name begins or ends with a blank: choose another
        line 16: it is not UTF-8: save the file as UTF-8
        ");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
