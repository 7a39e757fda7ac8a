//! When each file was last asked for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::package::UnixSeconds;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Action, Change, Store, StoreError};

/// When each file was last asked for, of those that are there.
#[derive(Default)]
pub(super) struct UsedFiles(Mutex<NotedUses>);

#[derive(Default)]
struct NotedUses {
    times: HashMap<RepositoryPath, UnixSeconds>,
    /// Whether the saved file differs from `times`.
    are_unsaved: bool,
}

/// In bytes: enough for a million files. A larger file is not read.
const MAX_SAVED: usize = 128 << 20;

/// The file that a server reads when it starts again.
fn saved_path() -> RepositoryPath {
    Folder::Mirror.file("used.json")
}

impl UsedFiles {
    /// Notes the use of a file that is there. Of paths without a file, clients can make up any number.
    pub fn note(&self, path: &RepositoryPath, now: UnixSeconds) {
        let mut uses = self.lock();
        uses.are_unsaved = true;
        match uses.times.get_mut(path) {
            Some(time) => *time = now,
            None => drop(uses.times.insert(path.clone(), now)),
        }
    }

    /// Notes another use of a file that was used before: it may be about to be sent.
    pub fn renew(&self, path: &RepositoryPath, now: UnixSeconds) {
        let mut uses = self.lock();
        if let Some(time) = uses.times.get_mut(path) {
            *time = now;
            uses.are_unsaved = true;
        }
    }

    pub fn get(&self, path: &RepositoryPath) -> Option<UnixSeconds> {
        self.lock().times.get(path).copied()
    }

    pub fn forget(&self, path: &RepositoryPath) {
        let mut uses = self.lock();
        if uses.times.remove(path).is_some() {
            uses.are_unsaved = true;
        }
    }

    /// Forgets all other files.
    pub fn keep(&self, paths: &HashSet<&RepositoryPath>) {
        let mut uses = self.lock();
        let before = uses.times.len();
        uses.times.retain(|path, _| paths.contains(path));
        if uses.times.len() != before {
            uses.are_unsaved = true;
        }
    }

    /// Adds what an earlier server has saved. If that cannot be read, the files count as used when they were written.
    pub fn load(&self, store: &dyn Store, now: UnixSeconds) {
        let mut bytes = Vec::new();
        let found = store.read(&saved_path(), MAX_SAVED, &mut bytes);
        if !matches!(found, Ok(Some(_))) || bytes.len() > MAX_SAVED {
            return;
        }
        let saved: BTreeMap<String, i64> = serde_json::from_slice(&bytes).unwrap_or_default();
        let mut uses = self.lock();
        for (path, time) in saved {
            // A clock that was wrong must not keep a file for years.
            let time = UnixSeconds(time.min(now.0));
            let noted = uses.times.entry(Folder::Root.file(&path)).or_insert(time);
            *noted = (*noted).max(time);
        }
    }

    /// Saves the uses for a server that starts again, if there are new ones.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn save(&self, store: &dyn Store) -> Result<(), StoreError> {
        let mut uses = self.lock();
        if !uses.are_unsaved {
            return Ok(());
        }
        uses.are_unsaved = false;
        let times: BTreeMap<String, i64> =
            uses.times.iter().map(|(path, time)| (path.as_str().to_owned(), time.0)).collect();
        drop(uses);
        let bytes = serde_json::to_vec(&times).unwrap_or_default();
        let change = Change::new(saved_path(), Action::Update(bytes.into()));
        let saved = store.apply(&[&[change]], &|_| ());
        saved.inspect_err(|_| self.lock().are_unsaved = true)
    }

    fn lock(&self) -> MutexGuard<'_, NotedUses> {
        // Each entry is replaced in one step, so it is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DirStore;

    fn tarball(name: &str) -> RepositoryPath {
        Folder::Tarballs.file(name)
    }

    #[test]
    fn uses_are_saved_and_loaded() {
        let directory = tempfile::TempDir::new().unwrap();
        let store = DirStore::new(directory.path());
        let used = UsedFiles::default();
        used.load(&store, UnixSeconds(9));
        used.save(&store).unwrap();
        assert!(!directory.path().join(saved_path().as_str()).exists(), "nothing was used");
        used.note(&tarball("a-1.0.0.tar"), UnixSeconds(5));
        used.note(&tarball("b-1.0.0.tar"), UnixSeconds(50));
        used.save(&store).unwrap();

        let next = UsedFiles::default();
        next.note(&tarball("a-1.0.0.tar"), UnixSeconds(7));
        next.load(&store, UnixSeconds(9));
        // The later one of two, and none that is to come.
        assert_eq!(next.get(&tarball("a-1.0.0.tar")), Some(UnixSeconds(7)));
        assert_eq!(next.get(&tarball("b-1.0.0.tar")), Some(UnixSeconds(9)));

        std::fs::write(directory.path().join(saved_path().as_str()), "{").unwrap();
        let next = UsedFiles::default();
        next.load(&store, UnixSeconds(9));
        assert_eq!(next.get(&tarball("a-1.0.0.tar")), None);
    }

    #[test]
    fn only_files_that_are_there_are_remembered() {
        let used = UsedFiles::default();
        let (here, gone) = (tarball("a-1.0.0.tar"), tarball("b-1.0.0.tar"));
        used.renew(&here, UnixSeconds(1));
        assert_eq!(used.get(&here), None);
        used.note(&here, UnixSeconds(1));
        used.note(&gone, UnixSeconds(1));
        used.renew(&here, UnixSeconds(2));
        used.keep(&HashSet::from([&here]));
        assert_eq!((used.get(&here), used.get(&gone)), (Some(UnixSeconds(2)), None));
    }
}
