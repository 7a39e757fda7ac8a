//! A file of records to show: some documentations, or a part of one.
//!
//! ```text
//! number of groups, then of each: documentation, first record, number of records, and of each record:
//!   kind, title, module, place, snippet      texts with their lengths
//! ```

use super::manifest::{put_length, put_text, take_text};
use crate::docs::records::DocsRecord;
use crate::varint;

/// How many records a file has at most.
pub(super) const RECORDS: usize = 256;

/// In bytes: how much of a text is shown.
const SNIPPET: usize = 160;

/// A record as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ShownRecord {
    pub kind: String,
    pub title: String,
    pub module: String,
    pub place: String,
    pub snippet: String,
}

impl ShownRecord {
    pub fn of(record: DocsRecord) -> Self {
        let snippet = snippet(&record.text);
        let DocsRecord { kind, title, module, place, .. } = record;
        Self { kind, title, module, place, snippet }
    }
}

/// The beginning of a text, up to the end of a word.
fn snippet(text: &str) -> String {
    if text.len() <= SNIPPET {
        return text.to_owned();
    }
    let end = (0..=SNIPPET).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let start = text.get(..end).unwrap_or_default();
    let start = start.rsplit_once(' ').map_or(start, |(words, _)| words);
    format!("{}…", start.trim_end_matches([',', '.', ' ']))
}

/// Records of one documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RecordGroup {
    pub docs: u32,
    /// The number of the first of them in the documentation.
    pub first: u32,
    pub records: Vec<ShownRecord>,
}

/// The bytes of a file.
pub(super) fn encode(groups: &[RecordGroup]) -> Vec<u8> {
    let mut raw = Vec::new();
    put_length(&mut raw, groups.len());
    for group in groups {
        varint::put(&mut raw, group.docs);
        varint::put(&mut raw, group.first);
        put_length(&mut raw, group.records.len());
        for record in &group.records {
            let ShownRecord { kind, title, module, place, snippet } = record;
            for text in [kind, title, module, place, snippet] {
                put_text(&mut raw, text);
            }
        }
    }
    raw
}

/// The records of a file; `None` if it is damaged.
pub(super) fn decode(raw: &[u8]) -> Option<Vec<RecordGroup>> {
    let bytes = &mut &raw[..];
    let mut groups = Vec::new();
    for _ in 0..varint::take(bytes)? {
        let (docs, first) = (varint::take(bytes)?, varint::take(bytes)?);
        let mut group = RecordGroup { docs, first, records: Vec::new() };
        for _ in 0..varint::take(bytes)? {
            group.records.push(ShownRecord {
                kind: take_text(bytes)?,
                title: take_text(bytes)?,
                module: take_text(bytes)?,
                place: take_text(bytes)?,
                snippet: take_text(bytes)?,
            });
        }
        groups.push(group);
    }
    bytes.is_empty().then_some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_ends_with_a_word() {
        assert_eq!(snippet("short"), "short");
        let long = "words, ".repeat(50);
        let shown = snippet(&long);
        assert!(shown.ends_with("words…") && shown.len() <= SNIPPET + 3, "{shown}");
        assert!(snippet(&"é".repeat(200)).ends_with("é…"));
    }
}
