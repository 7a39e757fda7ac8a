//! The file that says who may do what, parsed from text.

use std::collections::HashMap;
use std::fmt;

use super::grant::Grant;
use super::invalid::{InvalidAuthFile, InvalidLine, LineError};
use super::name::UserName;
use super::password::PasswordHash;
use super::token::{self, TokenDigest};
use super::user::User;

/// The entries of a file, each checked.
///
/// `Debug` shows the names, and no hash.
#[derive(Clone, Default)]
pub struct AuthFile {
    /// In the order of the file.
    entries: Vec<(UserName, EntrySecret)>,
    /// Of its bytes.
    digest: [u8; 32],
}

/// What the line of a name holds.
#[derive(Clone)]
pub(super) enum EntrySecret {
    Password(PasswordHash),
    Token(TokenDigest, Grant),
}

impl AuthFile {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// [`InvalidAuthFile`] has every line at fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidAuthFile> {
        let mut parser = AuthFileParser::default();
        parser.file.digest = *blake3::hash(bytes).as_bytes();
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

    /// The digest of the bytes of the file.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Whether it has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Who may do what, in the order of the file: each password and each token, also those that are no longer valid.
    pub fn users(&self) -> impl Iterator<Item = User> {
        self.entries.iter().map(|(name, secret)| user(name, secret))
    }

    /// Whether a token permits to publish something, also if it is no longer valid.
    #[must_use]
    pub fn can_publish(&self) -> bool {
        self.users().any(|user| user.grant.may_publish_some())
    }

    /// Passwords and tokens with their users.
    #[expect(clippy::type_complexity, reason = "the caller destructures it")]
    pub(super) fn into_parts(self) -> (Vec<(UserName, PasswordHash)>, Vec<(User, TokenDigest)>) {
        let (mut passwords, mut tokens) = (Vec::new(), Vec::new());
        for (name, secret) in self.entries {
            let user = user(&name, &secret);
            match secret {
                EntrySecret::Password(hash) => passwords.push((name, hash)),
                EntrySecret::Token(digest, _) => tokens.push((user, digest)),
            }
        }
        (passwords, tokens)
    }
}

fn user(name: &UserName, secret: &EntrySecret) -> User {
    let (grant, token) = match secret {
        EntrySecret::Password(_) => (Grant::read(), None),
        EntrySecret::Token(digest, grant) => (grant.clone(), Some(digest.id())),
    };
    User { name: name.clone(), grant, token }
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
        let Some((name, secret)) = entry else { return Ok(()) };
        match &secret {
            EntrySecret::Password(_) => {
                let first = *self.passwords.entry(name.clone()).or_insert(line);
                if first != line {
                    return Err(LineError::SecondPassword { name, first });
                }
            }
            EntrySecret::Token(digest, _) => {
                let first = *self.tokens.entry(digest.bytes()).or_insert(line);
                if first != line {
                    return Err(LineError::SameToken { first });
                }
            }
        }
        self.file.entries.push((name, secret));
        Ok(())
    }
}

/// The entry in a line; `None` where it is blank or a comment.
pub(super) fn entry(line: &str) -> Result<Option<(UserName, EntrySecret)>, LineError> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, secret) = line.split_once(':').ok_or(LineError::NoColon)?;
    let name = name.parse().map_err(LineError::Name)?;
    // No hash and no digest has a `:` in it.
    let (hash, fields) = secret.split_once(':').unzip();
    let hash = hash.unwrap_or(secret);
    let secret = if hash.starts_with(token::SCHEME) {
        let digest = hash.parse().map_err(|()| LineError::MalformedToken)?;
        let grant = fields.map_or_else(|| Ok(Grant::read()), Grant::from_fields)?;
        EntrySecret::Token(digest, grant)
    } else {
        let hash = hash.parse()?;
        if fields.is_some() {
            return Err(LineError::PasswordWithFields);
        }
        EntrySecret::Password(hash)
    };
    Ok(Some((name, secret)))
}

