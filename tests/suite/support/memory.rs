//! A served tree in memory.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

use hexreg::package::UnixSeconds;
use hexreg::repository::{Folder, RepositoryPath};
use hexreg::store::{
    Action, AppliedChange, Change, Content, EntryKind, ListedFile, Lock, LockOutcome, Store,
    StoreError,
};

/// Files by path.
#[derive(Debug, Default)]
pub struct MemoryStore {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    /// When they were changed, where it is not in 2023.
    times: BTreeMap<String, UnixSeconds>,
    reverse: bool,
    has_no_lock: bool,
}

impl MemoryStore {
    pub fn of(files: &BTreeMap<String, Vec<u8>>) -> Self {
        Self { files: Mutex::new(files.clone()), ..Self::default() }
    }

    /// The same files, listed back to front.
    pub fn reversed(&self) -> Self {
        Self { reverse: !self.reverse, ..Self::of(&self.files()) }
    }

    /// One that cannot be locked, as on some network file systems.
    pub fn without_lock(self) -> Self {
        Self { has_no_lock: true, ..self }
    }

    /// With a file that was changed at this time.
    pub fn file(mut self, path: &str, bytes: &[u8], modified: UnixSeconds) -> Self {
        self.set(path, bytes);
        self.times.insert(path.to_owned(), modified);
        self
    }

    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.files.lock().unwrap().clone()
    }

    pub fn set(&self, path: &str, bytes: &[u8]) {
        self.files.lock().unwrap().insert(path.to_owned(), bytes.to_vec());
    }
}

impl Store for MemoryStore {
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        let prefix = match folder {
            Folder::Root => String::new(),
            _ => format!("{}/", folder.path()),
        };
        let files = self.files.lock().unwrap();
        let listed = files.keys().filter_map(|path| {
            let name = path.strip_prefix(&prefix).filter(|name| !name.contains('/'))?.to_owned();
            let modified = self.times.get(path).copied().unwrap_or(UnixSeconds(1_700_000_000));
            Some(ListedFile { name, kind: EntryKind::File, modified, stamp: None })
        });
        let mut listed: Vec<_> = listed.collect();
        if self.reverse {
            listed.reverse();
        }
        Ok(Some(listed))
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        let files = self.files();
        Ok(Some(files.keys().map(|path| (Folder::Root.file(path), EntryKind::File)).collect()))
    }

    fn read(
        &self,
        path: &RepositoryPath,
        _: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        buffer.clear();
        let files = self.files.lock().unwrap();
        let found = files.get(path.as_str());
        buffer.extend(found.into_iter().flatten());
        Ok(found.map(|_| Content { stamp: None }))
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        for change in stages.iter().copied().flatten() {
            match &change.action {
                Action::Remove => {
                    self.files.lock().unwrap().remove(change.path.as_str());
                }
                _ => change.source().into_iter().for_each(|source| {
                    self.set(change.path.as_str(), &source.read().unwrap());
                }),
            }
            made(AppliedChange::new(change));
        }
        Ok(())
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        if self.has_no_lock {
            return Ok(LockOutcome::Unsupported(io::ErrorKind::Unsupported.into()));
        }
        Ok(LockOutcome::Held(Lock::of_nothing()))
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        Ok(LockOutcome::Held(Lock::of_nothing()))
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        path.to_string()
    }
}
