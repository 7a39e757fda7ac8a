//! Makes segments: of packages that were read, and of smaller segments.

use super::segment::{BLOCK, Field, Segment, Terms};
use crate::varint;

/// Collects the terms of packages.
#[derive(Debug, Default)]
pub(super) struct SegmentBuilder {
    terms: Vec<(Box<str>, u32, Field)>,
    packages: usize,
}

/// Writes the entries of a segment, in order.
#[derive(Debug, Default)]
struct SegmentWriter {
    bytes: Vec<u8>,
    blocks: Vec<usize>,
    entries: usize,
    last: Vec<u8>,
    postings: Vec<u8>,
}

impl SegmentBuilder {
    /// A package whose terms follow.
    pub(super) fn add_package(&mut self) {
        self.packages = self.packages.saturating_add(1);
    }

    /// A term of the package with this number.
    pub(super) fn add(&mut self, slot: u32, term: &str, field: Field) {
        self.terms.push((term.into(), slot, field));
    }

    pub(super) fn packages(&self) -> usize {
        self.packages
    }

    /// The segment of all that was added.
    pub(super) fn build(mut self) -> Segment {
        self.terms.sort_unstable();
        // The best field of a term is the first one.
        self.terms.dedup_by(|later, first| later.0 == first.0 && later.1 == first.1);
        let mut writer = SegmentWriter::default();
        for entry in self.terms.chunk_by(|a, b| a.0 == b.0) {
            let term = entry.first().map_or("", |(term, ..)| term);
            writer.push(term.as_bytes(), entry.iter().map(|(_, slot, field)| (*slot, *field)));
        }
        writer.finish(self.packages)
    }
}

/// One segment with all that is alive in several. `is_alive` says whether the text of a package is the one in the segment
/// of this position, and `packages` how many are.
pub(super) fn merge(
    segments: &[&Segment],
    packages: usize,
    is_alive: impl Fn(usize, u32) -> bool,
) -> Segment {
    let mut sources: Vec<Terms<'_>> = segments.iter().map(|segment| segment.terms()).collect();
    let mut heads: Vec<_> = sources.iter_mut().map(Terms::advance).collect();
    let mut writer = SegmentWriter::default();
    let mut postings = Vec::new();
    let mut term = Vec::new();
    loop {
        let waiting = sources.iter().zip(&heads).filter(|(_, head)| head.is_some());
        let Some(least) = waiting.map(|(source, _)| source.term()).min() else { break };
        term.clear();
        term.extend_from_slice(least);
        postings.clear();
        for (position, (source, head)) in sources.iter_mut().zip(&mut heads).enumerate() {
            if source.term() != term {
                continue;
            }
            if let Some(found) = head.take() {
                postings.extend(found.filter(|(slot, _)| is_alive(position, *slot)));
                *head = source.advance();
            }
        }
        postings.sort_unstable();
        postings.dedup_by_key(|(slot, _)| *slot);
        writer.push(&term, postings.iter().copied());
    }
    writer.finish(packages)
}

impl SegmentWriter {
    /// Appends a term with its packages, unless there are none.
    fn push(&mut self, term: &[u8], postings: impl Iterator<Item = (u32, Field)>) {
        self.postings.clear();
        let mut last = 0;
        for (slot, field) in postings {
            let distance = slot.saturating_sub(last);
            varint::put(&mut self.postings, distance << 2 | field as u32);
            last = slot;
        }
        if self.postings.is_empty() {
            return;
        }
        let shared = if self.entries % BLOCK == 0 {
            self.blocks.push(self.bytes.len());
            0
        } else {
            self.last.iter().zip(term).take_while(|(a, b)| a == b).count()
        };
        self.entries = self.entries.saturating_add(1);
        varint::put(&mut self.bytes, length(shared));
        put_bytes(&mut self.bytes, term.get(shared..).unwrap_or_default());
        put_bytes(&mut self.bytes, &self.postings);
        self.last.clear();
        self.last.extend_from_slice(term);
    }

    fn finish(self, packages: usize) -> Segment {
        Segment::new(self.bytes, self.blocks, packages)
    }
}

