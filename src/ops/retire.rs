//! `hexreg retire` and `hexreg unretire`: nobody should use a release any more, or may again.

use std::collections::BTreeSet;

pub use super::amend::{Error, Options, Report};

use super::amend;
use crate::package::Retirement;
use crate::publish::observer::Observer;
use crate::store::Store;
use crate::tarball::FileName;

/// Says in the registry in `store` that a release is retired, or no longer. Clients warn of one that is, and
/// install it all the same.
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
    amend::refuse_nowhere(store)?;
    let packages = BTreeSet::from([release.package.clone()]);
    let FileName { package, version } = release;
    amend::amend(store, options, observer, &packages, &|draft| {
        if draft.retire(package, version, retirement) {
            return Ok(Vec::new());
        }
        let repository = options.repository.clone();
        Err(Error::NoSuchRelease { repository, release: Box::new(release.clone()) })
    })
}
