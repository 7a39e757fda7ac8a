//! Why a lock file is refused.

use std::fmt;

use crate::credentials;
use crate::erlang::SyntaxError;
use crate::name::InvalidName;
use crate::version::InvalidVersion;

/// Why a lock file is refused. Lines count from 1.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum Error {
    #[error("line {line}: it is not UTF-8: save the file as UTF-8")]
    NotUtf8 { line: usize },
    #[error(
        "line {line}: `{marker}` is the mark of a merge conflict: resolve it, or let the build tool lock anew"
    )]
    MergeConflict { line: usize, marker: &'static str },
    /// The build tool never writes it so, and may read it otherwise, or take the file for an empty one.
    #[error(
        "line {line}: expected {expected}: {tool} may read it otherwise, or as an empty file; let it lock anew"
    )]
    Odd { line: usize, tool: &'static str, expected: &'static str },
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// It is not TOML, or not a manifest of Gleam.
    #[error("line {line}: {message}")]
    Toml { line: usize, message: String },
    /// It consists of Erlang terms and is no `rebar.lock`.
    #[error("expected {expected}, found {found}")]
    Form { expected: &'static str, found: String },
    /// One entry is malformed. Its line is not known if a `rebar.lock` spells its name oddly.
    #[error("{line}{app:?}: {error}", line = AtLine(*.line), app = credentials::hide_all(.app))]
    Entry { line: Option<usize>, app: String, error: EntryError },
}

/// Why an entry is malformed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum EntryError {
    /// A part is missing or has another type.
    #[error("expected {expected}, found {found}")]
    Part { expected: &'static str, found: String },
    #[error("{}", credentials::hide_all(&.0.to_string()))]
    Name(InvalidName),
    #[error("{}", credentials::hide_all(&.0.to_string()))]
    Version(InvalidVersion),
    /// `which` is `inner` or `outer`.
    #[error("its {which} checksum is {found:?}: expected 64 hex digits")]
    Checksum { which: &'static str, found: String },
}

/// The beginning of a message, if there is a line.
struct AtLine(Option<usize>);

impl fmt::Display for AtLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, "line {line}: "))
    }
}
