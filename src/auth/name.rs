//! Names of users.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The longest name, in bytes: the limit of `htpasswd` too.
const MAX_LENGTH: usize = 255;

/// The name of a person or a machine that may read: the part before the `:` of a line and of a Basic pair.
///
/// Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Arc<str>);

/// Why a text is not a name. No message repeats the text, which may be a secret in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each variant is")]
pub enum InvalidUserName {
    #[error("the name is empty")]
    Empty,
    /// The file and Basic (RFC 7617) end a name at the first `:`.
    #[error("the name has a `:` in it, which would end it")]
    Colon,
    #[error("the name has a control character in it")]
    Control,
    /// A user would not see it.
    #[error("the name begins or ends with a blank")]
    Blank,
    #[error("the name begins with `#`, which would make its line a comment")]
    Comment,
    #[error("the name is longer than {MAX_LENGTH} bytes")]
    TooLong,
}

impl UserName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = InvalidUserName;

    fn from_str(text: &str) -> Result<Self, InvalidUserName> {
        match text {
            "" => Err(InvalidUserName::Empty),
            text if text.contains(':') => Err(InvalidUserName::Colon),
            text if text.contains(char::is_control) => Err(InvalidUserName::Control),
            text if text.trim() != text => Err(InvalidUserName::Blank),
            text if text.starts_with('#') => Err(InvalidUserName::Comment),
            text if text.len() > MAX_LENGTH => Err(InvalidUserName::TooLong),
            text => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for UserName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_its_line_and_a_basic_pair() {
        for good in ["bob", "ci build", "bob@example.com", "é", "a#b", "$x"] {
            assert_eq!(good.parse::<UserName>().unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", InvalidUserName::Empty),
            ("a:b", InvalidUserName::Colon),
            ("a\nb", InvalidUserName::Control),
            ("a\0", InvalidUserName::Control),
            (" a", InvalidUserName::Blank),
            ("a\u{a0}", InvalidUserName::Blank),
            ("#a", InvalidUserName::Comment),
            (&"a".repeat(256), InvalidUserName::TooLong),
        ] {
            assert_eq!(bad.parse::<UserName>(), Err(why), "{bad:?}");
        }
    }
}
