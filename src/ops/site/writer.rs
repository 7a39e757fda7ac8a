//! Writes the files of a site, and only those that differ.
//!
//! Before the first one is written, the manifest says where files may come to lie. So what a killed run has left is known to
//! the next one. The new manifest is written last.

use std::collections::{BTreeMap, HashSet};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::digest::excerpt;
use super::error::Error;
use super::manifest::{Claims, SiteManifest};
use super::options::Options;
use super::paths;
use super::sink::PageSink;
use crate::publish::observer::{Observer, Warning};
use crate::repository::{Asset, Folder, RepositoryPath, is_litter};
use crate::store::{Action, Change, Changed, EntryKind, Store};

/// How many files, and how many bytes of them, are written at once.
const MOST_FILES: usize = 2_000;
const MOST_BYTES: usize = 16 << 20;

/// Writes the files of a site.
pub(super) struct SiteWriter<'a> {
    store: &'a dyn Store,
    observer: &'a dyn Observer,
    dry_run: bool,
    /// Whether files are written that are as the manifest says, too.
    is_fresh: bool,
    /// What is known of the site as it is.
    before: &'a SiteManifest,
    /// The files that are there, without those of a registry.
    existing: HashSet<String>,
    /// Temporary files of killed runs.
    leftovers: Vec<String>,
    /// Where this run writes.
    claims: Claims,
    state: Mutex<WriterState>,
    /// Whether the manifest says where files may come to lie.
    has_begun: Mutex<bool>,
}

/// What was made so far.
#[derive(Default)]
struct WriterState {
    /// The digest of each file.
    files: BTreeMap<String, String>,
    batch: Vec<(String, Vec<u8>)>,
    batch_size: usize,
    counts: ChangeCounts,
}

/// How many files were changed, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ChangeCounts {
    pub created: usize,
    pub updated: usize,
    pub removed: usize,
    pub unchanged: usize,
}

impl<'a> SiteWriter<'a> {
    /// A writer for the places that are claimed. Files that are not the site's must not be there.
    pub fn new(
        store: &'a dyn Store,
        before: &'a SiteManifest,
        claims: Claims,
        options: &Options,
        observer: &'a dyn Observer,
    ) -> Result<Self, Error> {
        let (dry_run, is_fresh) = (options.dry_run, options.fresh);
        let (existing, leftovers) = existing(store)?;
        let foreign = existing.iter().filter(|path| claims.has(path) && !before.owns(path));
        // The first one by name: the same in each run.
        if let Some(path) = foreign.min() {
            return Err(Error::Foreign { location: store.locate(&Folder::Root.file(path)) });
        }
        let (state, has_begun) = (Mutex::default(), Mutex::new(false));
        Ok(Self {
            store,
            observer,
            dry_run,
            is_fresh,
            before,
            existing,
            leftovers,
            claims,
            state,
            has_begun,
        })
    }

    /// Whether a file is there, as far as a listing tells.
    pub fn has(&self, path: &str) -> bool {
        self.existing.contains(path)
    }

    /// Removes what is the site's and was not made again, and writes the manifest if it differs.
    pub fn finish(self, manifest: SiteManifest) -> Result<ChangeCounts, Error> {
        self.settle()?;
        let state = mem::take(&mut *self.state());
        let mut counts = state.counts;
        let manifest = SiteManifest { files: state.files, ..manifest };
        let gone = self
            .existing
            .iter()
            .filter(|path| self.before.owns(path) && !manifest.files.contains_key(path.as_str()));
        let mut gone: Vec<&String> = gone.collect();
        gone.sort();
        let leftovers =
            self.leftovers.iter().map(|path| Change::new(Folder::Root.file(path), Action::Remove));
        self.apply(&leftovers.collect::<Vec<_>>())?;
        let remove = |path: &&String| Change::new(Folder::Root.file(path), Action::Remove);
        for some in gone.chunks(MOST_FILES) {
            let removals: Vec<Change> = some.iter().map(remove).collect();
            self.apply(&removals)?;
            counts.removed = counts.removed.saturating_add(removals.len());
        }
        if manifest != *self.before {
            self.write(&RepositoryPath::site_manifest(), manifest.encode())?;
        }
        Ok(counts)
    }

