//! Puts records into their files: large documentations have files of their own, small ones share some.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::written_files::WrittenFiles;
use crate::docs::records::DocsRecord;
use crate::docs::search::chunk::{self, RECORDS, RecordFile, RecordGroup, ShownRecord};
use crate::docs::search::container::{FileId, FileKind, IndexFile};
use crate::docs::search::index::damaged;
use crate::docs::search::manifest::IndexManifest;

/// From how many records on a file is so full that it is written.
const FULL: usize = RECORDS - 16;

/// The files of records of an index that changes.
pub(super) struct RecordFiles {
    written: Arc<WrittenFiles>,
    /// By number.
    ids: Vec<Option<FileId>>,
    /// How many records each has.
    counts: Vec<usize>,
    /// Files that change, and are not written yet.
    open: BTreeMap<usize, Vec<RecordGroup>>,
}

impl RecordFiles {
    pub fn new(written: Arc<WrittenFiles>, manifest: &IndexManifest) -> Self {
        let mut counts = vec![0; manifest.records.len()];
        for (file, count) in manifest.docs.iter().flatten().flat_map(|entry| &entry.parts) {
            let at = usize::try_from(*file).unwrap_or(usize::MAX);
            if let Some(sum) = counts.get_mut(at) {
                *sum = usize::saturating_add(*sum, usize::try_from(*count).unwrap_or(usize::MAX));
            }
        }
        Self { written, ids: manifest.records.clone(), counts, open: BTreeMap::new() }
    }

    /// Removes the records of a documentation.
    pub fn remove(&mut self, docs: u32, parts: &[(u32, u32)]) -> io::Result<()> {
        for (file, _) in parts {
            let at = usize::try_from(*file).unwrap_or(usize::MAX);
            let groups = self.open(at)?;
            groups.retain(|group| group.docs != docs);
            let left = groups.iter().map(|group| group.records.len()).sum();
            if let Some(count) = self.counts.get_mut(at) {
                *count = left;
            }
        }
        Ok(())
    }

    /// Adds the records of a documentation. Returns in which files they are, and how many in each.
    pub fn add(&mut self, docs: u32, records: Vec<DocsRecord>) -> io::Result<Vec<(u32, u32)>> {
        let mut parts = Vec::new();
        let mut first = 0;
        let mut records = records.into_iter().map(ShownRecord::of).peekable();
        while records.peek().is_some() {
            let some: Vec<ShownRecord> = records.by_ref().take(RECORDS).collect();
            let count = some.len();
            let at = self.room_for(count);
            let number = u32::try_from(count).unwrap_or(u32::MAX);
            self.open(at)?.push(RecordGroup { docs, first, records: some });
            first = first.saturating_add(number);
            parts.push((u32::try_from(at).unwrap_or(u32::MAX), number));
            let sum = self.counts.get_mut(at).map_or(0, |sum| {
                *sum = sum.saturating_add(count);
                *sum
            });
            if sum >= FULL {
                self.write(at)?;
            }
        }
        Ok(parts)
    }

    /// The number of a file that has room for so many records: one that changes, else one that is there, else a new one.
    fn room_for(&mut self, count: usize) -> usize {
        let has_room = |at: &usize| {
            self.counts.get(*at).is_some_and(|sum| sum.saturating_add(count) <= RECORDS)
        };
        if let Some(at) = self.open.keys().find(|at| has_room(at)) {
            return *at;
        }
        if let Some(at) = (0..self.counts.len()).find(has_room) {
            return at;
        }
        self.counts.push(0);
        self.ids.push(None);
        self.counts.len().saturating_sub(1)
    }

    /// The records of a file that changes.
    fn open(&mut self, at: usize) -> io::Result<&mut Vec<RecordGroup>> {
        if !self.open.contains_key(&at) {
            let id = self.ids.get_mut(at).and_then(Option::take);
            let groups = match id {
                Some(id) => {
                    let file = IndexFile { kind: FileKind::Records, id };
                    let raw = self.written.read(file)?;
                    self.written.remove(file);
                    let records = RecordFile::decode(raw).and_then(RecordFile::into_groups);
                    records.ok_or_else(|| damaged(file))?
                }
                None => Vec::new(),
            };
            self.open.insert(at, groups);
        }
        Ok(self.open.entry(at).or_default())
    }

    fn write(&mut self, at: usize) -> io::Result<()> {
        let Some(groups) = self.open.remove(&at) else { return Ok(()) };
        if groups.is_empty() {
            return Ok(());
        }
        let file = self.written.write(FileKind::Records, &chunk::encode(&groups))?;
        if let Some(id) = self.ids.get_mut(at) {
            *id = Some(file.id);
        }
        Ok(())
    }

    /// Writes what is left. Returns the files by number.
    pub fn write_all(mut self) -> io::Result<Vec<Option<FileId>>> {
        for at in self.open.keys().copied().collect::<Vec<_>>() {
            self.write(at)?;
        }
        while self.ids.last().is_some_and(Option::is_none) {
            self.ids.pop();
        }
        Ok(self.ids)
    }
}
