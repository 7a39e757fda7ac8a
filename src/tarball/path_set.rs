//! The paths of an archive, to see when two of them cannot both be unpacked.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};

/// The most paths of an archive, with the folders that they lie in.
pub(super) const MAX_PATHS: usize = 1 << 17;

/// The paths that were seen. Of each it keeps 16 bytes: a hash, by a key that is random and secret. So an archive of
/// any size takes a few MiB, and its author cannot look for paths of one hash. Of archives with 10,000 paths, one in
/// 300 billion has two by chance, and is refused.
#[derive(Default)]
pub(super) struct PathSet {
    hasher: RandomState,
    seen: HashMap<u64, PathKind>,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathKind {
    File,
    Folder,
}

/// Why a path cannot be unpacked beside those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathConflict {
    /// It is the path of a file that was seen.
    Twice,
    /// The path with this many components is one of a file and one of a folder.
    FileAndFolder(usize),
    /// There are more paths than [`MAX_PATHS`].
    TooMany,
}

impl PathSet {
    /// Adds a path by its components, and the folders that it lies in. A folder may be added again.
    pub fn add(&mut self, components: &[&str], kind: PathKind) -> Result<(), PathConflict> {
        let mut parent = 0;
        for (index, component) in components.iter().enumerate() {
            let length = index.saturating_add(1);
            let kind = if length == components.len() { kind } else { PathKind::Folder };
            // Of the parent's hash, so that a deep path takes no more than its length.
            parent = self.hasher.hash_one((parent, component));
            let count = self.seen.len();
            match self.seen.entry(parent) {
                Entry::Vacant(_) if count >= MAX_PATHS => return Err(PathConflict::TooMany),
                Entry::Vacant(vacant) => {
                    vacant.insert(kind);
                }
                Entry::Occupied(former) => match (*former.get(), kind) {
                    (PathKind::Folder, PathKind::Folder) => {}
                    (PathKind::File, PathKind::File) => return Err(PathConflict::Twice),
                    _ => return Err(PathConflict::FileAndFolder(length)),
                },
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The same by whole paths.
    fn add(
        seen: &mut BTreeMap<Vec<String>, PathKind>,
        path: &[String],
        kind: PathKind,
    ) -> Result<(), PathConflict> {
        for length in 1..=path.len() {
            let kind = if length == path.len() { kind } else { PathKind::Folder };
            match seen.insert(path[..length].to_vec(), kind) {
                Some(PathKind::File) if kind == PathKind::File => return Err(PathConflict::Twice),
                Some(former) if former != kind => return Err(PathConflict::FileAndFolder(length)),
                _ => {}
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn paths_conflict_as_whole_paths_do(
            paths in prop::collection::vec((prop::collection::vec("[ab]{1,2}", 1..4), any::<bool>()), 0..12),
        ) {
            let (mut set, mut whole) = (PathSet::default(), BTreeMap::new());
            for (path, is_file) in paths {
                let kind = if is_file { PathKind::File } else { PathKind::Folder };
                let parts: Vec<&str> = path.iter().map(String::as_str).collect();
                let found = set.add(&parts, kind);
                prop_assert_eq!(found, add(&mut whole, &path, kind), "{:?}", parts);
                if found.is_err() {
                    break;
                }
            }
        }
    }

    #[test]
    fn paths_are_limited_with_their_folders() {
        let mut set = PathSet::default();
        let deep = vec!["a"; MAX_PATHS - 1];
        assert_eq!(set.add(&deep, PathKind::Folder), Ok(()));
        assert_eq!(set.add(&["b"], PathKind::File), Ok(()));
        assert_eq!(set.add(&["c"], PathKind::File), Err(PathConflict::TooMany));
        assert_eq!(set.add(&["a", "a"], PathKind::Folder), Ok(()));
        assert_eq!(set.add(&["b"], PathKind::File), Err(PathConflict::Twice));
    }
}
