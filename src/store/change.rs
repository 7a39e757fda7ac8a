//! What is changed in a store, and what came of it.

use std::fmt;

use super::stamp::Stamp;
use crate::repository::{ByteSource, RepositoryPath};

/// One change to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path that changes.
    pub path: RepositoryPath,
    /// How it changes.
    pub action: Action,
    /// The stamp of the file that the change replaces or removes, as it was when the change was planned. `None` if
    /// there was no file, or the store has no stamps.
    pub over: Option<Stamp>,
}

/// What is done to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Creates a missing folder.
    CreateFolder,
    /// Creates a missing file.
    Create(ByteSource),
    /// Replaces the bytes of a file.
    Update(ByteSource),
    /// The first of two updates of a package: it names the releases that the indexes name before and after.
    Bridge(ByteSource),
    /// Takes releases from a package, after no index names them.
    Shrink(ByteSource),
    /// Removes a file that nothing names any more.
    Remove,
}

/// What became of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was missing.
    Created,
    /// It had other bytes.
    Updated,
    /// It was no longer needed.
    Removed,
}

impl Change {
    /// A change without a condition.
    #[must_use]
    pub fn new(path: RepositoryPath, action: Action) -> Self {
        Self { path, action, over: None }
    }

    /// The new bytes of the file; `None` for a removal and for a folder.
    #[must_use]
    pub fn source(&self) -> Option<&ByteSource> {
        match &self.action {
            Action::Create(source)
            | Action::Update(source)
            | Action::Bridge(source)
            | Action::Shrink(source) => Some(source),
            Action::CreateFolder | Action::Remove => None,
        }
    }

    /// What becomes of the path; `None` if another change to it follows.
    #[must_use]
    pub fn changed(&self) -> Option<Changed> {
        match self.action {
            Action::CreateFolder | Action::Create(_) => Some(Changed::Created),
            Action::Update(_) | Action::Shrink(_) => Some(Changed::Updated),
            Action::Bridge(_) => None,
            Action::Remove => Some(Changed::Removed),
        }
    }
}

/// A change that was made.
#[derive(Clone, Copy, Debug)]
pub struct AppliedChange<'a> {
    /// The change.
    pub change: &'a Change,
    /// The users who may have lost the right to read the file.
    pub lost: Option<LostReaders>,
}

impl<'a> AppliedChange<'a> {
    /// A change by which no user lost the right to read the file.
    #[must_use]
    pub fn new(change: &'a Change) -> Self {
        Self { change, lost: None }
    }
}

/// Users who could read a file, and may not be able to read the one that replaced it: the system did not let the new
/// file have the same owner, group or mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostReaders {
    /// The former owner.
    pub user: Option<u32>,
    /// The members of the former group.
    pub group: Option<u32>,
    /// All other users.
    pub others: bool,
}

impl fmt::Display for LostReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.map(|id| format!("user {id}"));
        let group = self.group.map(|id| format!("group {id}"));
        let others = self.others.then(|| "other users".to_owned());
        let lost: Vec<_> = [user, group, others].into_iter().flatten().collect();
        f.write_str(&lost.join(" and "))
    }
}
