//! What a build will change, and the one place that orders writes.

use std::collections::HashSet;

use super::{Folder, RepositoryPath};
use crate::store::{self, Listed, Store, StoreError};

/// The changes that turn what stands into what should stand, in the order in which they are made.
///
/// No reader may meet an index that names what is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is done, in this order.
    pub changes: Vec<Change>,
    /// How many files stand as they should and are left alone.
    pub unchanged: usize,
}

/// What has to stand for good before the next of these is begun: the key, then packages, then the
/// indexes that name them, and what they no longer name goes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// What a killed build left.
    Leftovers,
    /// What all signatures are checked with, and the folders.
    Ground,
    Packages,
    /// `versions`, then `names`.
    Indexes,
    Removals,
}

/// One change to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it changes.
    pub path: RepositoryPath,
    /// How.
    pub action: Action,
}

/// What is done to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A folder that was missing.
    CreateFolder,
    /// A file that was missing, with its bytes.
    Create(Vec<u8>),
    /// A file that has other bytes.
    Update(Vec<u8>),
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
    fn stage(&self) -> Stage {
        match self.action {
            Action::Remove if store::is_temporary(self.path.file_name()) => Stage::Leftovers,
            Action::Remove => Stage::Removals,
            _ if self.path.folder() == Folder::Packages => Stage::Packages,
            _ if self.path.is_index() => Stage::Indexes,
            _ => Stage::Ground,
        }
    }

    /// What the file will hold, if the change is one to a file that stays.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.action {
            Action::Create(bytes) | Action::Update(bytes) => Some(bytes),
            Action::CreateFolder | Action::Remove => None,
        }
    }

    /// What becomes of the path.
    #[must_use]
    pub fn changed(&self) -> Changed {
        match self.action {
            Action::CreateFolder | Action::Create(_) => Changed::Created,
            Action::Update(_) => Changed::Updated,
            Action::Remove => Changed::Removed,
        }
    }
}

/// A file as it should stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub path: RepositoryPath,
    pub state: State,
}

/// What has to be done for a file to stand as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Stands,
    Differs(Vec<u8>),
    Missing(Vec<u8>),
}

impl State {
    /// Compares the bytes that stand with those that should.
    pub fn of(standing: Option<&[u8]>, wanted: Vec<u8>) -> Self {
        match standing {
            None => Self::Missing(wanted),
            Some(standing) if standing == wanted => Self::Stands,
            Some(_) => Self::Differs(wanted),
        }
    }
}

impl Plan {
    /// Orders what has to be done: `leftovers` are removed, then comes `wanted` as it comes (whoever
    /// names a file comes after it), then the removal of every file of `packages/` that is not wanted.
    pub(crate) fn between<'a>(
        leftovers: &[RepositoryPath],
        missing_folder: Option<Folder>,
        packages: &[Listed],
        wanted: impl Iterator<Item = &'a Wanted>,
    ) -> Self {
        let mut keep = HashSet::new();
        let mut plan = Self::default();
        for path in leftovers {
            plan.push(path.clone(), Action::Remove);
        }
        if let Some(folder) = missing_folder {
            plan.push(folder.path(), Action::CreateFolder);
        }
        for Wanted { path, state } in wanted {
            keep.insert(path);
            match state {
                State::Stands => plan.unchanged = plan.unchanged.saturating_add(1),
                State::Differs(bytes) => plan.push(path.clone(), Action::Update(bytes.clone())),
                State::Missing(bytes) => plan.push(path.clone(), Action::Create(bytes.clone())),
            }
        }
        for file in packages {
            let path = Folder::Packages.file(&file.name);
            if !keep.contains(&path) {
                plan.push(path, Action::Remove);
            }
        }
        plan
    }

    fn push(&mut self, path: RepositoryPath, action: Action) {
        self.changes.push(Change { path, action });
    }

    /// Makes the changes and tells of them in order.
    ///
    /// # Errors
    /// The first that failed; those before it are made, and every file is whole.
    pub fn apply(&self, store: &dyn Store, made: &dyn Fn(&Change)) -> Result<(), StoreError> {
        // What fills up the disk goes before anything is written to it.
        let leftovers = self.changes.partition_point(|one| one.stage() == Stage::Leftovers);
        let (leftovers, rest) = self.changes.split_at(leftovers);
        store.apply(&[leftovers], made)?;
        let rest: Vec<_> = rest.chunk_by(|a, b| a.stage() == b.stage()).collect();
        store.apply(&rest, made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::UnixSeconds;
    use crate::store::Kind;

    fn wanted(name: &str, state: State) -> Wanted {
        Wanted { path: Folder::Packages.file(name), state }
    }

    #[test]
    fn a_state_is_found_by_comparing_bytes() {
        let wanted = || b"new".to_vec();
        assert_eq!(State::of(None, wanted()), State::Missing(wanted()));
        assert_eq!(State::of(Some(b"old"), wanted()), State::Differs(wanted()));
        assert_eq!(State::of(Some(b"new"), wanted()), State::Stands);
    }

    #[test]
    fn wanted_files_keep_their_order_and_removals_come_last() {
        let listed = |name: &str| Listed {
            name: name.to_owned(),
            kind: Kind::File,
            modified: UnixSeconds(0),
            stamp: None,
        };
        let wanted = [
            wanted("missing", State::Missing(vec![1])),
            wanted("same", State::Stands),
            wanted("different", State::Differs(vec![2])),
        ];
        let leftover = Folder::Packages.file(".hexreg-abc.tmp");
        let stands = ["different", "same", "stale"].map(listed);
        let plan = Plan::between(&[leftover], Some(Folder::Tarballs), &stands, wanted.iter());
        let changes: Vec<_> =
            plan.changes.iter().map(|change| (change.path.as_str(), &change.action)).collect();
        assert_eq!(
            changes,
            [
                ("packages/.hexreg-abc.tmp", &Action::Remove),
                ("tarballs", &Action::CreateFolder),
                ("packages/missing", &Action::Create(vec![1])),
                ("packages/different", &Action::Update(vec![2])),
                ("packages/stale", &Action::Remove),
            ]
        );
        assert_eq!(plan.unchanged, 1);
    }
}
