//! When upstream last confirmed each file, for a server that starts again.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::memory::KnownFile;
use crate::ops::mirror::pull::Validator;
use crate::package::UnixSeconds;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Action, Change, Stamp, Store, StoreError};

/// When upstream last confirmed each file.
pub(super) struct ConfirmedFiles {
    /// The URL that has given the validators.
    upstream: String,
    noted: Mutex<NotedFiles>,
}

#[derive(Default)]
struct NotedFiles {
    files: HashMap<RepositoryPath, ConfirmedFile>,
    /// Whether the saved file differs from `files`.
    are_unsaved: bool,
}

/// What is saved of a file. The names of the fields are those in the JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ConfirmedFile {
    /// It has the digest of the bytes that it came with. A file with other bytes is requested as a whole.
    validator: Validator,
    /// In seconds since 1970.
    confirmed: i64,
    /// In seconds since 1970.
    fresh_until: i64,
    /// In seconds.
    lifetime: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct SavedFiles {
    upstream: String,
    files: BTreeMap<String, ConfirmedFile>,
}

/// How many files are remembered. A file that is forgotten is requested as a whole.
const MOST: usize = 1 << 16;

/// In bytes: a larger file is not read.
const MAX_SAVED: usize = 64 << 20;

/// In seconds: no file is fresh for longer.
const LONGEST: i64 = 24 * 60 * 60;

/// In seconds: it does not matter how much longer ago a file was confirmed.
const MUCH: u64 = 120;

/// The file for a server that starts again.
fn saved_path() -> RepositoryPath {
    Folder::Mirror.file("pulled.json")
}

impl ConfirmedFile {
    /// What is known of a file now; `None` if a request for it cannot be conditional.
    pub fn of(known: &KnownFile, at: Instant, now: UnixSeconds) -> Option<Self> {
        let validator = known.validator.as_deref()?.clone();
        let left = known.fresh_until?.saturating_duration_since(at).as_secs();
        let stale = known.stale_for(at)?.as_secs();
        let fresh_until = now.0.saturating_add_unsigned(left).saturating_sub_unsigned(stale);
        Some(Self { validator, confirmed: now.0, fresh_until, lifetime: known.lifetime.as_secs() })
    }

    /// The same for a server that starts now. If a clock was wrong, the file counts as stale.
    pub fn known(self, at: Instant, now: UnixSeconds) -> KnownFile {
        let is_possible = self.confirmed <= now.0;
        let left = self.fresh_until.saturating_sub(now.0).min(LONGEST);
        let left = if is_possible { u64::try_from(left).unwrap_or(0) } else { 0 };
        let stale = u64::try_from(now.0.saturating_sub(self.fresh_until)).unwrap_or(0);
        let since = u64::try_from(now.0.saturating_sub(self.confirmed)).unwrap_or(0);
        KnownFile {
            validator: Some(Arc::new(self.validator)),
            // The system may have started since.
            confirmed: at.checked_sub(Duration::from_secs(since.min(MUCH))),
            lifetime: Duration::from_secs(self.lifetime),
            fresh_until: at.checked_add(Duration::from_secs(left)),
            stale_before: Duration::from_secs(stale),
            is_of_before: true,
            ..KnownFile::default()
        }
    }
}

impl ConfirmedFiles {
    pub fn of(upstream: &str) -> Self {
        Self { upstream: upstream.to_owned(), noted: Mutex::default() }
    }

    /// Upstream has confirmed a file. Without a validator, it is forgotten.
    pub fn note(&self, path: &RepositoryPath, file: Option<ConfirmedFile>) {
        let mut noted = self.lock();
        let is_known = noted.files.contains_key(path);
        match file {
            Some(file) if is_known || noted.files.len() < MOST => {
                noted.files.insert(path.clone(), file);
                noted.are_unsaved = true;
            }
            Some(_) => {}
            None => {
                noted.are_unsaved |= is_known;
                noted.files.remove(path);
            }
        }
    }

    /// What an earlier server has saved of the same upstream. What cannot be read is as if it had saved nothing.
    pub fn load(&self, store: &dyn Store) -> HashMap<RepositoryPath, ConfirmedFile> {
        let saved = self.read(store).map(|(saved, _)| saved).unwrap_or_default();
        let mut noted = self.lock();
        for (path, file) in &saved {
            noted.files.entry(path.clone()).or_insert_with(|| file.clone());
        }
        drop(noted);
        saved
    }

    /// Saves what was noted for a server that starts again, if there is anything new.
    ///
    /// # Errors
    /// The store cannot be read or written. [`StoreError::is_conflict`] if another server saves too.
    pub fn save(&self, store: &dyn Store) -> Result<(), StoreError> {
        let mut noted = self.lock();
        if !mem::take(&mut noted.are_unsaved) {
            return Ok(());
        }
        let files = noted.files.clone();
        drop(noted);
        self.write(store, files).inspect_err(|_| self.lock().are_unsaved = true)
    }

