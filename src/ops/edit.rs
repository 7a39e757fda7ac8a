//! Changes to some releases of a registry. [`add`](super::add), [`remove`](super::remove) and
//! [`retire`](super::retire) are its verbs.
//!
//! ```text
//! Snapshot       what packages/NAME, versions and names say, signed
//!  → WorkingCopy what they are to say                             pure
//!  → sign        those that are not published already
//!  → Plan        a file is there before another names it, and is removed after
//!  → transaction writes only over what was read
//!  → confirm     checks that all of it still holds; else again from the start
//! ```
//!
//! The cost does not depend on how many tarballs there are: no other tarball is read, and nothing is listed.

mod confirm;
mod error;
mod files;
mod options;
mod plan;
mod policy;
mod snapshot;
mod working_copy;

pub use error::Error;
pub(super) use files::{AddedTarball, FileChange, is_in_the_way};
pub use options::{Options, Report};
pub(super) use policy::{DesiredPolicy, edit_policy};
pub(super) use working_copy::WorkingCopy;

use std::collections::BTreeSet;

use crate::name::PackageName;
use crate::publish::Plan;
use crate::publish::observer::Observer;
use crate::publish::transaction::{Attempt, Publication, Transaction, directory_is_missing};
use crate::registry::Resource;
use crate::repository::{Folder, RepositoryPath};
use crate::store::Store;
use crate::tarball::FileName;
use snapshot::Snapshot;

/// What a verb changes in the working copy, and which tarballs and documentation it adds or removes. To do it twice is to do it once.
pub(super) type Change<'a> =
    dyn Fn(&Attempt<'_>, &mut WorkingCopy) -> Result<Vec<FileChange>, Error> + 'a;

/// Makes a `change` to these packages; again, to what is published then, if another writer was faster.
pub(super) fn edit(
    store: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
    packages: &BTreeSet<PackageName>,
    change: &Change<'_>,
) -> Result<Report, Error> {
    edit_within(&begin(store, options, observer)?, options, packages, change)
}

/// Begins a transaction, in which edits can be made one after the other: no other writer has the lock meanwhile.
pub(super) fn begin<'a>(
    store: &'a dyn Store,
    options: &Options,
    observer: &'a dyn Observer,
) -> Result<Transaction<'a>, Error> {
    let Options { lock_timeout, dry_run, .. } = *options;
    Transaction::begin(store, None, lock_timeout, dry_run, observer)
}

/// As [`edit`], in a transaction that has begun.
pub(super) fn edit_within(
    transaction: &Transaction<'_>,
    options: &Options,
    packages: &BTreeSet<PackageName>,
    change: &Change<'_>,
) -> Result<Report, Error> {
    let (_, changes) = transaction.run(&Edit { options, packages, change })?;
    Ok(Report { changes })
}

struct Edit<'a> {
    options: &'a Options,
    packages: &'a BTreeSet<PackageName>,
    change: &'a Change<'a>,
}

impl Publication for Edit<'_> {
    type Planned = Vec<FileChange>;
    type Error = Error;

    fn plan(&self, attempt: &Attempt<'_>) -> Result<(Plan, Vec<FileChange>), Error> {
        let store = attempt.store();
        let snapshot = Snapshot::read(store, self.options, self.packages)?;
        let mut copy = snapshot.working_copy();
        let files = (self.change)(attempt, &mut copy).map_err(|error| match error {
            Error::NoSuchRelease { .. } if snapshot.is_empty() => no_registry(store),
            error => error,
        })?;
        refuse_lost_release(store, &copy)?;
        let plan = plan::plan(attempt, self.options, &snapshot, &copy, &files)?;
        Ok((plan, files))
    }

    fn confirm(
        &self,
        attempt: &Attempt<'_>,
        plan: &Plan,
        files: &Vec<FileChange>,
    ) -> Result<(), Error> {
        let wrote = |path: &RepositoryPath| plan.changes.iter().any(|change| change.path == *path);
        if !confirm::is_certain(attempt, self.packages, files, &wrote) {
            // To make the change again would change nothing.
            let published = Snapshot::read(attempt.store(), self.options, self.packages)?;
            let published = published.working_copy();
            let mut again = published.clone();
            if (self.change)(attempt, &mut again).is_err() || again != published {
                return Err(Error::Write(attempt.undone(&Folder::Packages.path())));
            }
        } else if !wrote(&RepositoryPath::resource(&Resource::Names)) {
            confirm::names(attempt, self.options, self.packages)?;
        }
        confirm::tarballs(attempt, files)
    }
}

/// Fails if there is nothing to change: taking the lock would create a mistyped directory.
pub(super) fn refuse_missing_directory(store: &dyn Store) -> Result<(), Error> {
    if directory_is_missing(store)? { Err(no_registry(store)) } else { Ok(()) }
}

pub(super) fn no_registry(store: &dyn Store) -> Error {
    Error::NoRegistry { location: store.locate(&Folder::Root.path()) }
}

/// Refuses to write a package file that lacks a release which `versions` names: it would destroy the evidence of which
/// releases are missing.
fn refuse_lost_release(store: &dyn Store, copy: &WorkingCopy) -> Result<(), Error> {
    let Some((package, version)) = copy.lost_release() else { return Ok(()) };
    Err(Error::LostRelease {
        location: store.locate(&RepositoryPath::package(package)),
        release: Box::new(FileName { package: package.clone(), version: version.clone() }),
    })
}