    fn state(&self) -> MutexGuard<'_, WriterState> {
        // Its parts are valid after a panic too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes files, those at the root after all others.
    fn write_all(&self, mut batch: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        batch.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (root, deep): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|(path, _)| !path.contains('/'));
        for files in [deep, root] {
            let changes = files.into_iter().map(|(path, bytes)| {
                let exists = self.existing.contains(&path);
                self.change(Folder::Root.file(&path), bytes, exists)
            });
            let changes = changes.collect::<Result<Vec<Change>, Error>>()?;
            let created = changes.iter().filter(|one| one.changed() == Some(Changed::Created));
            let created = created.count();
            let updated = changes.len().saturating_sub(created);
            self.apply(&changes)?;
            let mut state = self.state();
            state.counts.created = state.counts.created.saturating_add(created);
            state.counts.updated = state.counts.updated.saturating_add(updated);
        }
        Ok(())
    }

    fn change(&self, path: RepositoryPath, bytes: Vec<u8>, exists: bool) -> Result<Change, Error> {
        let found = if exists { self.store.inspect(&path)? } else { None };
        let action = match found {
            Some(_) => Action::Update(bytes.into()),
            None => Action::Create(bytes.into()),
        };
        Ok(Change { path, action, over: found.and_then(|found| found.stamp) })
    }

    fn write(&self, path: &RepositoryPath, bytes: Vec<u8>) -> Result<(), Error> {
        if self.dry_run {
            return Ok(());
        }
        // The manifest may have been written by this run.
        let change = self.change(path.clone(), bytes, true)?;
        self.apply(&[change])
    }

    fn apply(&self, changes: &[Change]) -> Result<(), Error> {
        if changes.is_empty() || self.dry_run {
            return Ok(());
        }
        self.begin(changes)?;
        self.store
            .apply(&[changes], &|applied| {
                if let Some(warning) = Warning::of_lost_readers(self.store, applied) {
                    self.observer.warn(warning);
                }
            })
            .map_err(Error::Write)
    }

    /// Notes where files may come to lie, before the first change.
    fn begin(&self, changes: &[Change]) -> Result<(), Error> {
        let mut has_begun = self.has_begun.lock().unwrap_or_else(PoisonError::into_inner);
        let path = RepositoryPath::site_manifest();
        if mem::replace(&mut *has_begun, true) || changes.iter().any(|one| one.path == path) {
            return Ok(());
        }
        let mut unfinished = self.claims.clone();
        unfinished.extend(&self.before.unfinished);
        let begun = SiteManifest { unfinished, ..self.before.clone() };
        let change = self.change(path, begun.encode(), true)?;
        self.store.apply(&[&[change]], &|_| ()).map_err(Error::Write)
    }
}

impl PageSink for SiteWriter<'_> {
    fn put(&self, path: String, bytes: Vec<u8>) -> Result<(), Error> {
        let digest = excerpt(&bytes);
        let is_same = self.before.files.get(&path) == Some(&digest)
            && self.existing.contains(&path)
            && !self.is_fresh;
        let mut state = self.state();
        state.files.insert(path.clone(), digest);
        if is_same {
            state.counts.unchanged = state.counts.unchanged.saturating_add(1);
            return Ok(());
        }
        state.batch_size = state.batch_size.saturating_add(bytes.len());
        state.batch.push((path, bytes));
        if state.batch.len() < MOST_FILES && state.batch_size < MOST_BYTES {
            return Ok(());
        }
        state.batch_size = 0;
        let batch = mem::take(&mut state.batch);
        drop(state);
        self.write_all(batch)
    }

    fn keep(&self, path: &str) {
        if let Some(digest) = self.before.files.get(path) {
            let mut state = self.state();
            state.files.insert(path.to_owned(), digest.clone());
            state.counts.unchanged = state.counts.unchanged.saturating_add(1);
        }
    }

    fn settle(&self) -> Result<(), Error> {
        let mut state = self.state();
        state.batch_size = 0;
        let batch = mem::take(&mut state.batch);
        drop(state);
        self.write_all(batch)
    }
}

/// The files that are there and may be a site's, and the temporary files that killed runs left.
fn existing(store: &dyn Store) -> Result<(HashSet<String>, Vec<String>), Error> {
    let (mut existing, mut leftovers) = (HashSet::new(), Vec::new());
    for (path, kind) in store.walk()?.unwrap_or_default() {
        let path = path.as_str();
        // What has no name in UTF-8 is no page.
        if matches!(kind, EntryKind::Unreadable(_)) || is_litter(path) {
            continue;
        }
        if paths::is_leftover(path) {
            leftovers.push(path.to_owned());
        } else if Asset::at(path).is_none() {
            existing.insert(path.to_owned());
        }
    }
    leftovers.sort();
    Ok((existing, leftovers))
}
