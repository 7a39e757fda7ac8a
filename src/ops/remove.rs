//! `hexreg remove`: removes a release from a registry, its tarball and its documentation.

use std::cell::Cell;
use std::collections::BTreeSet;

pub use super::edit::{Error, Options, Report};

use super::edit::{self, FileChange};
use crate::publish::observer::Observer;
use crate::repository::RepositoryPath;
use crate::store::{Store, StoreError};
use crate::tarball::FileName;

/// Removes a release from the registry in `store`: first from the files that name it, then its tarball and
/// its documentation.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn remove(
    store: &dyn Store,
    options: &Options,
    release: &FileName,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    edit::refuse_missing_directory(store)?;
    let packages = BTreeSet::from([release.package.clone()]);
    let FileName { package, version } = release;
    // Whether any attempt found it: what a later attempt does not find, an earlier one may have removed.
    let was_found = Cell::new(false);
    edit::edit(store, options, observer, &packages, &|attempt, copy| {
        let is_named = copy.remove(package, version);
        // An interrupted removal leaves a tarball that nothing names, or documentation.
        was_found.set(was_found.get() || is_named || has_files(attempt.store(), release)?);
        if was_found.get() {
            let release = || release.clone();
            return Ok(vec![
                FileChange::RemoveTarball(release()),
                FileChange::RemoveDocs(release()),
            ]);
        }
        let repository = options.repository.clone();
        Err(Error::NoSuchRelease { repository, release: Box::new(release.clone()) })
    })
}

fn has_files(store: &dyn Store, release: &FileName) -> Result<bool, StoreError> {
    let exists =
        |path| -> Result<bool, StoreError> { Ok(store.read(&path, 0, &mut Vec::new())?.is_some()) };
    Ok(exists(RepositoryPath::tarball(release))? || exists(RepositoryPath::docs(release))?)
}
