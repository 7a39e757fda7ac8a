//! Many changes to releases of one repository, made together: the server writes in one transaction whatever its clients
//! have asked for meanwhile.
//!
//! ```text
//! RequestedChange   what a client asks for, and by which rules it is judged
//!  → groups         no group both publishes and reverts releases of one package
//!  → judge          each change in order, on a working copy of what is published; a refused one changes nothing
//!  → edit           one transaction a group, as for `hexreg add`
//!  → Outcome        or a Refusal: others of the batch go on
//! ```

mod change;
mod files;
mod groups;
mod judge;
mod leftovers;
mod refusal;
mod rules;
mod verdicts;

pub use super::checked_tarball::CheckedTarball;
pub use super::edit::{Error, Options};
pub use super::rejection::RejectionCause;
pub use change::{Outcome, ReleaseChange, RequestedChange};
pub use leftovers::remove_leftovers;
pub use refusal::Refusal;
pub use rules::{InvalidReplaceRule, ReplaceRule, Rules};

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::{checked_tarball, edit};
use crate::name::PackageName;
use crate::publish::observer::Observer;
use crate::store::Store;
use crate::tarball::{Limits, Unpacker, metadata_faults};
use change::Verdict;
use refusal::chain;
use verdicts::Verdicts;

/// Makes these changes to the registry in `store`, on the threads of the current rayon pool. Each is judged as if those
/// before it had been made. The result has a verdict for each, in the same order. The registry has to exist.
///
/// # Errors
/// [`Error`] if changes could not be written. Then none of them must be reported as made, though some may have been.
pub fn apply(
    store: &dyn Store,
    options: &Options,
    rules: &Rules,
    changes: &[RequestedChange],
    observer: &dyn Observer,
) -> Result<Vec<Result<Outcome, Refusal>>, Error> {
    edit::refuse_missing_directory(store)?;
    let batch = Batch { store, options, rules, observer };
    let mut all = Vec::with_capacity(changes.len());
    for group in groups::groups(changes) {
        all.extend(batch.apply(&group.iter().collect::<Vec<_>>())?);
    }
    Ok(all)
}

struct Batch<'a> {
    store: &'a dyn Store,
    options: &'a Options,
    rules: &'a Rules,
    observer: &'a dyn Observer,
}

impl Batch<'_> {
    /// Makes a group of changes in one transaction. If the file of one package is damaged, the changes of each package
    /// are made in a transaction of their own: that package must not keep others from being changed.
    fn apply(&self, group: &[&RequestedChange]) -> Result<Vec<Verdict>, Error> {
        let packages: BTreeSet<_> = group.iter().map(|one| package(one).clone()).collect();
        let verdicts = Verdicts::new(&self.options.repository, self.rules, group);
        let done = self.edit(&packages, &verdicts);
        let error = match done {
            Ok(()) => return Ok(verdicts.into_verdicts().collect()),
            Err(error) if is_damage(&error) && !verdicts.has_written() => error,
            Err(error) => return Err(error),
        };
        if packages.len() == 1 {
            let damaged = Refusal::Damaged(chain(&error));
            return Ok(group.iter().map(|_| Err(damaged.clone())).collect());
        }
        let mut by_package = HashMap::new();
        for name in &packages {
            let of_package: Vec<_> =
                group.iter().copied().filter(|one| package(one) == name).collect();
            by_package.insert(name, self.apply(&of_package)?.into_iter());
        }
        let in_order = group.iter().filter_map(|one| by_package.get_mut(package(one))?.next());
        Ok(in_order.collect())
    }

    fn edit(&self, packages: &BTreeSet<PackageName>, verdicts: &Verdicts<'_>) -> Result<(), Error> {
        let Self { store, options, observer, .. } = *self;
        edit::edit(store, options, observer, packages, &|attempt, copy| {
            if copy.is_new_registry {
                return Err(edit::no_registry(store));
            }
            verdicts.judge(attempt, copy)
        })?;
        Ok(())
    }
}

fn package(requested: &RequestedChange) -> &PackageName {
    &requested.change.release().package
}

/// Whether a file of the registry is not as it should be, so that it is not changed.
fn is_damage(error: &Error) -> bool {
    matches!(
        error,
        Error::Signed { .. }
            | Error::Decode { .. }
            | Error::OtherPackage { .. }
            | Error::OtherRepository { .. }
            | Error::MissingIndex { .. }
            | Error::LostRelease { .. }
            | Error::InTheWay { .. }
    )
}

/// Reads and checks the tarball in a local file, as `hexreg add` does. Faults of the metadata, of which that warns, are
/// refused here: clients of a server are not the user who runs it. The file has to stay until it was [published](apply).
///
/// # Errors
/// [`RejectionCause`], which a [`Refusal`] can be made of.
pub fn check_tarball(
    path: &Path,
    limits: Limits,
    check_contents: bool,
) -> Result<CheckedTarball, RejectionCause> {
    let mut bytes = Vec::new();
    checked_tarball::read_bytes(path, &limits, &mut bytes)?;
    let mut unpacker = Unpacker::of(limits, check_contents);
    let checked = CheckedTarball::check(&mut unpacker, &bytes, path, None)?;
    match metadata_faults(&bytes, &limits)? {
        Some(faults) => Err(faults.into()),
        None => Ok(checked),
    }
}
