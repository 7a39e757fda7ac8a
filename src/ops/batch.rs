//! Many changes to releases of one repository, made together: the server writes in one transaction whatever its clients
//! have asked for meanwhile.
//!
//! ```text
//! RequestedChange   what a client asks for, and by which rules it is judged
//!  → groups         no group both publishes and reverts releases of one package
//!  → group_writer   makes a group at once; if that fails, each half of it, down to the change that cannot be made
//!  → judge          each change in order, on a working copy of what is published; a refused one changes nothing
//!  → edit           writes it, as for `hexreg add`
//!  → Verdict        an Outcome, or a ChangeError: others of the batch go on
//! ```

mod change;
mod change_observer;
mod files;
mod group_writer;
mod groups;
mod judge;
mod leftovers;
mod refusal;
mod rules;
mod store_failure;
mod verdicts;

pub use super::checked_tarball::CheckedTarball;
pub use super::edit::{Error, Options};
pub use super::rejection::RejectionCause;
pub use change::{ChangeError, Outcome, ReleaseChange, RequestedChange, Verdict};
pub use leftovers::remove_leftovers;
pub use refusal::Refusal;
pub use rules::{InvalidReplaceRule, ReplaceRule, Rules};

use std::path::Path;
use std::sync::Arc;

use super::{checked_tarball, edit};
use crate::publish::observer::Observer;
use crate::store::Store;
use crate::tarball::{self, Description, Limits, Unpacker, metadata_faults};
use change_observer::ChangeObserver;
use group_writer::GroupWriter;

/// Makes these changes to the registry in `store`, on the threads of the current rayon pool. Each is judged as if those
/// before it had been made. The result has a verdict for each, in the same order. The registry has to exist.
///
/// A change that cannot be made, as the system refuses its file, fails by itself. An error of the whole store, such as a
/// full disk, fails all changes that were not made before it.
pub fn apply(
    store: &dyn Store,
    options: &Options,
    rules: &Rules,
    changes: &[RequestedChange],
    observer: &dyn Observer,
) -> Vec<Verdict> {
    let observer = ChangeObserver::new(observer);
    let begun = edit::refuse_missing_directory(store);
    let transaction = match begun.and_then(|()| edit::begin(store, options, &observer)) {
        Ok(transaction) => transaction,
        Err(error) => {
            let error = Arc::new(error);
            return changes.iter().map(|_| Err(ChangeError::Failed(Arc::clone(&error)))).collect();
        }
    };
    let writer = GroupWriter::new(store, &transaction, options, rules, &observer);
    groups::groups(changes).into_iter().flat_map(|group| writer.make(group)).collect()
}

/// Reads and checks the tarball in a local file, as `hexreg add` does. Faults of the metadata, of which that warns, are
/// refused here: clients of a server are not the user who runs it. The file has to stay until it was [published](apply).
/// Also returns what the tarball says for people.
///
/// # Errors
/// [`RejectionCause`], which a [`Refusal`] can be made of.
pub fn check_tarball(
    path: &Path,
    limits: Limits,
    check_contents: bool,
) -> Result<(CheckedTarball, Description), RejectionCause> {
    let mut bytes = Vec::new();
    checked_tarball::read_bytes(path, &limits, &mut bytes)?;
    let mut unpacker = Unpacker::of(limits, check_contents);
    let checked = CheckedTarball::check(&mut unpacker, &bytes, path, None)?;
    if let Some(faults) = metadata_faults(&bytes, &limits)? {
        return Err(faults.into());
    }
    let description = tarball::describe(&bytes, &limits)?;
    Ok((checked, description))
}
