//! `hexreg retire` and `hexreg unretire`: marks a release as retired, or takes that back.

use std::collections::BTreeSet;

pub use super::edit::{Error, Options, Report};

use super::edit;
use crate::package::Retirement;
use crate::publish::observer::Observer;
use crate::store::Store;
use crate::tarball::FileName;

/// Retires a release in the registry in `store`, or takes that back. Clients warn of a retired release, and install it
/// all the same.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn retire(
    store: &dyn Store,
    options: &Options,
    release: &FileName,
    retirement: Option<&Retirement>,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    edit::refuse_missing_directory(store)?;
    let packages = BTreeSet::from([release.package.clone()]);
    let FileName { package, version } = release;
    edit::edit(store, options, observer, &packages, &|_, copy| {
        if copy.retire(package, version, retirement) {
            return Ok(Vec::new());
        }
        let repository = options.repository.clone();
        Err(Error::NoSuchRelease { repository, release: Box::new(release.clone()) })
    })
}
