//! The words of some packages: which word is in which packages, in as few bytes as possible.
//!
//! ```text
//! entry:    bytes shared with the term before | length, rest of the term | length, postings
//! postings: (distance to the package before << 2 | field) of each
//! ```
//!
//! Entries are sorted by term. Each 16th is written whole, and its place is remembered. All numbers are varints. A
//! segment never changes. Bytes of a damaged cache read as other terms and packages, or end early.

use crate::varint;

/// How many entries follow each other before one is written whole.
pub(super) const BLOCK: usize = 16;

/// The character after `_`.
const AFTER_UNDERSCORE: u8 = b'_' + 1;

/// Where a package has a word. The best one is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    /// The description.
    Description = 0,
    /// The name of a module or function, or a part of it.
    Definition = 1,
    /// The README.
    Readme = 2,
    /// A licence, marked as such by its term.
    License = 3,
}

impl Field {
    fn of(code: u32) -> Self {
        match code & 3 {
            0 => Self::Description,
            1 => Self::Definition,
            2 => Self::Readme,
            _ => Self::License,
        }
    }
}

/// An immutable part of an index.
#[derive(Debug, Default)]
pub(super) struct Segment {
    bytes: Box<[u8]>,
    /// Where each block of entries begins.
    blocks: Box<[usize]>,
    /// How many packages it had when it was made.
    packages: usize,
}

/// Goes through terms, in order.
#[derive(Debug, Default)]
pub(super) struct Terms<'a> {
    rest: &'a [u8],
    term: Vec<u8>,
}

/// The packages that have a term, in ascending order.
#[derive(Clone, Debug)]
pub(super) struct Postings<'a> {
    rest: &'a [u8],
    slot: u32,
}

impl Segment {
    /// A segment of entries that a writer has made.
    pub(super) fn new(bytes: Vec<u8>, blocks: Vec<usize>, packages: usize) -> Self {
        Self { bytes: bytes.into(), blocks: blocks.into(), packages }
    }

    /// Reads a segment of a cache; `None` if it is damaged.
    pub(super) fn parse(bytes: &[u8], packages: usize) -> Option<Self> {
        let mut terms = Terms { rest: bytes, term: Vec::new() };
        let mut blocks = Vec::new();
        let mut count = 0_usize;
        while !terms.rest.is_empty() {
            if count % BLOCK == 0 {
                blocks.push(bytes.len().checked_sub(terms.rest.len())?);
                // The first entry of a block shares nothing.
                (*terms.rest.first()? == 0).then_some(())?;
            }
            terms.advance()?;
            count = count.checked_add(1)?;
        }
        Some(Self::new(bytes.to_vec(), blocks, packages))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn packages(&self) -> usize {
        self.packages
    }

    /// The bytes of memory that it takes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.len().saturating_add(size_of_val(&*self.blocks))
    }

    /// All terms.
    pub(super) fn terms(&self) -> Terms<'_> {
        Terms { rest: &self.bytes, term: Vec::new() }
    }

    /// Calls a function with each term that begins so and its packages, in order, until it returns `false`.
    pub(super) fn for_each_beginning_with(
        &self,
        beginning: &[u8],
        mut call: impl FnMut(&[u8], Postings<'_>) -> bool,
    ) {
        let mut terms = self.terms_from(beginning);
        while let Some(postings) = terms.advance() {
            if terms.term().starts_with(beginning) {
                if !call(terms.term(), postings) {
                    break;
                }
            } else if terms.term() > beginning {
                break;
            }
        }
    }

    /// The same without terms that have `_`, of which many can begin with one word.
    pub(super) fn for_each_word_beginning_with(
        &self,
        beginning: &[u8],
        mut call: impl FnMut(&[u8], Postings<'_>) -> bool,
    ) {
        let mut terms = self.terms_from(beginning);
        let mut passed = 0_usize;
        while let Some(postings) = terms.advance() {
            let term = terms.term();
            if !term.starts_with(beginning) {
                if term > beginning {
                    break;
                }
                continue;
            }
            let Some(end) = memchr::memchr(b'_', term) else {
                passed = 0;
                if !call(term, postings) {
                    break;
                }
                continue;
            };
            passed = passed.saturating_add(1);
            if passed > BLOCK {
                // What follows begins with the same word, up to the first term with a later character.
                passed = 0;
                let word = term.get(..end).unwrap_or_default();
                let next = [word, &[AFTER_UNDERSCORE]].concat();
                let later = self.terms_from(&next);
                // Also in a damaged segment, this comes to an end.
                if later.rest.len() < terms.rest.len() {
                    terms = later;
                }
            }
        }
    }

    /// The packages that have exactly this term.
    pub(super) fn postings(&self, term: &[u8]) -> Postings<'_> {
        let block = self.blocks.partition_point(|block| self.first_term(*block) <= term);
        let block = self.blocks.get(block.saturating_sub(1));
        let rest = block.and_then(|block| self.bytes.get(*block..)).unwrap_or_default();
        let mut terms = Terms { rest, term: Vec::new() };
        while let Some(postings) = terms.advance() {
            if terms.term() >= term {
                return if terms.term() == term { postings } else { Postings::empty() };
            }
        }
        Postings::empty()
    }

    /// The terms from the block on in which the first one that is not less than this would be.
    fn terms_from(&self, term: &[u8]) -> Terms<'_> {
        let block = self.blocks.partition_point(|block| self.first_term(*block) < term);
        let block = self.blocks.get(block.saturating_sub(1));
        let rest = block.and_then(|block| self.bytes.get(*block..)).unwrap_or_default();
        Terms { rest, term: Vec::new() }
    }

    /// The term of the first entry of a block.
    fn first_term(&self, block: usize) -> &[u8] {
        let entry = self.bytes.get(block..).and_then(<[u8]>::split_first);
        entry.and_then(|(_, mut rest)| varint::take_bytes(&mut rest)).unwrap_or_default()
    }
}

impl<'a> Terms<'a> {
    /// Goes on to the next term, and returns its packages; `None` at the end.
    pub(super) fn advance(&mut self) -> Option<Postings<'a>> {
        let shared = usize::try_from(varint::take(&mut self.rest)?).ok()?;
        let rest = varint::take_bytes(&mut self.rest)?;
        if shared > self.term.len() {
            return None;
        }
        self.term.truncate(shared);
        self.term.extend_from_slice(rest);
        Some(Postings { rest: varint::take_bytes(&mut self.rest)?, slot: 0 })
    }

    /// The term that was reached.
    pub(super) fn term(&self) -> &[u8] {
        &self.term
    }
}

impl Postings<'_> {
    fn empty() -> Self {
        Self { rest: &[], slot: 0 }
    }
}

impl Iterator for Postings<'_> {
    type Item = (u32, Field);

    fn next(&mut self) -> Option<Self::Item> {
        let code = varint::take(&mut self.rest)?;
        self.slot = self.slot.wrapping_add(code >> 2);
        Some((self.slot, Field::of(code)))
    }
}
