//! Opens the repository that is pulled into.

use std::fs::DirBuilder;
use std::sync::Arc;

use super::pull_through::{PullParts, PullThrough};
use crate::serve::error::Error;
use crate::serve::options::RepositoryOptions;
use crate::store::Store;

/// Begins to pull into a repository: a directory is created if it is missing. `store` makes a store that is written to,
/// and read without a cache in front. May block.
///
/// # Errors
/// [`Error::Pull`]
pub(crate) fn open(
    repository: &RepositoryOptions,
    parts: &PullParts<'_>,
    store: &dyn Fn() -> Box<dyn Store + Send + Sync>,
) -> Result<Arc<PullThrough>, Error> {
    let location = &repository.location;
    if let Some(directory) = location.as_directory() {
        let made = DirBuilder::new().recursive(true).create(directory);
        let failed = |source| Error::Mirror { directory: directory.to_owned(), source };
        made.map_err(failed)?;
    }
    let name = repository.mount.name().map_or_else(|| "/".to_owned(), ToString::to_string);
    let failed = |source| Error::Pull { location: location.to_string(), source };
    PullThrough::start(&name, parts, store).map_err(failed)
}
