//! One change to a served tree, as a store makes it.

use super::Stamp;
use crate::repository::{ByteSource, RepositoryPath};

/// One change to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it changes.
    pub path: RepositoryPath,
    /// How.
    pub action: Action,
    /// What the store said of the file that stood there when the change was planned, or an earlier
    /// change of the same plan was: `None` where there was none, or the store has nothing of the kind.
    pub over: Option<Stamp>,
}

/// What is done to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A folder that was missing.
    CreateFolder,
    /// A file that was missing, with its bytes.
    Create(ByteSource),
    /// A file that has other bytes.
    Update(ByteSource),
    /// A package between two updates: what the indexes name before and what they name after.
    Bridge(ByteSource),
    /// A package that loses releases, once no index names them.
    Shrink(ByteSource),
    /// A file that nothing names any more.
    Remove,
}

/// What becomes of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was missing.
    Created,
    /// It was different.
    Updated,
    /// It was no longer wanted.
    Removed,
}

impl Change {
    /// A change over whatever stands.
    #[must_use]
    pub fn new(path: RepositoryPath, action: Action) -> Self {
        Self { path, action, over: None }
    }

    /// What the file will hold, if the change is one to a file that stays.
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

    /// What becomes of the path; `None` where another change to it follows.
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
