//! The manifest: which files an index has, and which documentations by number.
//!
//! ```text
//! version of the format
//! files of terms    first term (shared with the one before, rest), in order; then all their ids
//! files of records  ids, by number; an id of zeros is of a number that is free
//! documentations    by number: name, version, rank, and its records: (file, count)…; no name: the number is free
//! ```

use std::cmp::Reverse;
use std::collections::HashMap;

use super::container::{self, FileId, FileKind, IndexFile};
use crate::varint;

/// The name of the file with the manifest.
pub const MANIFEST: &str = "docs-index.js";

/// Its name in the call.
const STEM: &str = "docs-index";

/// The version of the format. Another one is as if there were no index.
const FORMAT: u32 = 1;

/// In bytes: the largest manifest.
const MAX_RAW: usize = 32 << 20;

/// The most files of terms, and the most documentations, that are read: a file that lies takes no more memory.
const MAX_TERM_FILES: u32 = 1 << 17;
const MAX_DOCS: u32 = 1 << 18;

/// Which documentation: of this version of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocsId {
    /// The package.
    pub package: String,
    /// The version.
    pub version: String,
}

/// A file of terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TermsEntry {
    /// Its first term. Those of the file before come before it.
    pub first: String,
    pub id: FileId,
}

/// A documentation with its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DocsEntry {
    pub id: DocsId,
    /// The greater, the earlier it is found.
    pub rank: u32,
    /// Where its records are: the number of the file, and how many are there.
    pub parts: Vec<(u32, u32)>,
}

/// The files of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IndexManifest {
    /// In order of their first terms.
    pub terms: Vec<TermsEntry>,
    /// Files of records, by number.
    pub records: Vec<Option<FileId>>,
    /// Documentations, by number.
    pub docs: Vec<Option<DocsEntry>>,
}

impl IndexManifest {
    /// The script of the manifest.
    pub fn encode(&self) -> Vec<u8> {
        let mut raw = Vec::new();
        varint::put(&mut raw, FORMAT);
        put_length(&mut raw, self.terms.len());
        let mut before = "";
        for entry in &self.terms {
            put_after(&mut raw, before, &entry.first);
            before = &entry.first;
        }
        for entry in &self.terms {
            raw.extend(entry.id);
        }
        put_length(&mut raw, self.records.len());
        for id in &self.records {
            raw.extend(id.unwrap_or_default());
        }
        put_length(&mut raw, self.docs.len());
        for entry in &self.docs {
            let Some(entry) = entry else {
                put_length(&mut raw, 0);
                continue;
            };
            put_text(&mut raw, &entry.id.package);
            put_text(&mut raw, &entry.id.version);
            varint::put(&mut raw, entry.rank);
            put_length(&mut raw, entry.parts.len());
            for (file, count) in &entry.parts {
                varint::put(&mut raw, *file);
                varint::put(&mut raw, *count);
            }
        }
        container::encode(STEM, &raw)
    }

    /// The manifest in a script; `None` if it is damaged, or of another version.
    pub fn decode(script: &[u8]) -> Option<Self> {
        let raw = container::decode(STEM, script, MAX_RAW)?;
        let bytes = &mut &raw[..];
        (varint::take(bytes)? == FORMAT).then_some(())?;
        let mut manifest = Self::default();
        let mut firsts = Vec::new();
        for _ in 0..varint::take(bytes).filter(|count| *count <= MAX_TERM_FILES)? {
            let before = firsts.last().map_or("", String::as_str);
            let first = take_after(bytes, before)?;
            // A search goes by the order.
            (firsts.is_empty() || *before < *first).then_some(())?;
            firsts.push(first);
        }
        for first in firsts {
            manifest.terms.push(TermsEntry { first, id: take_id(bytes)? });
        }
        for _ in 0..varint::take(bytes)? {
            let id = take_id(bytes)?;
            manifest.records.push((id != FileId::default()).then_some(id));
        }
        for _ in 0..varint::take(bytes).filter(|count| *count <= MAX_DOCS)? {
            let package = take_text(bytes)?;
            if package.is_empty() {
                manifest.docs.push(None);
                continue;
            }
            let id = DocsId { package, version: take_text(bytes)? };
            let rank = varint::take(bytes)?;
            let mut parts = Vec::new();
            for _ in 0..varint::take(bytes)? {
                let (file, count) = (varint::take(bytes)?, varint::take(bytes)?);
                manifest.records.get(usize::try_from(file).ok()?)?.as_ref()?;
                parts.push((file, count));
            }
            manifest.docs.push(Some(DocsEntry { id, rank, parts }));
        }
        bytes.is_empty().then_some(manifest)
    }

