//! Words that a query is not about.

/// Words of sentences, in the two languages that queries were seen in.
const STOP_WORDS: [&str; 58] = [
    "a",
    "about",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "by",
    "can",
    "das",
    "der",
    "die",
    "do",
    "does",
    "for",
    "from",
    "fuer",
    "fur",
    "get",
    "have",
    "how",
    "i",
    "in",
    "into",
    "is",
    "it",
    "like",
    "me",
    "mit",
    "my",
    "need",
    "of",
    "on",
    "or",
    "some",
    "something",
    "that",
    "the",
    "there",
    "this",
    "to",
    "und",
    "use",
    "using",
    "via",
    "want",
    "way",
    "what",
    "where",
    "which",
    "with",
    "within",
    "you",
    "your",
    "zu",
    "zum",
];

/// Words that say no more than that a package is wanted.
const FILLERS: [&str; 14] = [
    "app",
    "beam",
    "elixir",
    "erlang",
    "gleam",
    "hex",
    "lib",
    "libraries",
    "library",
    "module",
    "otp",
    "package",
    "packages",
    "paket",
];

/// Whether a word is left out of a query that has others.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Whether a package need not have the word if the query has others.
pub(super) fn is_filler(word: &str) -> bool {
    FILLERS.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
        assert!(FILLERS.is_sorted());
        assert!(is_stop_word("the") && is_filler("library") && !is_stop_word("csv"));
    }
}
