//! What a lock file says.

use std::collections::HashMap;
use std::fmt;

use super::format::Format;
use super::git_url::GitUrl;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::PackageName;
use crate::version::Version;

/// The repository of entries that name none.
pub(super) const HEXPM: &str = "hexpm";

/// What a lock file says, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile {
    /// `None` for a blank file.
    pub format: Option<Format>,
    /// Releases of packages.
    pub pinned: Vec<Pinned>,
    /// Commits of git repositories.
    pub git: Vec<GitPin>,
    /// Dependencies from elsewhere.
    pub others: Vec<OtherDependency>,
    /// Applications that are locked twice, differently.
    pub repeated: Vec<Repeated>,
    /// The lines of the entries that count, by application.
    pub(super) lines: HashMap<String, usize>,
}

impl LockFile {
    /// The line of an application's entry, from 1; `None` if it is not known.
    #[must_use]
    pub fn line(&self, app: &str) -> Option<usize> {
        self.lines.get(app).copied()
    }
}

/// A pinned release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The OTP application. Mostly it has the name of the package.
    pub app: String,
    /// The package.
    pub package: PackageName,
    /// The version.
    pub version: Version,
    /// The repository, as the project's client calls it: `hexpm`, `acme`, `hexpm:organization`.
    /// `None` in a `rebar.lock`, which does not name it.
    pub repository: Option<String>,
    /// The checksum of the tarball's contents.
    pub inner_checksum: Option<InnerChecksum>,
    /// The checksum of the tarball. Old lock files have none.
    pub outer_checksum: Option<OuterChecksum>,
}

/// A pinned commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitPin {
    /// The OTP application.
    pub app: String,
    /// The URL for git, unchecked.
    pub url: GitUrl,
    /// The commit: 40 or 64 hex digits.
    pub revision: String,
}

/// An application that a lock file has twice. The entry that the build tool takes counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{app}` is locked twice: using {taken}, as the build tool does; ignoring {ignored}")]
pub struct Repeated {
    /// The OTP application.
    pub app: String,
    /// The entry that counts.
    pub taken: String,
    /// The other entry.
    pub ignored: String,
}

/// A dependency that is neither a release nor a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDependency {
    /// The OTP application.
    pub app: String,
    /// Where it comes from.
    pub source: OtherSource,
}

/// Where a dependency comes from that is neither a release nor a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherSource {
    /// A directory of the project.
    Path,
    /// A Mercurial repository.
    Hg,
    /// A branch or tag of a git repository, which may move.
    Revision(String),
    /// An SCM with this name, which Hex does not know.
    Other(String),
}

impl fmt::Display for OtherSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path => f.write_str("path"),
            Self::Hg => f.write_str("hg"),
            Self::Revision(revision) => write!(f, "git at {revision:?}, which is no commit"),
            Self::Other(name) => f.write_str(name),
        }
    }
}
