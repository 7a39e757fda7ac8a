//! What a build will change, and the one place that orders writes.

use std::collections::{HashMap, HashSet};
use std::mem;

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
/// indexes that name them, and what they no longer name goes last, packages and releases alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// What a killed build left.
    Leftovers,
    /// What all signatures are checked with, and the folders.
    Ground,
    Packages,
    /// `versions`, then `names`. If the machine stops, either may be found new beside the other as it
    /// was: clients read each for itself, and what either names is there until the next stage. So a
    /// flush in between, of up to some milliseconds in a cold build, would keep nobody from harm.
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
    /// A package between two updates: what the indexes name before and what they name after.
    Bridge(Vec<u8>),
    /// A package that loses releases, once no index names them.
    Shrink(Vec<u8>),
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
            Action::Remove | Action::Shrink(_) => Stage::Removals,
            _ if self.path.folder() == Folder::Packages => Stage::Packages,
            _ if self.path.is_index() => Stage::Indexes,
            _ => Stage::Ground,
        }
    }

    /// What the file will hold, if the change is one to a file that stays.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.action {
            Action::Create(bytes)
            | Action::Update(bytes)
            | Action::Bridge(bytes)
            | Action::Shrink(bytes) => Some(bytes),
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

    /// Puts off the updates of packages that lose releases until no index names those. Where one gains
    /// others too, `bridges` has the file that stands meanwhile.
    pub(crate) fn bridge(&mut self, mut bridges: HashMap<RepositoryPath, Option<Vec<u8>>>) {
        let mut late = Vec::new();
        for Change { path, action } in mem::take(&mut self.changes) {
            match (action, bridges.remove(&path)) {
                (Action::Update(bytes), Some(bridge)) => {
                    if let Some(bridge) = bridge {
                        self.push(path.clone(), Action::Bridge(bridge));
                    }
                    late.push(Change { path, action: Action::Shrink(bytes) });
                }
                (action, _) => self.push(path, action),
            }
        }
        let removals = self.changes.partition_point(|one| one.stage() < Stage::Removals);
        self.changes.splice(removals..removals, late);
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
    fn what_loses_releases_comes_after_the_indexes() {
        let update = |path: &RepositoryPath| Wanted {
            path: path.clone(),
            state: State::Differs(path.as_str().into()),
        };
        let [grows, shrinks, both] =
            ["grows", "shrinks", "both"].map(|one| Folder::Packages.file(one));
        let versions = Folder::Root.file("versions");
        let wanted = [&grows, &shrinks, &both, &versions].map(update);
        let stale = Listed {
            name: "stale".to_owned(),
            kind: Kind::File,
            modified: UnixSeconds(0),
            stamp: None,
        };
        let mut plan = Plan::between(&[], None, &[stale], wanted.iter());
        plan.bridge([(shrinks, None), (both, Some(b"bridge".to_vec()))].into());
        let changes: Vec<_> =
            plan.changes.iter().map(|change| (change.path.as_str(), &change.action)).collect();
        assert_eq!(
            changes,
            [
                ("packages/grows", &Action::Update(b"packages/grows".to_vec())),
                ("packages/both", &Action::Bridge(b"bridge".to_vec())),
                ("versions", &Action::Update(b"versions".to_vec())),
                ("packages/shrinks", &Action::Shrink(b"packages/shrinks".to_vec())),
                ("packages/both", &Action::Shrink(b"packages/both".to_vec())),
                ("packages/stale", &Action::Remove),
            ]
        );
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
