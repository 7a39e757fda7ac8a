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

    /// For messages: without the user of a web address, as a person would write it. What else may be secret is hidden.
    #[must_use]
    pub fn without_user(&self) -> String {
        Self::new(without_user(&self.0)).to_string()
    }

    /// Whether git asks the same place. Only the user of a web address, which may be a token, makes no difference: in
    /// other addresses what is before an `@` may be the host.
    #[must_use]
    pub fn is_at(&self, url: &str) -> bool {
        without_user(&self.0) == without_user(url)
    }
}

/// A web address without its user; another address as it is.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    if !matches!(scheme, "http" | "https") {
        return url.to_owned();
    }
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_user_of_a_web_address_makes_no_difference() {
        let same = |one: &str, other: &str| GitUrl::new(one).is_at(other);
        assert!(same("https://ci:secret@h/a.git", "https://h/a.git"));
        assert!(same("git@h:a.git", "git@h:a.git"));
        for (locked, accepted) in [
            ("https://h/a.git?x", "https://h/a.git"),
            ("https://h/a.git?x", "https://h/a.git?******"),
            ("https://h:444/a.git", "https://h/a.git"),
            ("https://evil/@h/a.git", "https://h/a.git"),
            ("https://evil\\@h/a.git", "https://h/a.git"),
            ("http://h/a.git", "https://h/a.git"),
            ("evil:b@git@h:a.git", "git@h:a.git"),
            ("evil:y/******@git@h:a.git", "git@h:a.git"),
            ("git://evil:+9418/x@h/a.git", "git://h/a.git"),
            ("ssh://git@evil/******@h/a.git", "ssh://git@h/a.git"),
        ] {
            assert!(!same(locked, accepted), "{locked} {accepted}");
        }
    }
}
