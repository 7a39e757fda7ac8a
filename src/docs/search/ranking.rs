//! The search: the records that have the words, and the best of them.

use std::cmp::Reverse;

use super::chunk::ShownRecord;
use super::hit::{DocsFound, DocsHit, DocsRank};
use super::index_reader::IndexReader;
use super::manifest::{DocsEntry, DocsId, IndexManifest};
use super::matches::{IN_TITLE, IS_TITLE, WordMatches};
use super::postings::{RecordKey, docs_of, record_of};
use super::query::{DocsQuery, QueryTerm, normal};

/// How many records are enough if the words are so common that to look at all texts would take long.
const ENOUGH: usize = 200;

/// Of how many records the titles are compared with a query of several words.
const COMPARED: usize = 64;

/// What is searched.
pub(super) struct Searchable<'a> {
    pub files: &'a IndexReader,
    pub manifest: &'a IndexManifest,
    /// The place of each documentation in the order by rank and name.
    pub order: &'a [u32],
}

/// The records that have all words, or else some of them.
struct FoundRecords {
    all: Vec<FoundRecord>,
    /// How many terms were searched for.
    terms: usize,
    has_some_words: bool,
    is_more: bool,
}

/// A record that has the words, or some of them.
#[derive(Clone, Copy, Debug)]
struct FoundRecord {
    key: RecordKey,
    words: u32,
    score: u32,
    is_title: bool,
    /// Whether each word is in the title.
    is_in_title: bool,
    /// The place of its documentation in the order.
    place: u32,
}

