//! Mirrors the git repositories that lock files pin, one after the other.

use std::path::Path;

use super::file_error::{FileError, NotMirrored};
use super::git::{self, GitOptions};
use super::options::Options;
use super::report::Report;

/// Mirrors each selected git repository, if there are to be any.
pub(super) async fn mirror(directory: &Path, options: &Options, report: &mut Report) {
    for pin in options.selection.git().into_iter().filter(|_| options.git) {
        let (directory, pin) = (directory.to_owned(), pin.clone());
        let app = pin.app.clone();
        let git_options = GitOptions {
            stall: options.timeouts.stall,
            authorization: options.upstream.authorization.clone(),
            dry_run: options.dry_run,
            cancellation: options.cancellation.clone(),
        };
        let mirrored =
            tokio::task::spawn_blocking(move || git::mirror(&directory, &pin, &git_options));
        match mirrored.await.unwrap_or_else(|error| Err(FileError::Git(error.to_string()))) {
            Ok(mirror) => report.git.push(mirror),
            Err(error) => report.failures.push(NotMirrored { path: format!("git: {app}"), error }),
        }
    }
}
