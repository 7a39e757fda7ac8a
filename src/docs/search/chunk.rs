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
pub(super) const RECORDS: usize = 244;

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

/// A file of records as it is read: the bytes, and where each documentation begins. A record is read when it is shown.
pub(super) struct RecordFile {
    raw: Vec<u8>,
    groups: Vec<GroupPlace>,
}

/// Where the records of a documentation are in their file.
struct GroupPlace {
    docs: u32,
    first: u32,
    /// Where each record begins.
    records: Vec<u32>,
}

impl RecordFile {
    /// The records in these bytes; `None` if they are damaged.
    pub fn decode(raw: Vec<u8>) -> Option<Self> {
        let mut bytes = &raw[..];
        let mut groups = Vec::new();
        for _ in 0..varint::take(&mut bytes)? {
            let (docs, first) = (varint::take(&mut bytes)?, varint::take(&mut bytes)?);
            let mut records = Vec::new();
            for _ in 0..varint::take(&mut bytes)? {
                records.push(u32::try_from(raw.len().checked_sub(bytes.len())?).ok()?);
                skip_record(&mut bytes)?;
            }
            records.shrink_to_fit();
            groups.push(GroupPlace { docs, first, records });
        }
        bytes.is_empty().then_some(())?;
        groups.shrink_to_fit();
        Some(Self { raw, groups })
    }

    /// How much memory it takes, about.
    pub fn memory(&self) -> usize {
        let groups = self.groups.len().saturating_mul(size_of::<GroupPlace>());
        let records = self.groups.iter().map(|group| group.records.len().saturating_mul(4));
        records.fold(self.raw.len().saturating_add(groups), usize::saturating_add)
    }

    /// A record of a documentation, by its number there.
    pub fn record(&self, docs: u32, number: u32) -> Option<ShownRecord> {
        let groups = self.groups.iter().filter(|group| group.docs == docs);
        let mut places = groups.filter_map(|group| {
            let at = number.checked_sub(group.first)?;
            group.records.get(usize::try_from(at).ok()?)
        });
        take_record(&mut self.raw.get(usize::try_from(*places.next()?).ok()?..)?)
    }

    /// All records; `None` if one of them is damaged.
    pub fn into_groups(self) -> Option<Vec<RecordGroup>> {
        let groups = self.groups.iter().map(|group| {
            let records = group
                .records
                .iter()
                .map(|place| take_record(&mut self.raw.get(usize::try_from(*place).ok()?..)?));
            Some(RecordGroup {
                docs: group.docs,
                first: group.first,
                records: records.collect::<Option<_>>()?,
            })
        });
        groups.collect()
    }
}

fn take_record(bytes: &mut &[u8]) -> Option<ShownRecord> {
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
    Some(ShownRecord { kind, title, module, place, snippet })
}

/// Goes to the end of a record.
fn skip_record(bytes: &mut &[u8]) -> Option<()> {
    varint::take_bytes(bytes)?;
    varint::take_bytes(bytes)?;
    if varint::take(bytes)? == 0 {
        varint::take_bytes(bytes)?;
    }
    varint::take_bytes(bytes)?;
    varint::take_bytes(bytes)?;
    Some(())
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
        let file = RecordFile::decode(raw.clone()).unwrap();
        assert_eq!(file.record(3, 6), Some(groups[0].records[1].clone()));
        assert_eq!(file.record(3, 4), None);
        assert_eq!(file.record(3, 11), None);
        assert_eq!(file.record(2, 6), None);
        assert_eq!(file.into_groups().unwrap(), groups);
        for end in 0..raw.len() {
            assert!(RecordFile::decode(raw[..end].to_vec()).is_none());
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