fn put_bytes(bytes: &mut Vec<u8>, added: &[u8]) {
    varint::put(bytes, length(added.len()));
    bytes.extend_from_slice(added);
}

/// A length as it is written. Terms are short, and a term has at most five bytes for each package.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    type Entries = BTreeMap<String, BTreeMap<u32, Field>>;

    fn build(entries: &Entries) -> Segment {
        let mut builder = SegmentBuilder::default();
        for (term, postings) in entries.iter().rev() {
            for (slot, field) in postings {
                builder.add(*slot, term, Field::License);
                builder.add(*slot, term, *field);
            }
        }
        builder.build()
    }

    fn read(segment: &Segment) -> Entries {
        let mut entries = Entries::new();
        let mut terms = segment.terms();
        while let Some(postings) = terms.advance() {
            let term = String::from_utf8(terms.term().to_vec()).unwrap();
            entries.insert(term, postings.collect());
        }
        entries
    }

    fn entries() -> impl Strategy<Value = Entries> {
        let field = prop_oneof![
            Just(Field::Description),
            Just(Field::Definition),
            Just(Field::Readme),
            Just(Field::License)
        ];
        btree_map("[ab]{1,2}(_[abcdé]{0,3})?", btree_map(0_u32..1_000_000, field, 1..5), 0..150)
    }

    proptest! {
        #[test]
        fn a_segment_has_what_was_added(entries in entries(), wanted in "[ab]{0,2}_?[aé]{0,1}") {
            let segment = build(&entries);
            prop_assert_eq!(&read(&segment), &entries);
            let parsed = Segment::parse(segment.bytes(), 0).unwrap();
            prop_assert_eq!(&read(&parsed), &entries);
            prop_assert_eq!(&parsed.memory(), &segment.memory());
            for segment in [segment, parsed] {
                let found: BTreeMap<u32, Field> = segment.postings(wanted.as_bytes()).collect();
                prop_assert_eq!(found, entries.get(&wanted).cloned().unwrap_or_default());
                let mut beginning = Vec::new();
                segment.for_each_beginning_with(wanted.as_bytes(), |term, _| {
                    beginning.push(String::from_utf8(term.to_vec()).unwrap());
                    true
                });
                let expected = entries.keys().filter(|term| term.starts_with(&wanted));
                prop_assert_eq!(beginning, expected.cloned().collect::<Vec<_>>());
                let mut words = BTreeSet::new();
                segment.for_each_word_beginning_with(wanted.as_bytes(), |term, _| {
                    words.insert(String::from_utf8(term.to_vec()).unwrap());
                    true
                });
                let expected = entries.keys().filter(|term| term.starts_with(&wanted));
                let expected = expected.filter(|term| !term.contains('_'));
                prop_assert_eq!(words, expected.cloned().collect::<BTreeSet<_>>());
            }
        }

        #[test]
        fn merging_keeps_what_is_alive(a in entries(), b in entries()) {
            let (first, second) = (build(&a), build(&b));
            // Of the first one, only even numbers are alive, and of the second only odd ones.
            let merged = merge(&[&first, &second], 2, |position, slot| {
                (slot % 2 == 0) == (position == 0)
            });
            let mut expected = Entries::new();
            for (entries, kept) in [(a, 0), (b, 1)] {
                for (term, postings) in entries {
                    for (slot, field) in postings.into_iter().filter(|(slot, _)| slot % 2 == kept) {
                        expected.entry(term.clone()).or_default().insert(slot, field);
                    }
                }
            }
            prop_assert_eq!(read(&merged), expected);
        }

        #[test]
        fn damaged_bytes_are_no_panic(entries in entries(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            let mut bytes = build(&entries).bytes().to_vec();
            if bytes.is_empty() {
                return Ok(());
            }
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(segment) = Segment::parse(&bytes, 1) {
                segment.for_each_beginning_with(b"a", |_, postings| postings.count() < usize::MAX);
                let _ = segment.postings(b"ab").count();
                let _ = merge(&[&segment, &segment], 1, |_, _| true);
            }
        }
    }
}
