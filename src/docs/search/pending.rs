//! Postings of records that are not in files yet.

use std::collections::HashMap;

use super::postings::{PostingKind, PostingWriter, record_key};
use super::tokens::{TermPart, for_each_term};
use crate::docs::records::DocsRecord;

/// In bytes: how much memory postings take before they are merged into files.
const LIMIT: usize = 52 << 20;

/// In bytes: what a term takes beside its postings, about.
const OF_TERM: usize = 180;

/// How well a term stands for a record: the classes in postings of titles.
const IN_NAME: u8 = 0;
const LAST: u8 = 1;
const WORD: u8 = 2;
pub(super) const WHOLE_TITLE: u8 = 3;

/// Postings in memory. Documentations have to come in order of their numbers.
#[derive(Debug, Default)]
pub(super) struct PendingTerms {
    terms: HashMap<Box<str>, PendingTerm>,
    memory: usize,
    /// How many records came, so that each has a number of its own.
    records: u64,
}

/// The postings of one term.
#[derive(Debug, Default)]
pub(super) struct PendingTerm {
    pub titles: PostingWriter,
    pub texts: PostingWriter,
    /// The record that was seen last, and how the term is in it; it is written once the next one comes.
    seen: u64,
    key: u64,
    class: Option<u8>,
}

impl PendingTerms {
    /// Adds the terms of a record.
    pub fn add(&mut self, docs: u32, number: u32, record: &DocsRecord) {
        self.records = self.records.saturating_add(1);
        let (seen, key) = (self.records, record_key(docs, number));
        let chunks = record.title.split_whitespace().count();
        let mut buffer = String::new();
        for_each_term(&record.title, |term, part| {
            let class = match (part, chunks) {
                (TermPart::Whole, 1) => WHOLE_TITLE,
                (TermPart::Whole, _) => WORD,
                (TermPart::Last, _) => LAST,
                (TermPart::Piece, _) => IN_NAME,
            };
            self.add_term(term, seen, key, Some(class));
        });
        // Gleam's modules are not in the titles of their values.
        if !record.title.starts_with(&record.module) {
            buffer.push_str(&record.module);
        }
        for text in [&buffer, &record.text] {
            for_each_term(text, |term, _| self.add_term(term, seen, key, None));
        }
    }

    fn add_term(&mut self, term: &str, seen: u64, key: u64, class: Option<u8>) {
        if let Some(known) = self.terms.get_mut(term) {
            let before = known.len();
            known.add(seen, key, class);
            self.memory =
                self.memory.saturating_add(known.len().saturating_sub(before).saturating_mul(2));
            return;
        }
        let mut new = PendingTerm::default();
        new.add(seen, key, class);
        self.memory = self.memory.saturating_add(OF_TERM).saturating_add(term.len());
        self.terms.insert(term.into(), new);
    }

    /// Whether it is time to merge them into files.
    pub fn is_full(&self) -> bool {
        self.memory >= LIMIT
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// All terms in order, with their postings.
    pub fn into_sorted(self) -> Vec<(Box<str>, PendingTerm)> {
        let mut terms: Vec<(Box<str>, PendingTerm)> = self.terms.into_iter().collect();
        terms.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (_, term) in &mut terms {
            term.flush();
        }
        terms
    }
}

impl PendingTerm {
    fn add(&mut self, seen: u64, key: u64, class: Option<u8>) {
        if self.seen == seen {
            self.class = self.class.max(class);
            return;
        }
        self.flush();
        (self.seen, self.key, self.class) = (seen, key, class);
    }

    fn flush(&mut self) {
        if self.seen == 0 {
            return;
        }
        match self.class {
            Some(class) => self.titles.push(PostingKind::Title, self.key, class),
            None => self.texts.push(PostingKind::Text, self.key, 0),
        }
        self.seen = 0;
    }

    fn len(&self) -> usize {
        self.titles.bytes.len().saturating_add(self.texts.bytes.len())
    }
}