impl Searchable<'_> {
    /// The best `limit` records of a query, of the documentations that a filter lets through.
    pub fn search(
        &self,
        query: &DocsQuery,
        filter: &dyn Fn(&DocsId) -> bool,
        limit: usize,
    ) -> DocsFound {
        let docs = self.manifest.docs.iter();
        let allowed: Vec<bool> =
            docs.map(|entry| entry.as_ref().is_some_and(|entry| filter(&entry.id))).collect();
        let FoundRecords { all: mut candidates, terms, has_some_words, is_more } =
            self.candidates(query, &allowed);
        let total = candidates.len();
        Self::sort_best(&mut candidates, limit.max(COMPARED));
        if query.words.len() > 1 {
            self.compare_titles(&mut candidates, query);
        }
        let best = candidates.iter().take(limit);
        let hits = best.filter_map(|candidate| self.hit(candidate)).collect();
        DocsFound { hits, total, terms, has_some_words, is_more }
    }

    /// The records that have all words, or else some of them.
    fn candidates(&self, query: &DocsQuery, allowed: &[bool]) -> FoundRecords {
        let matches = |word: &QueryTerm| WordMatches::of(self.files, self.manifest, word);
        let mut words = Vec::new();
        let mut is_whole = false;
        for word in &query.words {
            let found = matches(word);
            if found.is_empty() && !word.parts.is_empty() {
                words.extend(word.clone().into_parts().iter().map(matches));
            } else {
                is_whole |= !word.parts.is_empty();
                words.push(found);
            }
        }
        let (all, is_more) = self.with_all(&words, allowed);
        if !all.is_empty() || words.is_empty() {
            return FoundRecords { all, terms: words.len(), has_some_words: false, is_more };
        }
        if is_whole {
            words.clear();
            for word in &query.words {
                let parts = word.clone().into_parts();
                if parts.is_empty() {
                    words.push(matches(word));
                }
                words.extend(parts.iter().map(matches));
            }
            let (all, is_more) = self.with_all(&words, allowed);
            if !all.is_empty() {
                return FoundRecords { all, terms: words.len(), has_some_words: false, is_more };
            }
        }
        FoundRecords {
            all: self.with_some(&words, allowed),
            terms: words.len(),
            has_some_words: words.len() > 1,
            is_more: false,
        }
    }

    /// The records that have all words.
    fn with_all(&self, words: &[WordMatches], allowed: &[bool]) -> (Vec<FoundRecord>, bool) {
        let mut rarest: Vec<&WordMatches> = words.iter().collect();
        rarest.sort_by_key(|word| word.weight);
        if rarest.first().is_some_and(|word| word.is_common()) {
            let in_titles = self.joined(&rarest, allowed, false);
            if in_titles.len() >= ENOUGH {
                return (in_titles, true);
            }
        }
        (self.joined(&rarest, allowed, true), false)
    }

    fn joined(
        &self,
        words: &[&WordMatches],
        allowed: &[bool],
        with_texts: bool,
    ) -> Vec<FoundRecord> {
        let Some((first, others)) = words.split_first() else { return Vec::new() };
        let records = first.records(self.files, allowed, with_texts).into_iter();
        let is_only = others.is_empty();
        let mut candidates: Vec<FoundRecord> =
            records.map(|(key, score)| self.candidate(key, score, is_only)).collect();
        for word in others {
            let keys: Vec<RecordKey> = candidates.iter().map(|one| one.key).collect();
            let mut scores = word.scores(self.files, &keys).into_iter();
            candidates.retain_mut(|candidate| {
                let score = scores.next().unwrap_or(0);
                candidate.add(score);
                score > 0
            });
        }
        candidates
    }

    /// The records that have some words. Those that have very common ones in their texts alone are left out.
    fn with_some(&self, words: &[WordMatches], allowed: &[bool]) -> Vec<FoundRecord> {
        let mut all: Vec<FoundRecord> = Vec::new();
        for word in words {
            let records = word.records(self.files, allowed, !word.is_common());
            all.extend(records.into_iter().map(|(key, score)| self.candidate(key, score, false)));
        }
        all.sort_by_key(|one| one.key);
        all.dedup_by(|next, first| {
            let is_same = next.key == first.key;
            if is_same {
                first.words = first.words.saturating_add(1);
                first.score = first.score.saturating_add(next.score);
            }
            is_same
        });
        for candidate in &mut all {
            candidate.is_in_title = false;
        }
        all
    }

    fn candidate(&self, key: RecordKey, score: u8, is_only_word: bool) -> FoundRecord {
        let at = usize::try_from(docs_of(key)).unwrap_or(usize::MAX);
        FoundRecord {
            key,
            words: 1,
            score: u32::from(score.min(IN_TITLE)),
            is_title: is_only_word && score == IS_TITLE,
            is_in_title: score >= IN_TITLE,
            place: self.order.get(at).copied().unwrap_or(u32::MAX),
        }
    }

    /// Keeps the best ones, in order.
    fn sort_best(candidates: &mut Vec<FoundRecord>, count: usize) {
        if candidates.len() > count && count > 0 {
            let last = count.saturating_sub(1);
            candidates.select_nth_unstable_by(last, |a, b| a.order().cmp(&b.order()));
            candidates.truncate(count);
        }
        candidates.sort_unstable_by_key(FoundRecord::order);
    }

    /// Puts those first whose title is what was searched for.
    fn compare_titles(&self, candidates: &mut [FoundRecord], query: &DocsQuery) {
        for candidate in candidates.iter_mut().take(COMPARED).filter(|one| one.is_in_title) {
            let title = self.shown(candidate.key).map(|(record, _)| normal(&record.title));
            candidate.is_title = title.is_some_and(|title| title == query.text);
        }
        candidates.sort_by_key(FoundRecord::order);
    }

    fn hit(&self, candidate: &FoundRecord) -> Option<DocsHit> {
        let (record, docs) = self.shown(candidate.key)?;
        let ShownRecord { kind, title, module, place, snippet } = record;
        let rank = DocsRank {
            words: candidate.words,
            is_title: candidate.is_title,
            score: candidate.score,
            docs: docs.rank,
            name: Reverse((docs.id.clone(), record_of(candidate.key))),
        };
        Some(DocsHit { docs: docs.id.clone(), kind, title, module, place, snippet, rank })
    }

    /// A record and its documentation; `None` if its file is damaged.
    fn shown(&self, key: RecordKey) -> Option<(ShownRecord, &DocsEntry)> {
        let docs = self.manifest.docs(docs_of(key))?;
        let mut number = record_of(key);
        for (file, count) in &docs.parts {
            let Some(rest) = number.checked_sub(*count) else {
                let id = *self.manifest.records.get(usize::try_from(*file).ok()?)?.as_ref()?;
                let record = self.files.records(id)?.record(docs_of(key), record_of(key))?;
                return Some((record, docs));
            };
            number = rest;
        }
        None
    }
}

impl FoundRecord {
    fn add(&mut self, score: u8) {
        self.words = self.words.saturating_add(1);
        self.score = self.score.saturating_add(u32::from(score.min(IN_TITLE)));
        self.is_in_title &= score >= IN_TITLE;
    }

    /// The best is the least.
    fn order(&self) -> impl Ord + use<> {
        let best = (Reverse(self.words), Reverse(self.is_title), Reverse(self.score));
        (best, self.place, record_of(self.key))
    }
}
