//! A file of terms, and the blocks of postings that very common terms have beside it.
//!
//! ```text
//! number of terms, then of each:
//!   the term                 shared with the one before, rest
//!   postings of titles       bytes
//!   records with it in text  (count << 1), and bytes; or for many of them
//!                            (count << 1 | 1), number of blocks, and of each: first documentation, id
//! ```
//!
//! A block has the postings of some documentations, and is read by itself.

use std::ops::Range;

use super::container::FileId;
use super::manifest::{put_after, put_length, put_text, take_after, take_id};
use super::postings::{PostingKind, PostingReader, PostingWriter, RecordKey, docs_of};
use crate::varint;

/// In how many texts a term is before its postings lie in blocks.
pub(super) const COMMON: u32 = 4_096;

/// In bytes: how large a block grows.
const BLOCK: usize = 48 << 10;

/// In bytes: how large a file of terms grows, before it is deflated.
pub(super) const TARGET: usize = 30 << 10;

/// A term and its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TermEntry {
    pub term: String,
    /// Postings of titles.
    pub titles: Vec<u8>,
    /// In how many texts it is.
    pub text_count: u32,
    pub texts: TextPostings,
}

/// The postings of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TextPostings {
    Inline(Vec<u8>),
    Blocks(Vec<BlockEntry>),
}

/// A block of postings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockEntry {
    /// The first documentation whose records are in it.
    pub first: u32,
    pub id: FileId,
}

impl TermEntry {
    /// How many bytes it takes in a file, about.
    pub fn size(&self) -> usize {
        let texts = match &self.texts {
            TextPostings::Inline(bytes) => bytes.len(),
            TextPostings::Blocks(blocks) => blocks.len().saturating_mul(8),
        };
        let parts = [self.term.len(), self.titles.len(), texts, 5];
        parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
    }
}

/// The bytes of a file.
pub(super) fn encode(terms: &[TermEntry]) -> Vec<u8> {
    let mut raw = Vec::new();
    put_length(&mut raw, terms.len());
    let mut before = "";
    for entry in terms {
        put_after(&mut raw, before, &entry.term);
        before = &entry.term;
        put_length(&mut raw, entry.titles.len());
        raw.extend(&entry.titles);
        // Below 2³¹, as records are numbers of less.
        let count = entry.text_count << 1;
        match &entry.texts {
            TextPostings::Inline(bytes) => {
                varint::put(&mut raw, count);
                put_length(&mut raw, bytes.len());
                raw.extend(bytes);
            }
            TextPostings::Blocks(blocks) => {
                varint::put(&mut raw, count | 1);
                put_length(&mut raw, blocks.len());
                for block in blocks {
                    varint::put(&mut raw, block.first);
                    raw.extend(block.id);
                }
            }
        }
    }
    raw
}

/// A file of terms as it is read: the bytes, and where the parts of each term are. Very many files are kept in memory.
pub(super) struct TermFile {
    raw: Vec<u8>,
    /// All names, one after the other.
    names: String,
    terms: Vec<TermPlace>,
}

/// Where a term is in its file.
struct TermPlace {
    name: Range<u32>,
    titles: Range<u32>,
    text_count: u32,
    /// The postings; or the blocks, with how many there are.
    texts: Range<u32>,
    has_blocks: bool,
}

/// A term of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadTerm<'a> {
    pub name: &'a str,
    pub titles: &'a [u8],
    pub text_count: u32,
    pub texts: ReadTexts<'a>,
}

