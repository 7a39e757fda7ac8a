//! Which records have a term: numbers of documentations, and of their records, as differences.
//!
//! ```text
//! posting = varint: (record or difference << shift) | class << 1 | begins
//!           varint: difference of the documentation's number, if `begins`
//! ```
//!
//! `class` is only there in postings of titles, where it says which part of the title the term is.

use crate::varint;

/// A record: the number of its documentation above, its own number below.
pub(super) type RecordKey = u64;

pub(super) fn record_key(docs: u32, record: u32) -> RecordKey {
    (u64::from(docs) << 32) | u64::from(record)
}

pub(super) fn docs_of(key: RecordKey) -> u32 {
    u32::try_from(key >> 32).unwrap_or(u32::MAX)
}

pub(super) fn record_of(key: RecordKey) -> u32 {
    u32::try_from(key & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// What the postings of a list have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PostingKind {
    /// Of terms in titles, with a class of 2 bits.
    Title,
    /// Of terms in texts.
    Text,
}

impl PostingKind {
    fn shift(self) -> u32 {
        match self {
            Self::Title => 3,
            Self::Text => 1,
        }
    }
}

/// Writes postings, in order of their records.
#[derive(Clone, Debug, Default)]
pub(super) struct PostingWriter {
    pub bytes: Vec<u8>,
    pub count: u32,
    docs: u32,
    record: u32,
}

impl PostingWriter {
    pub fn push(&mut self, kind: PostingKind, key: RecordKey, class: u8) {
        let (docs, record) = (docs_of(key), record_of(key));
        let begins = self.count == 0 || docs != self.docs;
        let number = if begins { record } else { record.saturating_sub(self.record) };
        let class = match kind {
            PostingKind::Title => u32::from(class & 3) << 1,
            PostingKind::Text => 0,
        };
        varint::put(&mut self.bytes, (number << kind.shift()) | class | u32::from(begins));
        if begins {
            varint::put(&mut self.bytes, docs.saturating_sub(self.docs));
        }
        (self.docs, self.record) = (docs, record);
        self.count = self.count.saturating_add(1);
    }
}

/// Reads postings. Damaged ones end early; numbers never decrease.
#[derive(Clone, Debug)]
pub(super) struct PostingReader<'a> {
    bytes: &'a [u8],
    kind: PostingKind,
    docs: u32,
    record: u32,
}

impl<'a> PostingReader<'a> {
    pub fn new(bytes: &'a [u8], kind: PostingKind) -> Self {
        Self { bytes, kind, docs: 0, record: 0 }
    }
}

impl Iterator for PostingReader<'_> {
    type Item = (RecordKey, u8);

    fn next(&mut self) -> Option<(RecordKey, u8)> {
        let number = varint::take(&mut self.bytes)?;
        let value = number >> self.kind.shift();
        if number & 1 == 1 {
            let more = varint::take(&mut self.bytes)?;
            self.docs = self.docs.checked_add(more)?;
            self.record = value;
        } else {
            self.record = self.record.checked_add(value)?;
        }
        let class = match self.kind {
            PostingKind::Title => u8::try_from((number >> 1) & 3).unwrap_or_default(),
            PostingKind::Text => 0,
        };
        Some((record_key(self.docs, self.record), class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let keys = [(0, 0, 3), (0, 1, 0), (0, 300, 1), (7, 0, 2), (7, 70_000, 3), (90_000, 5, 0)];
        for kind in [PostingKind::Title, PostingKind::Text] {
            let mut writer = PostingWriter::default();
            for (docs, record, class) in keys {
                writer.push(kind, record_key(docs, record), class);
            }
            let read: Vec<_> = PostingReader::new(&writer.bytes, kind).collect();
            let class_of = |class| if kind == PostingKind::Title { class } else { 0 };
            let expected: Vec<_> = keys
                .iter()
                .map(|(docs, record, class)| (record_key(*docs, *record), class_of(*class)))
                .collect();
            assert_eq!(read, expected);
            assert_eq!(writer.count, 6);
        }
    }

    #[test]
    fn damaged_postings_end() {
        assert_eq!(PostingReader::new(&[0xff; 40], PostingKind::Text).count(), 0);
        assert!(
            PostingReader::new(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1, 1], PostingKind::Text)
                .count()
                <= 2
        );
    }
}
