//! The changes to a repository, and the one place that orders them.

use std::collections::{HashMap, HashSet};
use std::mem;

use crate::registry::Resource;
use crate::repository::{Asset, AssetKind, ByteSource, Folder, RepositoryPath};
use crate::store::{self, Action, AppliedChange, Change, ListedFile, Stamp, Store, StoreError};

/// The changes that turn what is published into what should be, in the order in which they are made.
///
/// No reader may meet an index that names a file which does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are made.
    pub changes: Vec<Change>,
    /// How many files are as they should be and are left alone.
    pub unchanged: usize,
}

/// A stage is durable before the next one begins: the key, then tarballs, then packages that name them, then the indexes
/// that name packages. What is no longer named is removed last: packages and releases first, then tarballs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Temporary files of killed processes.
    Leftovers,
    /// The key that all signatures are checked with, and folders.
    Ground,
    /// Also other files whose names identify their contents: documentation, git objects.
    Tarballs,
    /// Also other lists of the files of the stage before.
    Packages,
    /// `versions`, then `names`. After a crash one index may be new and the other old. That is harmless, so there is no
    /// fsync between them, which takes up to some milliseconds in a cold build: clients read each index for itself, and
    /// what either names exists until the next stage.
    Indexes,
    Removals,
    /// Tarballs, and other files that no list names any more.
    Discards,
    /// `public_key` in place of that of another key. Until then it tells which key signed what is not signed anew yet: a
    /// build that continues after a kill believes that key, and keeps retirements and policies.
    Rotation,
}

impl Stage {
    /// The stage of a change.
    fn of(change: &Change) -> Self {
        match change.action {
            Action::Remove if store::is_temporary(change.path.file_name()) => Self::Leftovers,
            Action::Remove | Action::Shrink(_) if is_list(&change.path) => Self::Removals,
            Action::Remove | Action::Shrink(_) => Self::Discards,
            Action::CreateFolder => Self::Ground,
            Action::Update(_) if change.path == RepositoryPath::public_key() => Self::Rotation,
            _ if change.path.is_index() => Self::Indexes,
            _ if RepositoryPath::is_root_file(change.path.as_str()) => Self::Ground,
            _ if is_list(&change.path) => Self::Packages,
            _ => Self::Tarballs,
        }
    }
}

/// Sorts by stage, and `versions` before `names`.
fn place(change: &Change) -> (Stage, bool) {
    (Stage::of(change), change.path == RepositoryPath::resource(&Resource::Names))
}

/// Whether a file lists other files.
fn is_list(path: &RepositoryPath) -> bool {
    match path.folder() {
        Folder::Packages
        | Folder::Policies
        | Folder::Installs
        | Folder::Mirror
        | Folder::MirrorPackages => true,
        Folder::Tarballs | Folder::Docs => false,
        Folder::Root | Folder::Git => Asset::at(path.as_str())
            .is_none_or(|asset| matches!(asset.kind, AssetKind::Registry | AssetKind::GitRefs)),
    }
}

/// A file as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DesiredFile {
    pub path: RepositoryPath,
    pub state: FileState,
    /// The stamp of the file with which it was compared.
    pub over: Option<Stamp>,
}

/// How a file differs from what it should be, with its new bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileState {
    Unchanged,
    Different(ByteSource),
    Missing(ByteSource),
}

impl FileState {
    /// Compares the published bytes with the desired ones.
    pub fn of(published: Option<&[u8]>, desired: Vec<u8>) -> Self {
        match published {
            None => Self::Missing(desired.into()),
            Some(published) if published == desired => Self::Unchanged,
            Some(_) => Self::Different(desired.into()),
        }
    }
}

