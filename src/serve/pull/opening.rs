//! Opens the repository that is pulled into.

use std::fs::DirBuilder;
use std::sync::Arc;

use super::pull_through::{PullParts, PullThrough};
use crate::ops::mirror;
use crate::published::PublishedKey;
use crate::repository::RepositoryPath;
use crate::serve::error::Error;
use crate::serve::options::{RepositoryLocation, RepositoryOptions};
use crate::store::Store;

/// Opens a repository that is pulled into. `store` makes a store that is written to, and read without a cache in front.
/// Nothing is written before [`prepare`]: other options may be refused. May block.
///
/// # Errors
/// [`Error::Pull`]
pub(crate) fn open(
    repository: &RepositoryOptions,
    parts: &PullParts<'_>,
    store: &dyn Fn() -> Box<dyn Store + Send + Sync>,
) -> Result<Arc<PullThrough>, Error> {
    let location = &repository.location;
    let failed = |source| Error::Pull { location: location.to_string(), source };
    refuse_other_registry(parts, &*store()).map_err(failed)?;
    PullThrough::new(&repository.mount.label(), parts, store).map_err(failed)
}

fn refuse_other_registry(parts: &PullParts<'_>, store: &dyn Store) -> Result<(), mirror::Error> {
    match PublishedKey::read(store)? {
        Some(held) if !held.is(&parts.options.upstream.key) => {
            let location = store.locate(&RepositoryPath::public_key());
            Err(mirror::Error::OtherRegistry { location })
        }
        _ => Ok(()),
    }
}

/// Makes the store of a repository ready to be pulled into: a directory is created if it is missing. May block.
///
/// # Errors
/// [`Error::Mirror`] and [`Error::Pull`].
pub(crate) fn prepare(pull: &PullThrough, location: &RepositoryLocation) -> Result<(), Error> {
    if let Some(directory) = location.as_directory() {
        let made = DirBuilder::new().recursive(true).create(directory);
        let failed = |source| Error::Mirror { directory: directory.to_owned(), source };
        made.map_err(failed)?;
    }
    pull.prepare().map_err(|source| Error::Pull { location: location.to_string(), source })
}
