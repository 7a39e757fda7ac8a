//! Lock files: which releases and commits a project pins, with their checksums.
//!
//! There is one file for each format. mix and rebar3 evaluate their lock files. hexreg only parses them, as a lock file
//! may come from an attacker.
//!
//! An entry from Hex with a malformed name, version or checksum is an error, so that no pin is silently left out. Other
//! dependencies have no tarball and are listed separately.
//!
//! If an application is locked twice, the entry that the build tool takes counts, and the other one is a warning.

mod as_written;
mod builder;
mod error;
mod format;
mod git_url;
mod gleam;
mod mix;
mod pins;
mod rebar;
mod text;

pub use as_written::check_as_written;
pub use error::{EntryError, Error};
pub use format::{Format, foreign};
pub use git_url::GitUrl;
pub(crate) use git_url::is_commit;
pub use pins::{GitPin, LockFile, OtherDependency, OtherSource, Pinned, Repeated};

use crate::credentials;
use crate::erlang::SyntaxError;

/// Parses a lock file.
///
/// # Errors
/// [`Error`] names the line or the entry of the first error.
pub fn parse(format: Format, text: &[u8]) -> Result<LockFile, Error> {
    let text = text::without_byte_order_mark(text);
    if let Some((line, marker)) = text::merge_conflict(text) {
        return Err(Error::MergeConflict { line, marker });
    }
    let parsed = match format {
        Format::Mix => mix::parse(text::utf8(text)?),
        Format::Rebar => rebar::parse(text),
        Format::Gleam => gleam::parse(text::utf8(text)?),
    };
    let parsed = parsed.map(|file| LockFile { format: Some(format), ..file });
    // What a parser quotes may be a URL with credentials.
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

/// Whether a file is blank: that of a project without dependencies, or of a command that failed to write it.
#[must_use]
pub fn is_blank(text: &[u8]) -> bool {
    text::without_byte_order_mark(text).trim_ascii().is_empty()
}

#[cfg(test)]
mod tests;
