//! Temporary files of killed writers. A build removes them, but a registry that is only published to has no builds.

use crate::publish::Plan;
use crate::repository::Folder;
use crate::store::{self, Action, Change, EntryKind, LockOutcome, Store, StoreError};

/// The folders that publications write to, and `hexreg policy` too.
const FOLDERS: [Folder; 5] =
    [Folder::Root, Folder::Packages, Folder::Policies, Folder::Tarballs, Folder::Docs];

/// Removes temporary files that killed writers have left. Returns how many. If another writer is at work, or may be,
/// none is removed.
///
/// # Errors
/// [`StoreError`]; some may have been removed.
pub fn remove_leftovers(store: &dyn Store) -> Result<usize, StoreError> {
    if store.is_conditional() {
        return Ok(0);
    }
    let LockOutcome::Held(_lock) = store.lock()? else { return Ok(0) };
    let mut plan = Plan::default();
    for folder in FOLDERS {
        let files = store.list(folder)?.unwrap_or_default().into_iter();
        let leftovers =
            files.filter(|file| store::is_temporary(&file.name) && file.kind == EntryKind::File);
        let removals = leftovers.map(|file| Change::new(folder.file(&file.name), Action::Remove));
        plan.changes.extend(removals);
    }
    plan.apply(store, &|_| ())?;
    Ok(plan.changes.len())
}
