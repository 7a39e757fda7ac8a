//! Git dependencies that lock files pin: bare repositories that any static server can serve, by git's
//! "dumb" HTTP protocol.
//!
//! ```text
//! git/remote   where a repository is, and each way in which that can be spelt
//! git/program  the git program, which does it
//! ```

mod program;
mod remote;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::wrong::Wrong;
use crate::lockfile::{GitPin, GitUrl};
use crate::repository::Folder;
use program::Program;
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

/// Has a repository at the revision that is pinned.
pub(super) fn mirror(
    directory: &Path,
    pin: &GitPin,
    stall: Duration,
    dry_run: bool,
) -> Result<GitMirror, Wrong> {
    let GitPin { url, revision, .. } = pin;
    let refused = |why| Wrong::Git(format!("{}: {why}", url.to_string().escape_debug()));
    let remote = Remote::parse(url.with_credentials()).map_err(refused)?;
    let path = remote.place().unwrap_or_default();
    let place = directory.join(&path);
    let program = Program { url, revision, stall };
    if let Some(user) = remote.home().filter(|_| place.is_dir()) {
        program.keep_home(&place, user, !dry_run)?;
    }
    let is_new = !program.has(&place);
    let spellings = remote.spellings();
    let (url, revision) = (url.clone(), revision.clone());
    let found = GitMirror { url, revision, path, is_new, spellings };
    if dry_run {
        return Ok(found);
    }
    if !is_new {
        // A run that was killed may have come no further.
        program.update_server_info(&place)?;
    } else if place.is_dir() {
        program.fetch(&place)?;
    } else {
        let new = directory.join(Folder::Mirror.path().as_str()).join("git");
        let failed = |error| Wrong::Git(format!("{}: {error}", place.display()));
        clear(&new).map_err(failed)?;
        fs::create_dir_all(&new).map_err(failed)?;
        program.init(&new)?;
        if let Some(user) = remote.home() {
            program.keep_home(&new, user, true)?;
        }
        program.fetch(&new)?;
        fs::create_dir_all(place.parent().unwrap_or(directory)).map_err(failed)?;
        fs::rename(&new, &place).map_err(failed)?;
    }
    Ok(found)
}

fn clear(path: &PathBuf) -> std::io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
