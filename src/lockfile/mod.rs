//! Lock files: what a project pins, and by which checksums.
//!
//! One file a format. All are parsed and none is evaluated, though mix and rebar3 do evaluate theirs:
//! a lock file may come from anybody.
//!
//! What comes from Hex is read whole, or the file is refused: a pin with a damaged name, version or
//! checksum is never passed over. What comes from elsewhere has no tarball, and is told apart.

mod gleam;
mod mix;
mod rebar;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::erlang::SyntaxError;
use crate::name::{InvalidName, PackageName};
use crate::version::{InvalidVersion, Version};

/// The repository of what names no other.
const HEXPM: &str = "hexpm";

/// Whose lock file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `mix.lock`: an Elixir map.
    Mix,
    /// `rebar.lock`: Erlang terms.
    Rebar,
    /// `manifest.toml`: TOML.
    Gleam,
}

/// What a lock file says, in the order in which it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile {
    /// Releases of packages.
    pub pinned: Vec<Pinned>,
    /// Commits of git repositories.
    pub git: Vec<GitPin>,
    /// What is neither.
    pub left_out: Vec<LeftOut>,
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
    pub url: String,
    /// The commit: 40 or 64 hex digits.
    pub revision: String,
}

/// What is locked and yet no release and no commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its OTP application.
    pub app: String,
    /// What it is instead.
    pub why: Why,
}

/// What an entry is that is neither pinned nor in git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A directory of the project's own.
    Path,
    /// A Mercurial repository.
    Hg,
    /// A git repository, bound to something other than a commit.
    Revision(String),
    /// Fetched by a program that Hex does not know, of this name.
    Other(String),
}

/// Why a text is no lock file.
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
    #[error("{line}{app:?}: {problem}", line = AtLine(*.line))]
    Entry {
        /// Counted from 1; `None` in a `rebar.lock`, where the name has to do.
        line: Option<usize>,
        /// Its OTP application.
        app: String,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// An application is locked once.
    #[error("it is locked twice: leave one of them")]
    Twice,
    /// One of its parts is missing or of another type.
    #[error("expected {expected}, found {found}")]
    Part {
        /// What should have stood there.
        expected: &'static str,
        /// What stands there, shortened.
        found: String,
    },
    /// No package has its name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// No release has its version.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
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
    match kind {
        Format::Mix => mix::parse(utf8(text)?),
        Format::Rebar => rebar::parse(text),
        Format::Gleam => gleam::parse(utf8(text)?),
    }
}

impl Format {
    /// By the name that the build tool gives it.
    #[must_use]
    pub fn of_file_name(path: &Path) -> Option<Self> {
        match path.file_name().and_then(OsStr::to_str)? {
            "mix.lock" => Some(Self::Mix),
            "rebar.lock" => Some(Self::Rebar),
            "manifest.toml" => Some(Self::Gleam),
            _ => None,
        }
    }

    /// By its name, or else by how it begins: mix lets a project call its lock file anything.
    #[must_use]
    pub fn detect(path: &Path, text: &[u8]) -> Option<Self> {
        Self::of_file_name(path).or_else(|| Self::of_beginning(without_mark(text)))
    }

    fn of_beginning(text: &[u8]) -> Option<Self> {
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let mut told = lines.filter(|line| match line {
            [] | [b'#', ..] => false,
            // One is a comment of Erlang's, the other opens a map of Elixir's.
            [b'%', rest @ ..] => rest.starts_with(b"{"),
            _ => true,
        });
        let first = told.next()?;
        // What a list that is opened alone on its line holds is told by the next.
        let second = if first == b"[" { told.next()? } else { first.get(1..)?.trim_ascii_start() };
        match (first.first()?, second.first()) {
            (b'%', _) => Some(Self::Mix),
            (b'{', _) | (b'[', Some(b'{' | b']')) => Some(Self::Rebar),
            (b'[' | b'"' | b'a'..=b'z', _) => Some(Self::Gleam),
            _ => None,
        }
    }
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

/// What an entry says, not yet checked.
enum Source<'a> {
    Hex {
        package: &'a str,
        version: &'a str,
        repository: Option<&'a str>,
        inner: Option<&'a str>,
        outer: Option<&'a str>,
    },
    Git {
        url: &'a str,
        revision: &'a str,
    },
    Elsewhere(Why),
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    file: LockFile,
    apps: HashSet<String>,
}

impl Reader {
    fn take(&mut self, app: &str, source: Source<'_>) -> Result<(), Problem> {
        if !self.apps.insert(app.to_owned()) {
            return Err(Problem::Twice);
        }
        let app = app.to_owned();
        match source {
            Source::Hex { package, version, repository, inner, outer } => {
                self.file.pinned.push(Pinned {
                    app,
                    package: package.parse()?,
                    version: version.parse()?,
                    repository: repository.map(str::to_owned),
                    inner_checksum: checksum("inner", inner, InnerChecksum::from_hex)?,
                    outer_checksum: checksum("outer", outer, OuterChecksum::from_hex)?,
                });
            }
            Source::Git { url, revision } if is_commit(revision) => {
                let (url, revision) = (url.to_owned(), revision.to_owned());
                self.file.git.push(GitPin { app, url, revision });
            }
            Source::Git { revision, .. } => {
                let why = Why::Revision(excerpt(revision));
                self.file.left_out.push(LeftOut { app, why });
            }
            Source::Elsewhere(why) => self.file.left_out.push(LeftOut { app, why }),
        }
        Ok(())
    }
}

fn checksum<T>(
    which: &'static str,
    digits: Option<&str>,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(digits) = digits else { return Ok(None) };
    let checksum = read(digits.as_bytes());
    checksum.map(Some).ok_or_else(|| Problem::Checksum { which, found: excerpt(digits) })
}

/// Whether it is the name of a commit, by SHA-1 or SHA-256, and not of something that moves.
fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Shortened, to be named in a message.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mix => "mix.lock",
            Self::Rebar => "rebar.lock",
            Self::Gleam => "manifest.toml",
        })
    }
}

impl fmt::Display for Why {
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
