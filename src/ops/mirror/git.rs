//! Git dependencies that lock files pin: bare repositories that any static server can serve, with git's "dumb" HTTP
//! protocol.
//!
//! ```text
//! git/remote           the address of a repository, and each spelling of it
//! git/bare_repository  its folder in the mirror, of which only objects and references are trusted
//! git/configuration    the repository's configuration, which hexreg writes before each use
//! git/program          runs the git program: fetches, and keeps what is pinned
//! git/environment      the environment of the git program
//! git/child            runs a child process with limits
//! ```

mod bare_repository;
mod child;
mod configuration;
mod environment;
mod program;
mod remote;

use std::path::Path;
use std::time::Duration;

use reqwest::header::HeaderValue;

use super::cancellation::Cancellation;
use super::file_error::FileError;
use crate::lockfile::{GitPin, GitUrl};
use bare_repository::BareRepository;
use configuration::{Configuration, Hash};
use program::GitProgram;
use remote::Remote;

/// A git repository that was mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitMirror {
    /// The URL in the lock file.
    pub url: GitUrl,
    /// The pinned commit, in hex.
    pub revision: String,
    /// Its path below the mirror: `git/HOST/PATH.git`.
    pub path: String,
    /// Whether anything had to be fetched.
    pub is_new: bool,
    /// Each URL by which projects may name it, without credentials. The first is the lock file's.
    pub spellings: Vec<String>,
}

/// How repositories are mirrored.
#[derive(Clone, Debug)]
pub(super) struct GitOptions {
    /// How long a fetch may deliver no byte.
    pub stall: Duration,
    /// The `Authorization` header for upstream's registry, which no child process gets.
    pub authorization: Option<HeaderValue>,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// Ends a fetch.
    pub cancellation: Cancellation,
}

/// Mirrors a repository with the pinned commit.
pub(super) fn mirror(
    directory: &Path,
    pin: &GitPin,
    options: &GitOptions,
) -> Result<GitMirror, FileError> {
    let GitPin { url, revision, .. } = pin;
    let refused = |why| FileError::Git(format!("{}: {why}", url.to_string().escape_debug()));
    let remote = Remote::parse(url.with_credentials()).map_err(refused)?;
    let path = remote.mirror_path().unwrap_or_default();
    let (stall, authorization) = (options.stall, options.authorization.as_ref());
    let cancellation = &options.cancellation;
    let program =
        |repository| GitProgram { url, revision, repository, stall, authorization, cancellation };
    let is_new = match BareRepository::find(directory, &path)? {
        Some(repository) => {
            repository.check()?;
            let configuration = with_home(repository.configuration()?, remote.home(), url)?;
            update(&program(&repository), &configuration, options.dry_run)?
        }
        None if options.dry_run => true,
        None => {
            let hash = Hash::of_revision(revision);
            let home = remote.home().map(str::to_owned);
            let repository = BareRepository::create(directory, &Configuration { hash, home })?;
            program(&repository).fetch()?;
            BareRepository::publish(directory, &path)?;
            true
        }
    };
    let spellings = remote.spellings();
    let (url, revision) = (url.clone(), revision.clone());
    Ok(GitMirror { url, revision, path, is_new, spellings })
}

/// Fetches into a repository that lacks the revision. Returns whether it lacked it.
fn update(
    program: &GitProgram<'_>,
    configuration: &Configuration,
    dry_run: bool,
) -> Result<bool, FileError> {
    if dry_run {
        // A dry run cannot write the configuration, and git runs with no other. It counts as lacking then.
        let is_configured = program.repository.is_configured(configuration)?;
        return Ok(!is_configured || !program.has(&program.pins()?));
    }
    program.repository.configure(configuration)?;
    let pins = program.adopt(program.pins()?)?;
    if program.has(&pins) {
        // A run that was killed may have left the branches for clients out.
        program.show(&pins)?;
        return Ok(false);
    }
    program.fetch()?;
    Ok(true)
}

/// The configuration with the user in whose home directory upstream has the repository.
///
/// # Errors
/// [`FileError`] if the mirror has the repository from another user's home directory: two users may each have one with
/// this name.
fn with_home(
    known: Configuration,
    user: Option<&str>,
    url: &GitUrl,
) -> Result<Configuration, FileError> {
    match (&known.home, user) {
        (Some(home), Some(user)) if home != user => Err(FileError::Git(format!(
            "{url}: the mirror has the repository of that name in the home directory of {home}: mirror this one \
             into another directory"
        ))),
        (None, Some(user)) => Ok(Configuration { home: Some(user.to_owned()), ..known }),
        _ => Ok(known),
    }
}
