//! Git dependencies that lock files pin: bare repositories that any static server can serve, by git's
//! "dumb" HTTP protocol.
//!
//! ```text
//! git/remote         where a repository is, and each way in which that can be spelt
//! git/place          where the mirror has it: nothing that lies there is run or believed
//! git/configuration  its own configuration, which is written anew
//! git/program        the git program, which does it: fetches, and keeps what is pinned
//! git/environment    what git gets of this program's environment
//! git/child          when a program is given up
//! ```

mod child;
mod configuration;
mod environment;
mod bare_repository;
mod program;
mod remote;

use std::path::Path;
use std::time::Duration;

use reqwest::header::HeaderValue;

use super::file_error::FileError;
use crate::lockfile::{GitPin, GitUrl};
use configuration::{Configuration, Hash};
use bare_repository::BareRepository;
use program::GitProgram;
use remote::Remote;

/// A repository that was mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitMirror {
    /// As the lock file has it.
    pub url: GitUrl,
    /// What is pinned, in hex.
    pub revision: String,
    /// Below the mirror: `git/HOST/PATH.git`.
    pub path: String,
    /// Whether anything had to be fetched.
    pub is_new: bool,
    /// Each URL by which projects may call it, as the lock file does at first; without credentials.
    pub spellings: Vec<String>,
}

/// How repositories are mirrored.
#[derive(Clone, Debug)]
pub(super) struct GitOptions {
    /// How long nothing may come of what is fetched.
    pub stall: Duration,
    /// What upstream of packages is sent as `Authorization`: no program that is run gets to know it.
    pub authorization: Option<HeaderValue>,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// Has a repository at the revision that is pinned.
pub(super) fn mirror(
    directory: &Path,
    pin: &GitPin,
    options: &GitOptions,
) -> Result<GitMirror, FileError> {
    let GitPin { url, revision, .. } = pin;
    let refused = |why| FileError::Git(format!("{}: {why}", url.to_string().escape_debug()));
    let remote = Remote::parse(url.with_credentials()).map_err(refused)?;
    let path = remote.place().unwrap_or_default();
    let (stall, authorization) = (options.stall, options.authorization.as_ref());
    let program = |place| GitProgram { url, revision, place, stall, authorization };
    let is_new = match BareRepository::find(directory, &path)? {
        Some(place) => {
            place.check()?;
            let configuration = with_home(place.configuration()?, remote.home(), url)?;
            bring_up_to_date(&program(&place), &configuration, options.dry_run)?
        }
        None if options.dry_run => true,
        None => {
            let hash = Hash::of_revision(revision);
            let home = remote.home().map(str::to_owned);
            let place = BareRepository::begin(directory, &Configuration { hash, home })?;
            program(&place).fetch()?;
            BareRepository::publish(directory, &path)?;
            true
        }
    };
    let spellings = remote.spellings();
    let (url, revision) = (url.clone(), revision.clone());
    Ok(GitMirror { url, revision, path, is_new, spellings })
}

/// Fetches into a repository that the mirror has, if it lacks the revision; tells whether it does.
fn bring_up_to_date(
    program: &GitProgram<'_>,
    configuration: &Configuration,
    dry_run: bool,
) -> Result<bool, FileError> {
    if dry_run {
        // Git is run with no other configuration. A mirror that has another one may have it all the same.
        let may_look = program.place.is_configured(configuration)?;
        return Ok(!may_look || !program.has(&program.pins()?));
    }
    program.place.configure(configuration)?;
    let pins = program.adopt(program.pins()?)?;
    if program.has(&pins) {
        // A run that was killed may have come no further.
        program.show(&pins)?;
        return Ok(false);
    }
    program.fetch()?;
    Ok(true)
}

/// What is configured, and whose home directory the repository is in.
///
/// # Errors
/// Where it is known to be in another one's: two users may each have a repository of that name.
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