    /// Writes the files, and those that another server of the same bucket has confirmed since.
    fn write(
        &self,
        store: &dyn Store,
        mut files: HashMap<RepositoryPath, ConfirmedFile>,
    ) -> Result<(), StoreError> {
        let (saved, over) = self.read(store)?;
        for (path, file) in saved {
            let own = files.get(&path);
            if own.is_none_or(|own| own.confirmed < file.confirmed) {
                files.insert(path, file);
            }
        }
        let files = files.into_iter().map(|(path, file)| (path.as_str().to_owned(), file));
        let saved =
            SavedFiles { upstream: self.upstream.clone(), files: files.take(MOST).collect() };
        let bytes = serde_json::to_vec(&saved).unwrap_or_default().into();
        let action = if over.is_some() { Action::Update(bytes) } else { Action::Create(bytes) };
        let change = Change { over, ..Change::new(saved_path(), action) };
        store.apply(&[&[change]], &|_| ())
    }

    /// What is saved of this upstream, and the stamp of the file.
    fn read(
        &self,
        store: &dyn Store,
    ) -> Result<(HashMap<RepositoryPath, ConfirmedFile>, Option<Stamp>), StoreError> {
        let mut bytes = Vec::new();
        let found = store.read(&saved_path(), MAX_SAVED, &mut bytes)?;
        let saved: SavedFiles = serde_json::from_slice(&bytes).unwrap_or_default();
        let files = if saved.upstream == self.upstream { saved.files } else { BTreeMap::new() };
        let files = files.into_iter().map(|(path, file)| (Folder::Root.file(&path), file));
        Ok((files.collect(), found.and_then(|found| found.stamp)))
    }

    fn lock(&self) -> MutexGuard<'_, NotedFiles> {
        // Each entry is replaced in one step, so it is valid after a panic too.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DirStore;

    const NOW: UnixSeconds = UnixSeconds(1_000_000);

    fn validator(tag: &str) -> Arc<Validator> {
        let text = format!(r#"{{"tag":"{tag}","file":"{tag}"}}"#);
        Arc::new(serde_json::from_str(&text).unwrap())
    }

    /// A file that was fetched 20 seconds ago, and is fresh for so long.
    fn known(tag: &str, left: u64) -> (KnownFile, Instant) {
        let (now, lifetime) = (Instant::now(), Duration::from_secs(left.saturating_add(20)));
        let fresh_until = now.checked_add(Duration::from_secs(left));
        let validator = Some(validator(tag));
        (KnownFile { validator, lifetime, fresh_until, ..KnownFile::default() }, now)
    }

    /// What a server knows that starts so many seconds later.
    fn later(file: &ConfirmedFile, seconds: i64) -> (Option<Duration>, u64, u64) {
        let now = Instant::now();
        let known = file.clone().known(now, UnixSeconds(NOW.0.saturating_add(seconds)));
        assert!(known.is_of_before && !known.is_fresh(now));
        let checked = KnownFile { is_of_before: false, ..known };
        let left = checked.fresh_until.and_then(|until| until.checked_duration_since(now));
        let left = left.filter(|left| !left.is_zero());
        let age = checked.cache_age(now).unwrap().age;
        (left, checked.stale_for(now).unwrap().as_secs(), age.as_secs())
    }

    #[test]
    fn a_file_is_as_old_after_a_restart_as_without_one() {
        let (known, at) = known("1", 40);
        let file = ConfirmedFile::of(&known, at, NOW).unwrap();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(later(&file, 0), (seconds(40), 0, 20));
        assert_eq!(later(&file, 30), (seconds(10), 0, 50));
        assert_eq!(later(&file, 100), (None, 60, 120));
        // The clock was wrong, then or now.
        assert_eq!(later(&file, -100).0, None);
        let wrong = ConfirmedFile { fresh_until: i64::MAX, ..file.clone() };
        assert_eq!(later(&wrong, 0).0, seconds(24 * 60 * 60));
        assert_eq!(ConfirmedFile::of(&KnownFile::default(), at, NOW), None);
    }

    #[test]
    fn files_are_saved_beside_those_of_another_server_and_loaded() {
        let directory = tempfile::TempDir::new().unwrap();
        let store = DirStore::new(directory.path());
        let path = |name: &str| Folder::Packages.file(name);
        let file = |tag: &str, confirmed| {
            let (known, at) = known(tag, 40);
            ConfirmedFile::of(&known, at, UnixSeconds(confirmed))
        };
        let servers = ["https://a.example/"; 2].map(ConfirmedFiles::of);
        servers[0].save(&store).unwrap();
        assert!(!directory.path().join(saved_path().as_str()).exists(), "nothing was noted");
        servers[0].note(&path("both"), file("old", 1));
        servers[0].note(&path("one"), file("one", 1));
        servers[0].note(&path("gone"), file("gone", 1));
        servers[0].note(&path("gone"), None);
        servers[1].note(&path("both"), file("new", 2));
        servers[1].save(&store).unwrap();
        servers[0].save(&store).unwrap();
        let loaded = ConfirmedFiles::of("https://a.example/").load(&store);
        let expected = [(path("both"), file("new", 2)), (path("one"), file("one", 1))];
        assert_eq!(loaded, expected.map(|(path, file)| (path, file.unwrap())).into());
        assert!(ConfirmedFiles::of("https://b.example/").load(&store).is_empty());
        std::fs::write(directory.path().join(saved_path().as_str()), "{").unwrap();
        assert!(ConfirmedFiles::of("https://a.example/").load(&store).is_empty());
    }
}
