//! What a user searches for.

use std::fmt;

use super::condition::Condition;
use super::query_word::QueryWord;
use super::words::beginning;

/// How much of a query is read, in bytes.
const MAX_QUERY: usize = 400;

/// How many words and conditions are looked for. The rest is ignored.
const MAX_WORDS: usize = 8;

/// A query such as `http cache depends:plug license:mit`.
///
/// Packages match all words and all conditions. Words of sentences are ignored if there are others. Nothing is refused:
/// what is no condition is a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// All that was typed, in order: conditions as they were typed, and words by their position in `all_words`.
    parts: Vec<Part>,
    all_words: Vec<QueryWord>,
    /// The positions of words that a package must match.
    required: Vec<usize>,
    /// The positions of words that need not be matched.
    optional: Vec<usize>,
    conditions: Vec<Condition>,
    /// The words as a name.
    joined: String,
    /// Letters and digits of the words in lower case; empty if the words cannot be a name.
    squashed: String,
}

/// A part of a query, between blanks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Condition(String),
    Word(usize),
}

impl Query {
    /// Reads what was typed.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for token in tokens(beginning(text, MAX_QUERY)) {
            if query.parts.len() >= MAX_WORDS {
                break;
            }
            let keyed = token.split_once(':').filter(|(_, value)| !value.is_empty());
            let keyed = keyed.map(|(key, value)| (key.to_ascii_lowercase(), value));
            let condition = keyed.and_then(|(key, value)| Condition::parse(&key, value));
            if let Some(condition) = condition {
                query.conditions.push(condition);
                query.parts.push(Part::Condition(token.to_owned()));
            } else if let Some(word) = QueryWord::parse(token) {
                query.parts.push(Part::Word(query.all_words.len()));
                query.all_words.push(word);
            }
        }
        query.choose_required();
        let typed: Vec<&str> = query.all_words.iter().map(|word| word.typed.as_str()).collect();
        query.joined = typed.join("_").replace('-', "_");
        let could_be_name = typed.iter().all(|word| word.is_ascii());
        if could_be_name {
            let letters = query.joined.chars().filter(char::is_ascii_alphanumeric);
            query.squashed = letters.map(|c| c.to_ascii_lowercase()).collect();
        }
        query
    }

    fn choose_required(&mut self) {
        let all = || 0..self.all_words.len();
        let is = |at: usize, test: fn(&QueryWord) -> bool| self.all_words.get(at).is_some_and(test);
        let telling: Vec<usize> = all().filter(|at| !is(*at, QueryWord::is_stop_word)).collect();
        let (fillers, wanted): (Vec<usize>, Vec<usize>) =
            telling.iter().partition(|at| is(**at, QueryWord::is_filler));
        (self.required, self.optional) = match (telling.is_empty(), wanted.is_empty()) {
            (true, _) => (all().collect(), Vec::new()),
            (false, true) => (telling, Vec::new()),
            (false, false) => (wanted, fillers),
        };
    }

    /// Whether it asks for nothing in particular, so that every package is found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The words that a package must match. The flag says whether it is the last one, which may not be typed to its end.
    pub(super) fn required(&self) -> impl Iterator<Item = (usize, &QueryWord, bool)> {
        let last = self.all_words.len().checked_sub(1);
        let words = self.required.iter().filter_map(|at| Some((*at, self.all_words.get(*at)?)));
        words.map(move |(at, word)| (at, word, Some(at) == last))
    }

    /// The words that a package need not match.
    pub(super) fn optional(&self) -> impl Iterator<Item = &QueryWord> {
        self.optional.iter().filter_map(|at| self.all_words.get(*at))
    }

    pub(super) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// The words as a name, as they were typed.
    pub(super) fn joined(&self) -> &str {
        &self.joined
    }

    /// Letters and digits of the words.
    pub(super) fn squashed(&self) -> &str {
        &self.squashed
    }

    /// The query with other words at some positions.
    pub(super) fn with_words(&self, other: impl Fn(usize) -> Option<String>) -> String {
        let parts = self.parts.iter().filter_map(|part| match part {
            Part::Condition(typed) => Some(typed.clone()),
            Part::Word(at) => {
                other(*at).or_else(|| self.all_words.get(*at).map(|word| word.typed.clone()))
            }
        });
        parts.collect::<Vec<_>>().join(" ")
    }
}

/// As it was typed, without what is ignored.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_words(|_| None))
    }
}

/// The parts between blanks. A value in double quotes may have blanks.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let mut is_quoted = false;
        let end = rest.find(|c: char| {
            is_quoted ^= c == '"';
            c.is_whitespace() && !is_quoted
        });
        // A quote that is not closed is none.
        let end = end.or_else(|| is_quoted.then(|| rest.find(char::is_whitespace)).flatten());
        let (token, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = after;
        Some(token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn required(text: &str) -> Vec<String> {
        Query::parse(text).required().map(|(_, word, _)| word.typed.clone()).collect()
    }

    #[test]
    fn conditions_are_told_from_words() {
        let query = Query::parse("json name:Jas* depends:hexpm/plug license:\"apache 2\" foo:bar");
        assert_eq!(
            query.conditions(),
            [
                Condition::Name { text: "jas".to_owned(), begins: true, ends: false },
                Condition::DependsOn("plug".to_owned()),
                Condition::License("apache 2".to_owned()),
            ]
        );
        let words: Vec<&str> = query.required().map(|(_, word, _)| word.typed.as_str()).collect();
        assert_eq!(words, ["json", "foo:bar"]);
        assert_eq!(required("name: \"csv parser"), ["name:", "\"csv", "parser"]);
    }

    #[test]
    fn words_of_sentences_are_ignored_beside_others() {
        assert_eq!(required("which package parses CSV"), ["parses", "CSV"]);
        assert_eq!(required("elixir library"), ["elixir", "library"]);
        assert_eq!(required("the"), ["the"]);
        assert_eq!(required("for the library"), ["library"]);
        assert_eq!(Query::parse("csv library").optional().count(), 1);
    }

    #[test]
    fn a_query_is_bounded_and_may_be_empty() {
        assert!(Query::parse("").is_empty() && Query::parse(" \t\n --- ???").is_empty());
        assert_eq!(required(&"word ".repeat(1_000)).len(), MAX_WORDS);
        assert_eq!(required(&"x".repeat(100_000)).len(), 1);
        assert_eq!(Query::parse("HTTP-Cache x").squashed(), "httpcachex");
        assert_eq!(Query::parse("日本 csv").squashed(), "");
    }

    #[test]
    fn other_words_take_the_place_of_some() {
        let query = Query::parse("jsn depends:plug thing");
        let corrected = query.with_words(|at| (at == 0).then(|| "json".to_owned()));
        assert_eq!(corrected, "json depends:plug thing");
    }
}
