//! One word of a query, with all that it may mean.

use super::definition::Definition;
use super::stop_words::{is_filler, is_stop_word};
use super::words::{for_each_identifier_piece, pieces};

/// How many pieces of a word are looked for. Each takes a look at all names and words.
const MAX_PIECES: usize = 8;

/// What was typed without a blank, such as `csv`, `http_cache`, `NimbleCSV` or `Foo.Bar.baz/2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueryWord {
    /// As it was typed.
    pub typed: String,
    /// As one word in lower case; empty if it cannot be one.
    pub whole: String,
    /// What has to be found if the whole is not. Empty if the whole has no parts.
    pub pieces: Vec<String>,
    /// The module or function, if it looks like one.
    pub definition: Option<Definition>,
}

impl QueryWord {
    /// Reads a word; `None` if it has neither letters nor digits.
    pub(super) fn parse(typed: &str) -> Option<Self> {
        let plain = pieces(typed);
        let whole = match &plain[..] {
            [] => return None,
            [one] => one.clone(),
            _ => {
                let joined = typed.to_ascii_lowercase().replace('-', "_");
                let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                if joined.bytes().all(is_name) { joined } else { String::new() }
            }
        };
        let mut parts = Vec::new();
        for_each_identifier_piece(typed, |piece| parts.push(piece.to_owned()));
        if parts.len() < 2 {
            parts.clear();
        }
        parts.truncate(MAX_PIECES);
        let definition = Definition::parse(typed).filter(Definition::is_specific);
        Some(Self { typed: typed.to_owned(), whole, pieces: parts, definition })
    }

    /// Whether it says nothing beside other words.
    pub(super) fn is_stop_word(&self) -> bool {
        is_stop_word(&self.whole)
    }

    /// Whether it says no more than that a package is wanted.
    pub(super) fn is_filler(&self) -> bool {
        is_filler(&self.whole)
    }
}
