//! What a user searches for.

use super::tokens::words_of_query;

/// How many words are searched for. The rest is ignored.
const MAX_WORDS: usize = 8;

/// In bytes: how much of a query is read.
const MAX_QUERY: usize = 400;

/// Words to search for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocsQuery {
    pub(super) words: Vec<QueryTerm>,
    /// The words as they were typed, with one blank between two, in lower case.
    pub(super) text: String,
}

/// A word, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueryTerm {
    pub whole: String,
    /// What is searched for where the whole is not found.
    pub parts: Vec<String>,
    /// Whether longer words that begin so are found too.
    pub is_open: bool,
}

impl DocsQuery {
    /// The words in what a user typed. The last one may be the beginning of a word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let end = (0..=MAX_QUERY.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        let text = end.and_then(|end| text.get(..end)).unwrap_or_default();
        let words = words_of_query(text);
        let last = words.len().saturating_sub(1);
        let words = words.into_iter().enumerate().map(|(at, (whole, parts))| QueryTerm {
            whole,
            parts,
            is_open: at == last,
        });
        Self { words: words.take(MAX_WORDS).collect(), text: normal(text) }
    }

    /// Whether there is no word to search for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

impl QueryTerm {
    /// Its parts as words of their own.
    pub fn into_parts(self) -> Vec<Self> {
        let last = self.parts.len().saturating_sub(1);
        let parts = self.parts.into_iter().enumerate();
        parts
            .map(|(at, whole)| Self {
                whole,
                parts: Vec::new(),
                is_open: self.is_open && at == last,
            })
            .collect()
    }
}

/// A text in lower case with single blanks.
pub(super) fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