    /// The documentation with a number.
    pub fn docs(&self, number: u32) -> Option<&DocsEntry> {
        self.docs.get(usize::try_from(number).ok()?)?.as_ref()
    }

    /// The number of each documentation.
    pub fn numbers(&self) -> HashMap<DocsId, u32> {
        let all = (0..).zip(&self.docs);
        all.filter_map(|(number, entry)| Some((entry.as_ref()?.id.clone(), number))).collect()
    }

    /// The file of terms that may have a term: the last that does not begin after it.
    pub fn terms_at(&self, term: &str) -> usize {
        self.terms.partition_point(|entry| *entry.first <= *term).saturating_sub(1)
    }

    /// The order of the documentations by rank, then by name: the least first.
    pub fn order(&self) -> Vec<u32> {
        let mut numbers: Vec<usize> = (0..self.docs.len()).collect();
        numbers.sort_by_key(|number| {
            let entry = self.docs.get(*number).and_then(Option::as_ref);
            Reverse(entry.map(|entry| (entry.rank, Reverse(&entry.id))))
        });
        let mut order = vec![0; numbers.len()];
        for (place, number) in (0..).zip(numbers) {
            if let Some(slot) = order.get_mut(number) {
                *slot = place;
            }
        }
        order
    }

    /// All files that it names, without blocks of postings.
    pub fn files(&self) -> impl Iterator<Item = IndexFile> + '_ {
        let terms =
            self.terms.iter().map(|entry| IndexFile { kind: FileKind::Terms, id: entry.id });
        let records = self.records.iter().flatten();
        terms.chain(records.map(|id| IndexFile { kind: FileKind::Records, id: *id }))
    }
}

/// Writes a number of things. There are never more than 2³².
pub(super) fn put_length(bytes: &mut Vec<u8>, length: usize) {
    varint::put(bytes, u32::try_from(length).unwrap_or(u32::MAX));
}

pub(super) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend(text.as_bytes());
}

pub(super) fn take_text(bytes: &mut &[u8]) -> Option<String> {
    String::from_utf8(varint::take_bytes(bytes)?.to_owned()).ok()
}

/// Writes a text: how many bytes it shares with the one before, and the rest.
pub(super) fn put_after(bytes: &mut Vec<u8>, before: &str, text: &str) {
    let shared = before.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
    put_length(bytes, shared);
    let rest = text.as_bytes().get(shared..).unwrap_or_default();
    put_length(bytes, rest.len());
    bytes.extend(rest);
}

pub(super) fn take_after(bytes: &mut &[u8], before: &str) -> Option<String> {
    let shared = usize::try_from(varint::take(bytes)?).ok()?;
    let rest = varint::take_bytes(bytes)?;
    // Each text is at most as long as a term, so texts that share all of the one before take no memory.
    let length = shared.checked_add(rest.len())?;
    (length <= super::tokens::MAX_TERM).then_some(())?;
    let mut text = before.as_bytes().get(..shared)?.to_owned();
    text.extend(rest);
    String::from_utf8(text).ok()
}

pub(super) fn take_id(bytes: &mut &[u8]) -> Option<FileId> {
    let (id, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*id)
}
