//! Which terms a word stands for, and which records have them.

use std::sync::Arc;

use super::index_reader::IndexReader;
use super::manifest::IndexManifest;
use super::pending::WHOLE_TITLE;
use super::postings::{PostingKind, PostingReader, RecordKey, docs_of};
use super::query::QueryTerm;
use super::term_file::{ReadTerm, ReadTexts, TermFile, blocks, decode_block};
use crate::stem::stem;

/// How many terms that begin like a word are looked at, and how many of them are taken.
const MAX_SEEN: usize = 2_000;
const MAX_TERMS: usize = 128;

/// How long a word is before longer ones that begin so are searched for, in bytes.
const MIN_OPEN: usize = 2;

/// How long a word is before other forms of it are searched for, in bytes.
const MIN_FORMS: usize = 4;

/// The longest ending that a form of a word has beside its stem.
const MAX_ENDING: usize = 5;

/// A term that stands for a word.
pub(super) struct MatchedTerm {
    file: Arc<TermFile>,
    at: usize,
    /// Whether it is the word itself, and not a longer one, or another form.
    is_exact: bool,
}

/// The terms that stand for a word.
pub(super) struct WordMatches {
    terms: Vec<MatchedTerm>,
    /// How many postings they have.
    pub weight: usize,
}

/// How well a record has a word; 0 is not at all.
pub(super) type WordScore = u8;

/// The score of a title that is the word.
pub(super) const IS_TITLE: WordScore = 9;

/// The least score of a title that has the word itself.
pub(super) const IN_TITLE: WordScore = 8;

impl WordMatches {
    /// The terms of an index that stand for a word.
    pub fn of(files: &IndexReader, manifest: &IndexManifest, word: &QueryTerm) -> Self {
        let mut found = Self { terms: Vec::new(), weight: 0 };
        let whole = word.whole.as_str();
        found.add_exact(files, manifest, whole);
        let is_open = word.is_open && (whole.len() >= MIN_OPEN || !whole.is_ascii());
        let has_forms =
            whole.len() >= MIN_FORMS && whole.bytes().all(|byte| byte.is_ascii_lowercase());
        if is_open || has_forms {
            let stem = if has_forms { stem(whole) } else { whole };
            found.add_alike(files, manifest, whole, stem, is_open, has_forms);
        }
        found
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether one of its terms is in so many texts that their records are looked at last.
    pub fn is_common(&self) -> bool {
        let mut texts = self.terms.iter().filter_map(|term| Some(term.entry()?.texts));
        texts.any(|texts| matches!(texts, ReadTexts::Blocks(_)))
    }

    fn add_exact(&mut self, files: &IndexReader, manifest: &IndexManifest, word: &str) {
        let Some(file) = manifest.terms.get(manifest.terms_at(word)) else { return };
        let Some(file) = files.terms(file.id) else { return };
        if let Ok(at) = file.find(word) {
            self.push(MatchedTerm { file, at, is_exact: true });
        }
    }

    /// Adds longer words, and other forms of the word. They all begin with its stem.
    fn add_alike(
        &mut self,
        files: &IndexReader,
        manifest: &IndexManifest,
        word: &str,
        stem: &str,
        is_open: bool,
        has_forms: bool,
    ) {
        let (mut seen, mut taken) = (0_usize, 0_usize);
        let first = manifest.terms_at(stem);
        for file in manifest.terms.iter().skip(first) {
            if !file.first.starts_with(stem) && *file.first > *stem {
                return;
            }
            // A file that is damaged has no terms.
            let Some(file) = files.terms(file.id) else { continue };
            let start = file.find(stem).unwrap_or_else(|after| after);
            for (at, entry) in (start..).zip(file.terms_from(start)) {
                let Some(ending) = entry.name.strip_prefix(stem) else { return };
                seen = seen.saturating_add(1);
                let is_longer = is_open && entry.name.starts_with(word);
                let is_form = has_forms
                    && ending.len() <= MAX_ENDING
                    && crate::stem::stem(entry.name) == stem;
                if entry.name != word && (is_longer || is_form) {
                    self.push(MatchedTerm { file: Arc::clone(&file), at, is_exact: false });
                    taken = taken.saturating_add(1);
                }
                if seen >= MAX_SEEN || taken >= MAX_TERMS {
                    return;
                }
            }
        }
    }

    fn push(&mut self, term: MatchedTerm) {
        if let Some(entry) = term.entry() {
            let count = usize::try_from(entry.text_count).unwrap_or(usize::MAX);
            // Counted, as the size goes by the numbers of documentations.
            let titles = PostingReader::new(entry.titles, PostingKind::Title).count();
            let count = count.saturating_add(titles);
            self.weight = self.weight.saturating_add(count);
            self.terms.push(term);
        }
    }

    /// The records that have the word, in order, of the documentations that are allowed. `with_texts` is false to look at
    /// titles alone.
    pub fn records(
        &self,
        files: &IndexReader,
        allowed: &[bool],
        with_texts: bool,
    ) -> Vec<(RecordKey, WordScore)> {
        let mut records = Vec::new();
        let is_allowed = |key| is_allowed(allowed, key);
        let mut lists = 0_usize;
        for term in &self.terms {
            let Some(entry) = term.entry() else { continue };
            let before = records.len();
            let titles = PostingReader::new(entry.titles, PostingKind::Title);
            let titles = titles.map(|(key, class)| (key, term.score(Some(class))));
            records.extend(titles.filter(|(key, _)| is_allowed(*key)));
            if records.len() > before {
                lists = lists.saturating_add(1);
            }
            if with_texts {
                let before = records.len();
                let score = term.score(None);
                each_text(
                    files,
                    entry,
                    |_, _| true,
                    |postings| {
                        let keys = postings.map(|(key, _)| (key, score));
                        records.extend(keys.filter(|(key, _)| is_allowed(*key)));
                    },
                );
                if records.len() > before {
                    lists = lists.saturating_add(1);
                }
            }
        }
        if lists > 1 {
            // The best score of a record comes first.
            records.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
            records.dedup_by_key(|one| one.0);
        }
        records
    }

    /// How well each of these records, which are in order, has the word.
    pub fn scores(&self, files: &IndexReader, keys: &[RecordKey]) -> Vec<WordScore> {
        let mut scores = vec![0; keys.len()];
        let mut raise = |postings: PostingReader<'_>, score: &dyn Fn(u8) -> WordScore| {
            let mut at = 0_usize;
            for (key, class) in postings {
                while keys.get(at).is_some_and(|one| *one < key) {
                    at = at.saturating_add(1);
                }
                match (keys.get(at), scores.get_mut(at)) {
                    (Some(one), Some(best)) => {
                        if *one == key {
                            *best = (*best).max(score(class));
                        }
                    }
                    _ => return,
                }
            }
        };
        for term in &self.terms {
            let Some(entry) = term.entry() else { continue };
            raise(PostingReader::new(entry.titles, PostingKind::Title), &|class| {
                term.score(Some(class))
            });
            let has_records = |first, next| {
                let at = keys.partition_point(|key| docs_of(*key) < first);
                keys.get(at).is_some_and(|key| docs_of(*key) < next)
            };
            each_text(files, entry, has_records, |postings| raise(postings, &|_| term.score(None)));
        }
        scores
    }
}

