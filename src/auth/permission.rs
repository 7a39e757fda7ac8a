//! What a token permits, from least to most.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// What a token permits. Each permits what the former ones do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// To read what the server serves.
    Read,
    /// To publish, replace, revert and retire releases, by the server's rules.
    Publish,
    /// To do so with all packages, and to replace and revert releases at any time.
    Admin,
}

/// A text is no [`Permission`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected read, publish or admin")]
pub struct InvalidPermission;

impl Permission {
    /// All of them, in ascending order.
    pub const ALL: [Self; 3] = [Self::Read, Self::Publish, Self::Admin];

    /// The word for it, in the file and in arguments.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Permission {
    type Err = InvalidPermission;

    fn from_str(text: &str) -> Result<Self, InvalidPermission> {
        let named = Self::ALL.into_iter().find(|permission| permission.word() == text);
        named.ok_or(InvalidPermission)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_exact_and_ordered() {
        for permission in Permission::ALL {
            assert_eq!(permission.to_string().parse(), Ok(permission));
        }
        for bad in ["", "Read", "write", "publish ", "admin,read"] {
            assert_eq!(bad.parse::<Permission>(), Err(InvalidPermission), "{bad:?}");
        }
        assert!(Permission::Read < Permission::Publish && Permission::Publish < Permission::Admin);
    }
}
