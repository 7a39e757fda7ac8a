//! A file of records to show: some documentations, or a part of one.
//!
//! ```text
//! number of groups, then of each: documentation, first record, number of records, and of each record:
//!   kind, title      texts with their lengths
//!   module           how much of the title it is, plus one; or 0, and a text
//!   place            a text; empty where title and module tell it
//!   snippet          a text
//! ```

use super::manifest::{put_length, put_text, take_text};
use crate::docs::records::DocsRecord;
use crate::varint;

/// How many records a file has at most.
pub(super) const RECORDS: usize = 192;

/// In bytes: how much of a text is shown.
const SNIPPET: usize = 120;

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

/// Where `ExDoc` has a module, and most functions; `None` for other records.
fn usual_place(title: &str, module: &str) -> Option<String> {
    if module.is_empty() {
        return None;
    }
    match title.strip_prefix(module)? {
        "" => Some(format!("{module}.html")),
        rest => Some(format!("{module}.html#{}", rest.strip_prefix('.')?)),
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
            put_text(&mut raw, kind);
            put_text(&mut raw, title);
            if title.starts_with(module.as_str()) {
                put_length(&mut raw, module.len().saturating_add(1));
            } else {
                put_length(&mut raw, 0);
                put_text(&mut raw, module);
            }
            let is_usual = usual_place(title, module).is_some_and(|usual| usual == *place);
            put_text(&mut raw, if is_usual { "" } else { place });
            put_text(&mut raw, snippet);
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
            let (kind, title) = (take_text(bytes)?, take_text(bytes)?);
            let module = match usize::try_from(varint::take(bytes)?).ok()?.checked_sub(1) {
                Some(length) => title.get(..length)?.to_owned(),
                None => take_text(bytes)?,
            };
            let place = match take_text(bytes)? {
                place if place.is_empty() => usual_place(&title, &module)?,
                place => place,
            };
            let snippet = take_text(bytes)?;
            group.records.push(ShownRecord { kind, title, module, place, snippet });
        }
        groups.push(group);
    }
    bytes.is_empty().then_some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let record = |title: &str, module: &str, place: &str| ShownRecord {
            kind: "function".to_owned(),
            title: title.to_owned(),
            module: module.to_owned(),
            place: place.to_owned(),
            snippet: "Text".to_owned(),
        };
        let records = vec![
            record("Enum", "Enum", "Enum.html"),
            record("Enum.map/2", "Enum", "Enum.html#map/2"),
            record("Enum.map/2", "Enum", "Enum.html#c:map/2"),
            record("lists:map/2", "lists", "lists.html#map/2"),
            record("Read me", "", "readme.html"),
            record("map/2", "Enum", "Enum.html#map/2"),
        ];
        let groups = vec![RecordGroup { docs: 3, first: 5, records }];
        let raw = encode(&groups);
        assert_eq!(decode(&raw).unwrap(), groups);
        for end in 0..raw.len() {
            assert_eq!(decode(&raw[..end]), None);
        }
    }

    #[test]
    fn a_snippet_ends_with_a_word() {
        assert_eq!(snippet("short"), "short");
        let long = "words, ".repeat(50);
        let shown = snippet(&long);
        assert!(shown.ends_with("words…") && shown.len() <= SNIPPET + 3, "{shown}");
        assert!(snippet(&"é".repeat(200)).ends_with("é…"));
    }
}