impl MatchedTerm {
    fn entry(&self) -> Option<ReadTerm<'_>> {
        self.file.term(self.at)
    }

    /// How well it stands for a record, by its class in the title; `None` is in the text.
    fn score(&self, class: Option<u8>) -> WordScore {
        // A word in a title counts thrice; the last part of a name, and a word by itself, a bit more.
        match (class, self.is_exact) {
            (None, false) => 1,
            (None, true) => 2,
            (Some(0), false) => 3,
            (Some(_), false) => 4,
            (Some(0), true) => 6,
            (Some(WHOLE_TITLE), true) => IS_TITLE,
            (Some(_), true) => IN_TITLE,
        }
    }
}

/// Whether a record is of a documentation that is allowed.
fn is_allowed(allowed: &[bool], key: RecordKey) -> bool {
    usize::try_from(docs_of(key)).ok().and_then(|at| allowed.get(at)).copied().unwrap_or(false)
}

/// Calls a function with the postings of a term in texts: all, or those of the blocks that are wanted. A block has the
/// documentations from the first number on, and before the next.
fn each_text(
    files: &IndexReader,
    entry: ReadTerm<'_>,
    is_wanted: impl Fn(u32, u32) -> bool,
    mut call: impl FnMut(PostingReader<'_>),
) {
    match entry.texts {
        ReadTexts::Inline(bytes) => call(PostingReader::new(bytes, PostingKind::Text)),
        ReadTexts::Blocks(bytes) => {
            let blocks = blocks(bytes);
            let nexts = blocks.clone().skip(1).map(|block| block.first).chain([u32::MAX]);
            for (block, next) in blocks.zip(nexts) {
                if !is_wanted(block.first, next) {
                    continue;
                }
                let raw = files.postings(block.id);
                let postings = raw.as_ref().and_then(|raw| decode_block(entry.name, raw));
                if let Some(postings) = postings {
                    call(PostingReader::new(postings, PostingKind::Text));
                }
            }
        }
    }
}
