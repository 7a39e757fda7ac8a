//! Names, checked when they are parsed.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// The name of a package: `^[a-z][A-Za-z0-9_]*$`.
///
/// hex.pm accepted capitals after the first letter until May 2024 and still serves such packages (`addressBook`). Its
/// `names` could not be read without them. A new package must be lowercase there.
///
/// A name has no `-`, so `NAME-VERSION` is split at the first one. It has no `/` or `.`, so it is always a plain file
/// name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(String);

/// The name of a repository as clients configure it: one or more of `A-Z a-z 0-9 _ . -`, but neither `.` nor `..`.
///
/// It has no `/`, and so it is always a plain file name, and a part of a URL that no client takes away.
///
/// The `repository` in each resource must be the name that the client has configured, or the client refuses the
/// resource, unless `HEX_NO_VERIFY_REPO_ORIGIN` is set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RepositoryName(String);

/// The name of a policy: `^[a-z0-9][a-z0-9_.-]*[a-z0-9]$`, 3 to 64 characters, as on hex.pm.
///
/// It has no `/` and does not begin with a `.`, so it is always a plain file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PolicyName(String);

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Not `^[a-z][A-Za-z0-9_]*$`.
    #[error("{0:?} is not a package name: expected a lowercase letter, then letters, digits or _")]
    Package(String),
    /// Not `[A-Za-z0-9_.-]+`.
    #[error("{0:?} is not a repository name: expected letters, digits, _, . or -")]
    Repository(String),
    /// `.` or `..`.
    #[error("{0:?} is not a repository name: in a URL or a path, it is another folder")]
    Dots(String),
    /// Not `[a-z0-9][a-z0-9_.-]*[a-z0-9]`, or too short or long.
    #[error(
        "{0:?} is not a policy name: expected 3 to 64 lowercase letters, digits, _, . or -, the first and the last of them a letter or a digit"
    )]
    Policy(String),
}

impl PackageName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text can be parsed as a name.
    pub(crate) fn is_valid(text: &str) -> bool {
        text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }
}

impl RepositoryName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PolicyName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PackageName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if Self::is_valid(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::Package(text.to_owned()))
        }
    }
}

impl FromStr for RepositoryName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let good = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        match text {
            "." | ".." => Err(InvalidName::Dots(text.to_owned())),
            _ if good && !text.is_empty() => Ok(Self(text.to_owned())),
            _ => Err(InvalidName::Repository(text.to_owned())),
        }
    }
}

impl FromStr for PolicyName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
        let good = text.bytes().all(|byte| is_plain(byte) || matches!(byte, b'_' | b'.' | b'-'));
        let mut ends = text.bytes().take(1).chain(text.bytes().last());
        if good && ends.all(is_plain) && (3..=64).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::Policy(text.to_owned()))
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_are_those_that_hex_pm_accepted() {
        for good in ["a", "phoenix_live_view", "a1", "x_", "addressBook", "contextEX"] {
            assert_eq!(good.parse::<PackageName>().unwrap().as_str(), good);
        }
        for bad in ["", "A", "Ab", "_a", "1a", "a-b", "a.b", "a/b", "..", "é", "aé", "a\n", "a "]
        {
            assert!(bad.parse::<PackageName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn repository_names_are_what_clients_configure() {
        for good in ["acme", "hexpm", "hexpm.acme", "A-1_b.c", ".a", "..."] {
            assert_eq!(good.parse::<RepositoryName>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a/b", "hexpm:acme", "é", "a\n", ".", ".."] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn policy_names_follow_hex_pm() {
        let longest = "a".repeat(64);
        for good in ["abc", "strict-prod", "0.1", "a_-.9", &longest] {
            assert_eq!(good.parse::<PolicyName>().unwrap().as_str(), good);
        }
        let longer = "a".repeat(65);
        for bad in [
            "", "a", "ab", "Abc", "-ab", "ab-", ".ab", "ab.", "_ab", "a/b", "a b", "abé", "abc\n",
            &longer,
        ] {
            assert!(bad.parse::<PolicyName>().is_err(), "{bad:?}");
        }
    }
}
