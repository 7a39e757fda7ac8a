//! Updates: some documentations go, others come, and files that have neither stay as they are.

mod record_files;
mod term_files;
mod written_files;

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use super::changes::{DocsChanges, IndexedDocs, UpdatedFiles};
use super::index::DocsIndex;
use super::manifest::{DocsEntry, DocsId, IndexManifest, MANIFEST};
use super::pending::PendingTerms;
use super::state::{self, STATE, Source};
use record_files::RecordFiles;
use written_files::WrittenFiles;

impl DocsIndex {
    /// Changes the index. Clones from before search their state until the removed files are gone. The manifest is
    /// written last, and only if anything has changed, so an update that is cut short changes nothing.
    ///
    /// Besides the documentation that is added at the time, this takes 100 MiB of memory at most, however many there are.
    ///
    /// # Errors
    /// A file cannot be written, or one is damaged or missing ([`io::ErrorKind::InvalidData`]): then the index has to be
    /// made anew.
    pub fn update(&mut self, changes: DocsChanges<'_>) -> io::Result<UpdatedFiles> {
        let mut update = Update::of(self);
        for id in changes.removed {
            update.remove(id)?;
        }
        for docs in changes.added {
            update.add(docs)?;
        }
        update.merge_terms()?;
        let Update { written, mut manifest, sources, records, .. } = update;
        manifest.records = records.write_all()?;
        for entry in manifest.docs.iter_mut().flatten() {
            entry.rank = (changes.rank)(&entry.id.package);
        }
        let is_same = manifest == *self.manifest && sources == *self.sources;
        if is_same && self.files.files.read(MANIFEST)?.is_some() {
            return Ok(UpdatedFiles::default());
        }
        let script = manifest.encode();
        self.files.files.write(STATE, &state::encode(&script, &sources))?;
        self.files.files.write(MANIFEST, &script)?;
        *self = Self::of(Arc::clone(&self.files), manifest, sources);
        Ok(written.finish())
    }
}

/// An update that goes on.
struct Update {
    written: Arc<WrittenFiles>,
    manifest: IndexManifest,
    sources: Vec<Source>,
    numbers: std::collections::HashMap<DocsId, u32>,
    pending: PendingTerms,
    /// Documentations that went since terms were merged the last time.
    dropped: HashSet<u32>,
    /// Numbers that are not given again in this update, as postings of the former documentation may still be there.
    used: HashSet<u32>,
    /// Where a free number is looked for.
    next: u32,
    records: RecordFiles,
}

impl Update {
    fn of(index: &DocsIndex) -> Self {
        let manifest = IndexManifest::clone(&index.manifest);
        let written = Arc::new(WrittenFiles::new(Arc::clone(&index.files)));
        let mut sources = Vec::clone(&index.sources);
        sources.resize(manifest.docs.len(), Source::default());
        Self {
            numbers: manifest.numbers(),
            records: RecordFiles::new(Arc::clone(&written), &manifest),
            sources,
            pending: PendingTerms::default(),
            dropped: HashSet::new(),
            used: HashSet::new(),
            next: 0,
            written,
            manifest,
        }
    }

    fn remove(&mut self, id: &DocsId) -> io::Result<()> {
        let Some(number) = self.numbers.remove(id) else { return Ok(()) };
        let entry = slot(&mut self.manifest.docs, number).and_then(Option::take);
        if let Some(entry) = entry {
            self.records.remove(number, &entry.parts)?;
        }
        if let Some(source) = slot(&mut self.sources, number) {
            *source = Source::default();
        }
        self.dropped.insert(number);
        self.used.insert(number);
        Ok(())
    }

    fn add(&mut self, docs: IndexedDocs) -> io::Result<()> {
        self.remove(&docs.id)?;
        let number = self.free_number();
        for (at, record) in (0..).zip(&docs.records) {
            self.pending.add(number, at, record);
        }
        let parts = self.records.add(number, docs.records)?;
        let entry = DocsEntry { id: docs.id.clone(), rank: 0, parts };
        if let Some(slot) = slot(&mut self.manifest.docs, number) {
            *slot = Some(entry);
        }
        if let Some(slot) = slot(&mut self.sources, number) {
            *slot = docs.source;
        }
        self.numbers.insert(docs.id, number);
        if self.pending.is_full() {
            self.merge_terms()?;
        }
        Ok(())
    }

    /// The least number that is free. They increase during an update, as postings have to.
    fn free_number(&mut self) -> u32 {
        while slot(&mut self.manifest.docs, self.next).is_some_and(|entry| entry.is_some())
            || self.used.contains(&self.next)
        {
            self.next = self.next.saturating_add(1);
        }
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let length = usize::try_from(self.next).unwrap_or(usize::MAX);
        if self.manifest.docs.len() < length {
            self.manifest.docs.resize(length, None);
            self.sources.resize(length, Source::default());
        }
        number
    }

    fn merge_terms(&mut self) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let dropped = std::mem::take(&mut self.dropped);
        if pending.is_empty() && dropped.is_empty() {
            return Ok(());
        }
        self.manifest.terms =
            term_files::merge(&self.written, &self.manifest.terms, pending, &dropped)?;
        Ok(())
    }
}

fn slot<T>(slots: &mut [T], number: u32) -> Option<&mut T> {
    slots.get_mut(usize::try_from(number).ok()?)
}
