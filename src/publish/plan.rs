//! What a build will change, and the one place that orders writes.

use std::collections::{HashMap, HashSet};
use std::mem;

use crate::registry::Resource;
use crate::repository::{Asset, AssetKind, ByteSource, Folder, RepositoryPath};
use crate::store::{self, Action, AppliedChange, Change, ListedFile, Stamp, Store, StoreError};

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

/// What has to stand for good before the next of these is begun: the key, then tarballs, then packages
/// that name them, then the indexes that name those; and what they no longer name goes last, packages and
/// releases first, then tarballs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// What a killed build left.
    Leftovers,
    /// What all signatures are checked with, and the folders.
    Ground,
    /// And whatever else is asked for by a name that says what it is: documentation, git's objects.
    Tarballs,
    /// And other lists of what the stage before has.
    Packages,
    /// `versions`, then `names`. If the machine stops, either may be found new beside the other as it
    /// was: clients read each for itself, and what either names is there until the next stage. So a
    /// flush in between, of up to some milliseconds in a cold build, would keep nobody from harm.
    Indexes,
    Removals,
    /// Tarballs, and what else no list names any more.
    Discards,
}

impl Stage {
    /// In which a change is made.
    fn of(change: &Change) -> Self {
        match change.action {
            Action::Remove if store::is_temporary(change.path.file_name()) => Self::Leftovers,
            Action::Remove | Action::Shrink(_) if is_list(&change.path) => Self::Removals,
            Action::Remove | Action::Shrink(_) => Self::Discards,
            Action::CreateFolder => Self::Ground,
            _ if change.path.is_index() => Self::Indexes,
            _ if RepositoryPath::is_root_file(change.path.as_str()) => Self::Ground,
            _ if is_list(&change.path) => Self::Packages,
            _ => Self::Tarballs,
        }
    }
}

/// The stage of a change, and `versions` before `names`.
fn place(change: &Change) -> (Stage, bool) {
    (Stage::of(change), change.path == RepositoryPath::resource(&Resource::Names))
}

/// Whether a file tells which others there are.
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

/// A file as it should stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DesiredFile {
    pub path: RepositoryPath,
    pub state: FileState,
    /// What the store said of the file with which this was compared.
    pub over: Option<Stamp>,
}

/// What has to be done for a file to stand as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileState {
    Unchanged,
    Different(ByteSource),
    Missing(ByteSource),
}

impl FileState {
    /// Compares the bytes that stand with those that should.
    pub fn of(standing: Option<&[u8]>, wanted: Vec<u8>) -> Self {
        match standing {
            None => Self::Missing(wanted.into()),
            Some(standing) if standing == wanted => Self::Unchanged,
            Some(_) => Self::Different(wanted.into()),
        }
    }
}

impl Plan {
    /// Orders what has to be done: `leftovers` are removed, then comes `wanted` as it comes (whoever
    /// names a file comes after it), then the removal of every file of `packages/` that is not wanted.
    pub(crate) fn between<'a>(
        leftovers: &[RepositoryPath],
        missing_folder: Option<Folder>,
        packages: &[ListedFile],
        wanted: impl Iterator<Item = &'a DesiredFile>,
    ) -> Self {
        let mut keep = HashSet::new();
        let mut plan = Self::default();
        for path in leftovers {
            plan.changes.push(Change::new(path.clone(), Action::Remove));
        }
        if let Some(folder) = missing_folder {
            plan.changes.push(Change::new(folder.path(), Action::CreateFolder));
        }
        for DesiredFile { path, state, over } in wanted {
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

    /// Puts off the updates of packages that lose releases until no index names those. Where one gains
    /// others too, `bridges` has the file that stands meanwhile.
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

    /// Removes these too, last within their stage.
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

    /// Makes the changes and tells of them in order.
    ///
    /// # Errors
    /// The first that failed; those before it are made, and every file is whole.
    pub fn apply(
        &self,
        store: &dyn Store,
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        // What fills up the disk goes before anything is written to it.
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
    fn a_state_is_found_by_comparing_bytes() {
        let wanted = || b"new".to_vec();
        assert_eq!(FileState::of(None, wanted()), FileState::Missing(wanted().into()));
        assert_eq!(FileState::of(Some(b"old"), wanted()), FileState::Different(wanted().into()));
        assert_eq!(FileState::of(Some(b"new"), wanted()), FileState::Unchanged);
    }

    #[test]
    fn what_loses_releases_comes_after_the_indexes() {
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
    fn what_is_named_stands_before_what_names_it_and_goes_after() {
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
    }

    #[test]
    fn wanted_files_keep_their_order_and_removals_come_last() {
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
