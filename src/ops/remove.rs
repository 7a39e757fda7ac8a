//! `hexreg remove`: a release out of a registry, and its tarball with it.

use std::cell::Cell;
use std::collections::BTreeSet;

pub use super::amend::{Error, Options, Report};

use super::amend::{self, Tarball};
use crate::publish::observer::Observer;
use crate::repository::RepositoryPath;
use crate::store::{Store, StoreError};
use crate::tarball::FileName;

/// Removes a release from the registry in `store`: first from what names it, its tarball last.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn remove(
    store: &dyn Store,
    options: &Options,
    release: &FileName,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    amend::refuse_nowhere(store)?;
    let packages = BTreeSet::from([release.package.clone()]);
    let FileName { package, version } = release;
    // Of any attempt: what the next ones do not find may be gone by this one's own work.
    let was_there = Cell::new(false);
    amend::amend(store, options, observer, &packages, &|draft| {
        let is_named = draft.take(package, version);
        // A tarball that nothing names is what a removal left that was cut short.
        was_there.set(was_there.get() || is_named || stands(store, release)?);
        if was_there.get() {
            return Ok(vec![Tarball::Goes(release.clone())]);
        }
        let repository = options.repository.clone();
        Err(Error::NoSuchRelease { repository, release: Box::new(release.clone()) })
    })
}

fn stands(store: &dyn Store, release: &FileName) -> Result<bool, StoreError> {
    let path = RepositoryPath::tarball(release);
    Ok(store.read(&path, 0, &mut Vec::new())?.is_some())
}
