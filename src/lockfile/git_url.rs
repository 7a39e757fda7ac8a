//! The address and the revision of a git repository.

use std::fmt;

use crate::credentials;

/// The URL of a git repository, or another address that git takes. `Display` and `Debug` hide its credentials.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitUrl(String);

impl GitUrl {
    /// Takes any text, which git interprets.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole URL with its credentials, for git alone.
    #[must_use]
    pub fn with_credentials(&self) -> &str {
        &self.0
    }

    /// The URL without its credentials, as a person would write it. What may be secret after `?` or `#` is hidden.
    #[must_use]
    pub fn without_credentials(&self) -> String {
        let shown = self.to_string();
        shown.replacen(&format!("{}@", credentials::HIDDEN), "", 1)
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&credentials::hide(&self.0))
    }
}

impl fmt::Debug for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitUrl({:?})", self.to_string())
    }
}

/// Whether a revision is the SHA-1 or SHA-256 name of a commit, and not a branch or tag, which may move.
pub(crate) fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}
