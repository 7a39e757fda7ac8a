//! Checks that an edit still holds where no lock keeps other writers out.
//!
//! Each file was written only over what was read, but not all of them at one time: another writer may have read one
//! file before and written it after. And object storage removes tarballs without conditions.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::error::Error;
use super::files::FileChange;
use super::options::Options;
use super::snapshot::read_names;
use crate::name::PackageName;
use crate::publish::transaction::Attempt;
use crate::registry::Resource;
use crate::repository::RepositoryPath;

/// Whether the packages and `versions` need not be read again. A later writer of a file that was written here has seen
/// this addition, and `remove` re-checks every file. So only files that were not written here need re-checking.
pub(super) fn is_certain(
    attempt: &Attempt<'_>,
    packages: &BTreeSet<PackageName>,
    files: &[FileChange],
    wrote: &dyn Fn(&RepositoryPath) -> bool,
) -> bool {
    let only_adds =
        !files.is_empty() && files.iter().all(|file| matches!(file, FileChange::AddTarball(_)));
    let mut signed = packages
        .iter()
        .map(RepositoryPath::package)
        .chain([RepositoryPath::resource(&Resource::Versions)]);
    attempt.is_first() && only_adds && signed.all(|path| wrote(&path))
}

/// Checks that `names` still names these packages. It did already, so it was not written; and another writer may have
/// taken away a package that had no other release.
pub(super) fn names(
    attempt: &Attempt<'_>,
    options: &Options,
    packages: &BTreeSet<PackageName>,
) -> Result<(), Error> {
    let index = read_names(attempt.store(), options)?;
    let names = index.document.iter().flat_map(|names| &names.packages);
    let names: BTreeSet<_> = names.map(|(name, _)| name).collect();
    let are_named = packages.iter().all(|name| names.contains(name));
    if are_named { Ok(()) } else { Err(Error::Write(attempt.undone(&index.path))) }
}

/// Checks that the added tarballs still exist. If a removed one is back, another writer adds it.
pub(super) fn tarballs(attempt: &Attempt<'_>, files: &[FileChange]) -> Result<(), Error> {
    files.par_iter().try_for_each(|file| {
        let FileChange::AddTarball(added) = file else { return Ok(()) };
        let path = RepositoryPath::tarball(&added.file);
        let exists = attempt.store().read(&path, 0, &mut Vec::new())?.is_some();
        if exists { Ok(()) } else { Err(Error::Write(attempt.undone(&path))) }
    })
}
