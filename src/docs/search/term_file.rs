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

use super::container::FileId;
use super::manifest::{put_after, put_length, put_text, take_after, take_id};
use super::postings::{PostingKind, PostingReader, PostingWriter, RecordKey, docs_of};
use crate::varint;

/// In how many texts a term is before its postings lie in blocks.
pub(super) const COMMON: u32 = 4_096;

/// In bytes: how large a block grows.
const BLOCK: usize = 48 << 10;

/// In bytes: how large a file of terms grows, before it is deflated.
pub(super) const TARGET: usize = 16 << 10;

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

/// The terms of a file; `None` if it is damaged.
pub(super) fn decode(raw: &[u8]) -> Option<Vec<TermEntry>> {
    let bytes = &mut &raw[..];
    let mut terms: Vec<TermEntry> = Vec::new();
    for _ in 0..varint::take(bytes)? {
        let before = terms.last().map_or("", |entry| entry.term.as_str());
        let term = take_after(bytes, before)?;
        (terms.is_empty() || *before < *term).then_some(())?;
        let titles = varint::take_bytes(bytes)?.to_owned();
        let tag = varint::take(bytes)?;
        let texts = if tag & 1 == 0 {
            TextPostings::Inline(varint::take_bytes(bytes)?.to_owned())
        } else {
            let mut blocks = Vec::new();
            for _ in 0..varint::take(bytes)? {
                blocks.push(BlockEntry { first: varint::take(bytes)?, id: take_id(bytes)? });
            }
            TextPostings::Blocks(blocks)
        };
        terms.push(TermEntry { term, titles, text_count: tag >> 1, texts });
    }
    bytes.is_empty().then_some(terms)
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
