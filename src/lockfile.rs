//! Lock files: what a project pins, and by which checksums.
//!
//! One file a format. All are parsed and none is evaluated, though mix and rebar3 do evaluate theirs:
//! a lock file may come from anybody.
//!
//! What comes from Hex is read whole, or the file is refused: a pin with a damaged name, version or
//! checksum is never passed over. What comes from elsewhere has no tarball, and is told apart.
//!
//! An application that is locked twice is bound to what its build tool takes, and that is a warning.

mod format;
mod git_url;
mod gleam;
mod mix;
mod builder;
mod rebar;

pub use format::{Format, foreign};
pub use git_url::GitUrl;

use std::fmt;

use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::credentials;
use crate::erlang::SyntaxError;
use crate::name::{InvalidName, PackageName};
use crate::version::{InvalidVersion, Version};

/// The repository of what names no other.
const HEXPM: &str = "hexpm";

/// What a lock file says, in the order in which it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile {
    /// Releases of packages.
    pub pinned: Vec<Pinned>,
    /// Commits of git repositories.
    pub git: Vec<GitPin>,
    /// What is neither.
    pub left_out: Vec<OtherDependency>,
    /// Applications that are locked twice, and not to the same.
    pub repeated: Vec<Repeated>,
}

/// A release that a project is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Its OTP application, mostly of the package's name.
    pub app: String,
    /// Its package.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
    /// Where it comes from, as the project's client calls it: `hexpm`, `acme`, `hexpm:organization`.
    /// `None` in a `rebar.lock`, which does not say.
    pub repository: Option<String>,
    /// Of the parts inside its tarball.
    pub inner_checksum: Option<InnerChecksum>,
    /// Of its tarball. Older lock files have none.
    pub outer_checksum: Option<OuterChecksum>,
}

/// A commit that a project is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitPin {
    /// Its OTP application.
    pub app: String,
    /// What git is told to fetch from. Not checked at all.
    pub url: GitUrl,
    /// The commit: 40 or 64 hex digits.
    pub revision: String,
}

/// An application that a lock file binds to two things. One counts: the same that the build tool takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{app}` is locked twice: using {taken}, as the build tool does; ignoring {ignored}")]
pub struct Repeated {
    /// The OTP application.
    pub app: String,
    /// What it is bound to.
    pub taken: String,
    /// What the other entry says.
    pub ignored: String,
}

/// What is locked and yet no release and no commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDependency {
    /// Its OTP application.
    pub app: String,
    /// What it is instead.
    pub why: OtherSource,
}

/// What an entry is that is neither pinned nor in git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherSource {
    /// A directory of the project's own.
    Path,
    /// A Mercurial repository.
    Hg,
    /// A git repository, bound to something other than a commit.
    Revision(String),
    /// Fetched by a program that Hex does not know, of this name.
    Other(String),
}

/// OtherSource a text is no lock file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is in another encoding.
    #[error("line {line}: it is not UTF-8: save the file as UTF-8")]
    NotUtf8 {
        /// Counted from 1.
        line: usize,
    },
    /// Git left both sides of a merge in it.
    #[error(
        "line {line}: `{marker}` is the mark of a merge conflict: resolve it, or let the build tool lock anew"
    )]
    MergeConflict {
        /// Counted from 1.
        line: usize,
        /// What stands there.
        marker: &'static str,
    },
    /// It stops being terms.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// It is not TOML, or not what Gleam writes in it.
    #[error("line {line}: {message}")]
    Toml {
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// Erlang terms, yet no `rebar.lock`.
    #[error("expected {expected}, found {found}")]
    Form {
        /// What should have stood there.
        expected: &'static str,
        /// What stands there, shortened.
        found: String,
    },
    /// One entry is at fault.
    #[error("{line}{app:?}: {problem}", line = AtLine(*.line), app = credentials::hide_all(.app))]
    Entry {
        /// Counted from 1; `None` in a `rebar.lock`, where the name has to do.
        line: Option<usize>,
        /// Its OTP application.
        app: String,
        /// What is wrong with it.
        problem: EntryError,
    },
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// One of its parts is missing or of another type.
    #[error("expected {expected}, found {found}")]
    Part {
        /// What should have stood there.
        expected: &'static str,
        /// What stands there, shortened.
        found: String,
    },
    /// No package has its name.
    #[error("{}", credentials::hide_all(&.0.to_string()))]
    Name(InvalidName),
    /// No release has its version.
    #[error("{}", credentials::hide_all(&.0.to_string()))]
    Version(InvalidVersion),
    /// A checksum that is none.
    #[error("its {which} checksum is {found:?}: expected 64 hex digits")]
    Checksum {
        /// `inner` or `outer`.
        which: &'static str,
        /// What stands there, shortened.
        found: String,
    },
}

/// Reads the bytes of a lock file.
///
/// # Errors
/// [`Error`] names the line or the entry at fault: the first one.
pub fn parse(kind: Format, text: &[u8]) -> Result<LockFile, Error> {
    let text = without_mark(text);
    if let Some((line, marker)) = merge_conflict(text) {
        return Err(Error::MergeConflict { line, marker });
    }
    let parsed = match kind {
        Format::Mix => mix::parse(utf8(text)?),
        Format::Rebar => rebar::parse(text),
        Format::Gleam => gleam::parse(utf8(text)?),
    };
    // What a parser shows of the text may be a URL.
    parsed.map_err(|error| match error {
        Error::Syntax(error) => {
            Error::Syntax(SyntaxError { found: credentials::hide_all(&error.found), ..error })
        }
        Error::Toml { line, message } => {
            Error::Toml { line, message: credentials::hide_all(&message) }
        }
        error => error,
    })
}

/// Whether nothing at all is in a file: of a project without dependencies, or of a program that failed to write it.
#[must_use]
pub fn is_blank(text: &[u8]) -> bool {
    without_mark(text).trim_ascii().is_empty()
}

/// Some editors begin a file so.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}

fn utf8(text: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(text)
        .map_err(|error| Error::NotUtf8 { line: line_at(text, error.valid_up_to()) })
}

/// The line of a byte, from 1.
fn line_at(text: &[u8], offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    memchr::memchr_iter(b'\n', before).count().saturating_add(1)
}

/// The first mark that git leaves, and its line. None of the formats has a line that begins so.
fn merge_conflict(text: &[u8]) -> Option<(usize, &'static str)> {
    let markers = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];
    (1..).zip(text.split(|byte| *byte == b'\n')).find_map(|(line, text)| {
        let marker = markers.into_iter().find(|marker| text.starts_with(marker.as_bytes()))?;
        Some((line, marker))
    })
}

/// Shortened and without credentials, to be named in a message.
fn excerpt(text: &str) -> String {
    let text = credentials::hide_all(text);
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
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

/// Begins a message where there is a line.
struct AtLine(Option<usize>);

impl fmt::Display for AtLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, "line {line}: "))
    }
}

#[cfg(test)]
mod tests;