/// Its postings in texts.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReadTexts<'a> {
    Inline(&'a [u8]),
    /// The bytes that [`blocks`] reads.
    Blocks(&'a [u8]),
}

impl TermFile {
    /// The terms in these bytes; `None` if they are damaged.
    pub fn decode(raw: Vec<u8>) -> Option<Self> {
        let mut bytes = &raw[..];
        let place = |rest: &[u8]| u32::try_from(raw.len().checked_sub(rest.len())?).ok();
        let mut names = String::new();
        let mut terms: Vec<TermPlace> = Vec::new();
        let mut before = String::new();
        for _ in 0..varint::take(&mut bytes)? {
            let name = take_after(&mut bytes, &before)?;
            (terms.is_empty() || before < name).then_some(())?;
            let start = u32::try_from(names.len()).ok()?;
            names.push_str(&name);
            let name_place = start..u32::try_from(names.len()).ok()?;
            before = name;
            let titles = take_place(&mut bytes, place)?;
            let tag = varint::take(&mut bytes)?;
            let has_blocks = tag & 1 == 1;
            let texts = if has_blocks {
                let start = place(bytes)?;
                for _ in 0..varint::take(&mut bytes)? {
                    take_block(&mut bytes)?;
                }
                start..place(bytes)?
            } else {
                take_place(&mut bytes, place)?
            };
            terms.push(TermPlace {
                name: name_place,
                titles,
                text_count: tag >> 1,
                texts,
                has_blocks,
            });
        }
        if !bytes.is_empty() {
            return None;
        }
        names.shrink_to_fit();
        terms.shrink_to_fit();
        Some(Self { raw, names, terms })
    }

    /// How much memory it takes, about.
    pub fn memory(&self) -> usize {
        let places = self.terms.len().saturating_mul(size_of::<TermPlace>());
        self.raw.len().saturating_add(self.names.len()).saturating_add(places)
    }

    /// The number of a term; or else of the one that comes after it.
    pub fn find(&self, name: &str) -> Result<usize, usize> {
        self.terms.binary_search_by(|term| self.name(term).cmp(name))
    }

    /// The term with a number.
    pub fn term(&self, number: usize) -> Option<ReadTerm<'_>> {
        self.terms.get(number).map(|term| self.read(term))
    }

    /// All terms from a number on, in order.
    pub fn terms_from(&self, number: usize) -> impl Iterator<Item = ReadTerm<'_>> {
        self.terms.iter().skip(number).map(|term| self.read(term))
    }

    fn name(&self, term: &TermPlace) -> &str {
        range_of(&term.name).and_then(|range| self.names.get(range)).unwrap_or_default()
    }

    fn bytes(&self, range: &Range<u32>) -> &[u8] {
        range_of(range).and_then(|range| self.raw.get(range)).unwrap_or_default()
    }

    fn read(&self, term: &TermPlace) -> ReadTerm<'_> {
        let texts = self.bytes(&term.texts);
        ReadTerm {
            name: self.name(term),
            titles: self.bytes(&term.titles),
            text_count: term.text_count,
            texts: if term.has_blocks {
                ReadTexts::Blocks(texts)
            } else {
                ReadTexts::Inline(texts)
            },
        }
    }
}

impl ReadTerm<'_> {
    /// The same with bytes of its own.
    pub fn to_entry(self) -> TermEntry {
        TermEntry {
            term: self.name.to_owned(),
            titles: self.titles.to_owned(),
            text_count: self.text_count,
            texts: match self.texts {
                ReadTexts::Inline(bytes) => TextPostings::Inline(bytes.to_owned()),
                ReadTexts::Blocks(bytes) => TextPostings::Blocks(blocks(bytes).collect()),
            },
        }
    }
}

/// The blocks in bytes of [`ReadTexts::Blocks`].
pub(super) fn blocks(mut bytes: &[u8]) -> impl Iterator<Item = BlockEntry> + Clone + '_ {
    // The number of blocks: all of them are read to the end.
    varint::take(&mut bytes);
    std::iter::from_fn(move || take_block(&mut bytes))
}

fn take_block(bytes: &mut &[u8]) -> Option<BlockEntry> {
    Some(BlockEntry { first: varint::take(bytes)?, id: take_id(bytes)? })
}

/// Takes bytes with their length before them, and returns where they are.
fn take_place(bytes: &mut &[u8], place: impl Fn(&[u8]) -> Option<u32>) -> Option<Range<u32>> {
    let length = u32::try_from(varint::take_bytes(bytes)?.len()).ok()?;
    let end = place(bytes)?;
    Some(end.checked_sub(length)?..end)
}

fn range_of(range: &Range<u32>) -> Option<Range<usize>> {
    Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}

/// The bytes of a block. The term makes it another file than the block of a term that is in the same records.
pub(super) fn encode_block(term: &str, postings: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    put_text(&mut raw, term);
    raw.extend(postings);
    raw
}

/// The postings in a block of this term.
pub(super) fn decode_block<'a>(term: &str, raw: &'a [u8]) -> Option<&'a [u8]> {
    let bytes = &mut &raw[..];
    (varint::take_bytes(bytes)? == term.as_bytes()).then_some(*bytes)
}

/// Cuts postings of texts into blocks, between two documentations: the first documentation and the postings of each.
pub(super) fn cut_into_blocks(postings: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut blocks = Vec::new();
    let mut writer = PostingWriter::default();
    let mut first: Option<RecordKey> = None;
    let mut last = 0;
    for (key, class) in PostingReader::new(postings, PostingKind::Text) {
        let is_full = writer.bytes.len() >= BLOCK && docs_of(key) != last;
        if let Some(begin) = first.filter(|_| is_full) {
            blocks.push((docs_of(begin), std::mem::take(&mut writer).bytes));
            first = None;
        }
        first.get_or_insert(key);
        last = docs_of(key);
        writer.push(PostingKind::Text, key, class);
    }
    if let Some(begin) = first {
        blocks.push((docs_of(begin), writer.bytes));
    }
    blocks
}