impl fmt::Debug for AuthFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthFile").field("users", &self.users().collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2y$05$bGxgEP6Q/HIaVz3wn9.FROVisJk7gCAB5L77Dz6ptinkgyTTCRJf.";

    /// Name, permission, and whether it is a token.
    fn listed(file: &AuthFile) -> Vec<String> {
        let kind =
            |user: &User| user.token.map_or_else(|| "password".to_owned(), |id| id.to_string());
        file.users().map(|user| format!("{} {}{}", user.name, kind(&user), user.grant)).collect()
    }

    #[test]
    fn comments_blanks_and_line_ends_of_every_kind() {
        let [one, two] = ["one", "two"].map(|token| TokenDigest::of(token.as_bytes()));
        let text = format!(
            "\u{feff}# who may read\r\n\r\n  ann:{BCRYPT} \r\n\t# a comment\nann:{one}\nci:{two}"
        );
        let file = AuthFile::parse(text.as_bytes()).unwrap();
        let [one, two] = [one, two].map(|digest| digest.id());
        assert_eq!(
            listed(&file),
            ["ann password".to_owned(), format!("ann {one}"), format!("ci {two}")]
        );
        assert!(!file.is_empty() && AuthFile::parse(b"\n#\n").unwrap().is_empty());
        let shown = format!("{file:?}");
        assert!(shown.contains("ann") && !shown.contains("$2y$") && !shown.contains("sha256"));
    }

    #[test]
    fn a_token_says_what_it_may() {
        let [one, two] = ["one", "two"].map(|token| TokenDigest::of(token.as_bytes()));
        let parse = |text: String| AuthFile::parse(text.as_bytes()).unwrap();
        let readers = parse(format!("ann:{BCRYPT}\nci:{one}\nx:{two}:can=read:until=2020-01-01"));
        assert!(!readers.can_publish());
        let file = parse(format!(
            "ci:{one}:can=publish:packages=acme_*,tools:until=2027-01-31\r\n ann:{two}:can=admin \n"
        ));
        assert!(file.can_publish());
        let [one, two] = [one, two].map(|digest| digest.id());
        assert_eq!(
            listed(&file),
            [
                format!("ci {one}:can=publish:packages=acme_*,tools:until=2027-01-31"),
                format!("ann {two}:can=admin")
            ]
        );
    }

    #[test]
    fn every_line_at_fault_is_named_and_no_secret_repeated() {
        let [token, other] = ["token", "other"].map(|token| TokenDigest::of(token.as_bytes()));
        let text = format!(
            "a:{BCRYPT}\nhunter2\nb:hunter2\nc:$apr1$hunter2\nd:{{SHA}}hunter2\n:{BCRYPT}\n\
             a:{BCRYPT}\ne:{token}\nf:{token}\ng:$sha256$hunter2\nh:$2y$hunter2\n\
             i:$argon2id$hunter2\nj:$argon2i$hunter2\nk:rOjHP.3hunter2\nl :{BCRYPT}\n\
             n:{other}:can=hunter2\no:{other}:hunter2=x\np:{other}:can=read:can=read\n\
             q:{other}:can=publish:packages=hunter2!\nr:{other}:until=hunter2\n\
             s:{other}:packages=hunter2\nt:{BCRYPT}:can=publish\nu:{BCRYPT}:hunter2\n\
             v:$sha256$hunter2:can=publish\n"
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
        line 16: its field `can=` is unknown: expected read, publish or admin
        line 17: what follows its token's SHA-256 has an unknown field, number 1: expected any of `can=read`, `can=publish` or `can=admin`, `packages=acme_*,tools` and `until=2027-01-31`, with a `:` before each
        line 18: its field `can=` is there twice: remove one of them
        line 19: its field `packages=` cannot be read: expected names of packages, with `*` for any characters, separated by commas, such as acme_*,tools
        line 20: its field `until=` is no date: expected the last day (UTC), such as 2027-01-31
        line 21: its field `packages=` needs `can=publish`: add it, or remove `packages=`, which limits nothing else
        line 22: something follows the hash of its password: remove it; a password only reads, and `hexreg auth add --can` makes a token that may do more
        line 23: something follows the hash of its password: remove it; a password only reads, and `hexreg auth add --can` makes a token that may do more
        line 24: its token's SHA-256 is damaged: expected $sha256$ and 43 characters of base64url or 64 of hex; `hexreg auth add` makes a new token
        line 25: it is not UTF-8: save the file as UTF-8
        ");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