impl Plan {
    /// Orders the changes: `leftovers` are removed first, then come the `desired` files in their order (a file before the
    /// one that names it), then the removal of every file of `packages/` that is not desired.
    pub(crate) fn between<'a>(
        leftovers: &[RepositoryPath],
        missing_folder: Option<Folder>,
        packages: &[ListedFile],
        desired: impl Iterator<Item = &'a DesiredFile>,
    ) -> Self {
        let mut keep = HashSet::new();
        let mut plan = Self::default();
        for path in leftovers {
            plan.changes.push(Change::new(path.clone(), Action::Remove));
        }
        if let Some(folder) = missing_folder {
            plan.changes.push(Change::new(folder.path(), Action::CreateFolder));
        }
        for DesiredFile { path, state, over } in desired {
            keep.insert(path);
            let action = match state {
                FileState::Unchanged => {
                    plan.unchanged = plan.unchanged.saturating_add(1);
                    continue;
                }
                FileState::Different(source) => Action::Update(source.clone()),
                FileState::Missing(source) => Action::Create(source.clone()),
            };
            plan.changes.push(Change { path: path.clone(), action, over: *over });
        }
        for file in packages {
            let path = Folder::Packages.file(&file.name);
            if !keep.contains(&path) {
                plan.changes.push(Change { path, action: Action::Remove, over: file.stamp });
            }
        }
        plan.changes.sort_by_cached_key(place);
        plan
    }

    /// Delays the updates of packages that lose releases until no index names those. For a package that also gains
    /// releases, `bridges` has the file in between.
    pub(crate) fn bridge(&mut self, mut bridges: HashMap<RepositoryPath, Option<Vec<u8>>>) {
        let mut late = Vec::new();
        for Change { path, action, over } in mem::take(&mut self.changes) {
            match (action, bridges.remove(&path)) {
                (Action::Update(source), Some(bridge)) => {
                    if let Some(bridge) = bridge {
                        let action = Action::Bridge(bridge.into());
                        self.changes.push(Change { path: path.clone(), action, over });
                    }
                    late.push(Change { path, action: Action::Shrink(source), over });
                }
                (action, _) => self.changes.push(Change { path, action, over }),
            }
        }
        let removals = self.changes.partition_point(|one| Stage::of(one) < Stage::Removals);
        self.changes.splice(removals..removals, late);
    }

    /// Adds the removal of these files, last within their stage.
    pub(crate) fn remove(
        &mut self,
        files: impl IntoIterator<Item = (RepositoryPath, Option<Stamp>)>,
    ) {
        let files = files.into_iter();
        self.changes.extend(files.map(|(path, over)| Change {
            path,
            action: Action::Remove,
            over,
        }));
        self.changes.sort_by_cached_key(place);
    }

    /// Makes the changes, and reports each in order.
    ///
    /// # Errors
    /// The first failure. The changes before it were made, and every file is whole.
    pub fn apply(
        &self,
        store: &dyn Store,
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        // Leftovers may fill up the disk, so they are removed before anything is written.
        let leftovers = self.changes.partition_point(|one| Stage::of(one) == Stage::Leftovers);
        let (leftovers, rest) = self.changes.split_at(leftovers);
        store.apply(&[leftovers], made)?;
        let rest: Vec<_> = rest.chunk_by(|a, b| Stage::of(a) == Stage::of(b)).collect();
        store.apply(&rest, made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::UnixSeconds;
    use crate::store::EntryKind;

    fn source(text: &str) -> ByteSource {
        text.as_bytes().to_vec().into()
    }

    fn wanted(name: &str, state: FileState) -> DesiredFile {
        DesiredFile { path: Folder::Packages.file(name), state, over: None }
    }

    #[test]
    fn files_are_compared_by_bytes() {
        let wanted = || b"new".to_vec();
        assert_eq!(FileState::of(None, wanted()), FileState::Missing(wanted().into()));
        assert_eq!(FileState::of(Some(b"old"), wanted()), FileState::Different(wanted().into()));
        assert_eq!(FileState::of(Some(b"new"), wanted()), FileState::Unchanged);
    }

    #[test]
    fn packages_that_lose_releases_are_updated_after_the_indexes() {
        let update = |path: &RepositoryPath| DesiredFile {
            path: path.clone(),
            state: FileState::Different(source(path.as_str())),
            over: None,
        };
        let [grows, shrinks, both] =
            ["grows", "shrinks", "both"].map(|one| Folder::Packages.file(one));
        let versions = Folder::Root.file("versions");
        let wanted = [&grows, &shrinks, &both, &versions].map(update);
        let stale = ListedFile {
            name: "stale".to_owned(),
            kind: EntryKind::File,
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
                ("packages/grows", &Action::Update(source("packages/grows"))),
                ("packages/both", &Action::Bridge(source("bridge"))),
                ("versions", &Action::Update(source("versions"))),
                ("packages/shrinks", &Action::Shrink(source("packages/shrinks"))),
                ("packages/both", &Action::Shrink(source("packages/both"))),
                ("packages/stale", &Action::Remove),
            ]
        );
    }

    #[test]
    fn a_file_is_written_before_another_names_it_and_removed_after() {
        let stage =
            |path: &str, action: Action| Stage::of(&Change::new(Folder::Root.file(path), action));
        let written = [
            "public_key",
            "tarballs/foo-1.0.0.tar",
            "docs/foo-1.0.0.tar.gz",
            "installs/1.0.0/hex-2.0.0.ez",
            "packages/foo",
            "installs/hex-1.x.csv",
            "git/host/path.git/HEAD",
            "versions",
            "names",
        ];
        let written = written.map(|path| stage(path, Action::Create(source(""))));
        assert!(written.is_sorted(), "{written:?}");
        assert_eq!(written[1..4], [Stage::Tarballs; 3]);
        assert_eq!(written[4..7], [Stage::Packages; 3]);
        assert_eq!(stage("packages/foo", Action::Shrink(source(""))), Stage::Removals);
        assert_eq!(stage("packages/foo", Action::Remove), Stage::Removals);
        assert_eq!(stage("tarballs/foo-1.0.0.tar", Action::Remove), Stage::Discards);
        assert_eq!(stage("public_key", Action::Update(source(""))), Stage::Rotation);
        assert!(Stage::Rotation > Stage::Discards);
    }

    #[test]
    fn desired_files_keep_their_order_and_removals_come_last() {
        let listed = |name: &str| ListedFile {
            name: name.to_owned(),
            kind: EntryKind::File,
            modified: UnixSeconds(0),
            stamp: None,
        };
        let wanted = [
            wanted("missing", FileState::Missing(vec![1].into())),
            wanted("same", FileState::Unchanged),
            wanted("different", FileState::Different(vec![2].into())),
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
                ("packages/missing", &Action::Create(vec![1].into())),
                ("packages/different", &Action::Update(vec![2].into())),
                ("packages/stale", &Action::Remove),
            ]
        );
        assert_eq!(plan.unchanged, 1);
    }
}
