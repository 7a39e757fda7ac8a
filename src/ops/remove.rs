//! `hexreg remove`: a release out of a registry, and its tarball with it.

use std::cell::Cell;
use std::collections::BTreeSet;

pub use super::amend::{Error, Options, Report};

use super::amend::{self, Tarball};
use super::observer::Observer;
use crate::store::Store;
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
    let packages = BTreeSet::from([release.package.clone()]);
    let FileName { package, version } = release;
    let was_named = Cell::new(false);
    let report = amend::amend(store, options, observer, &packages, &|draft| {
        was_named.set(was_named.get() | draft.take(package, version));
        Ok(vec![Tarball::Goes(release.clone())])
    })?;
    // A tarball that nothing named is what a removal left that was cut short.
    if report.changes.is_empty() && !was_named.get() {
        let repository = options.repository.clone();
        return Err(Error::NoSuchRelease { repository, release: Box::new(release.clone()) });
    }
    Ok(report)
}
