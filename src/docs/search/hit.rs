//! What a search finds.

use std::cmp::Reverse;

use super::manifest::DocsId;

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocsHit {
    /// The documentation that it is of.
    pub docs: DocsId,
    /// What it is, as its documentation says: `module`, `function`, …
    pub kind: String,
    /// Its name, as in `Enum.map/2`, or the heading.
    pub title: String,
    /// The module that it is of; empty if there is none.
    pub module: String,
    /// Where it is below the documentation, as in `Enum.html#map/2`.
    pub place: String,
    /// The beginning of its text.
    pub snippet: String,
    /// How it compares with others, of other indexes too.
    pub rank: DocsRank,
}

/// The order of what is found: the greatest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocsRank {
    /// How many words it has.
    pub words: u32,
    /// Whether its title is what was searched for.
    pub is_title: bool,
    /// How well its words match.
    pub score: u32,
    /// The rank of its documentation.
    pub docs: u32,
    /// The name of its documentation, and the number of the record there.
    pub name: Reverse<(DocsId, u32)>,
}

/// What a search finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocsFound {
    /// The best ones, in order.
    pub hits: Vec<DocsHit>,
    /// How many there are.
    pub total: usize,
    /// How many terms were searched for. A word counts as its parts if no record has it as a whole.
    pub terms: usize,
    /// Whether no record has all words, and these have some of them.
    pub has_some_words: bool,
    /// Whether there are more than `total`: very common words are not counted to the end.
    pub is_more: bool,
}
