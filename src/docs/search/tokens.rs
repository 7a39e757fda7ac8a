//! The terms under which a text is found, as `ExDoc`'s own search has them.
//!
//! `Mod.fun/2` is found as a whole, without its arity, by each part, and as `fun/2`; `parse_csv` and `utf-8` by their
//! pieces, and `NimbleCSV` too. `@spec` and `:atom` are found without their mark, and `valid?` without its `?`. There are no
//! stop words: `if`, `for` and `and` are functions.
//!
//! The script of a static site cuts what a user types in the same way: `templates/docs-search.js`.

/// The longest term, in bytes.
pub(super) const MAX_TERM: usize = 64;

/// The longest term of digits alone: longer ones are of digests and times.
const MAX_NUMBER: usize = 4;

/// Which part of a text a term is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TermPart {
    /// A word of a name: `parse` of `parse_csv`, `Plug` of `Plug.Conn`.
    Piece,
    /// The last part of a name with dots: `map` and `map/2` of `Enum.map/2`.
    Last,
    /// All between two blanks: `Enum.map/2`, and `Enum.map`.
    Whole,
}

/// Calls a function with each term of a text. A term may come several times.
pub(super) fn for_each_term(text: &str, mut call: impl FnMut(&str, TermPart)) {
    for_each_chunk(text, |chunk| terms_of_chunk(chunk, &mut call));
}

/// The pieces of a text between blanks and other punctuation than names have; no URLs.
pub(super) fn for_each_chunk<'a>(text: &'a str, mut call: impl FnMut(&'a str)) {
    for chunk in text.split(|c: char| !(c.is_alphanumeric() || "_-.:/@?!".contains(c))) {
        if chunk.len() > MAX_TERM.saturating_mul(4) || chunk.contains("://") {
            continue;
        }
        let chunk = chunk.trim_start_matches(['.', '-', '/', '?', '!']);
        let chunk = chunk.trim_end_matches(['.', '-', '/', ':', '@']);
        if chunk.contains(char::is_alphanumeric) || chunk.contains('_') {
            call(chunk);
        }
    }
}

fn terms_of_chunk(chunk: &str, call: &mut impl FnMut(&str, TermPart)) {
    let mut add = |text: &str, part: TermPart| {
        let lower = text.to_lowercase();
        if is_term(&lower) {
            call(&lower, part);
        }
    };
    add(chunk, TermPart::Whole);
    let unmarked = chunk.trim_start_matches(['@', ':']);
    if unmarked.len() < chunk.len() {
        add(unmarked, TermPart::Whole);
    }
    let (path, arity) = without_arity(unmarked);
    if arity.is_some() {
        add(path, TermPart::Whole);
    }
    let unasked = path.trim_end_matches(['?', '!']);
    if unasked.len() < path.len() {
        add(unasked, TermPart::Whole);
    }
    let last = path.rfind(['.', ':', '/']).map_or(0, |at| at.saturating_add(1));
    for part in path.split(['.', ':', '/']) {
        let is_last = part.as_ptr() == path.get(last..).unwrap_or_default().as_ptr();
        let kind = if is_last { TermPart::Last } else { TermPart::Piece };
        if part.len() < path.len() {
            add(part, kind);
            if let Some(arity) = arity.filter(|_| is_last) {
                add(&format!("{part}/{arity}"), TermPart::Last);
            }
            let unasked = part.trim_end_matches(['?', '!']);
            if unasked.len() < part.len() {
                add(unasked, kind);
            }
        }
        for_each_piece(part, |piece| add(piece, TermPart::Piece));
    }
}

/// The pieces of a name, if it has several: split at `_`, `-` and where case changes. Text of a script without blanks is
/// cut into pairs of characters.
fn for_each_piece(name: &str, mut call: impl FnMut(&str)) {
    for word in name.split(['_', '-', '?', '!', '@']) {
        if word.contains(is_unspaced) {
            let characters: Vec<char> = word.chars().collect();
            for pair in characters.windows(2) {
                call(&pair.iter().collect::<String>());
            }
            continue;
        }
        if word.len() < name.len() {
            call(word);
        }
        let mut start = 0;
        let mut before: Option<char> = None;
        let mut chars = word.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next_is_lower = chars.peek().is_some_and(|(_, next)| next.is_lowercase());
            let begins = before.is_some_and(|before| {
                c.is_uppercase()
                    && (before.is_lowercase() || before.is_uppercase() && next_is_lower)
            });
            if begins {
                call(word.get(start..at).unwrap_or_default());
                start = at;
            }
            before = Some(c);
        }
        if start > 0 {
            call(word.get(start..).unwrap_or_default());
        }
    }
}

/// A name and its arity: `Enum.map` and `2`.
pub(super) fn without_arity(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('/') {
        Some((path, arity))
            if !path.is_empty()
                && (1..=3).contains(&arity.len())
                && arity.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (path, Some(arity))
        }
        _ => (name, None),
    }
}

/// Whether a text is worth to be a term.
fn is_term(text: &str) -> bool {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    !text.is_empty() && text.len() <= if is_number { MAX_NUMBER } else { MAX_TERM }
}

/// Whether a character is of a script that has no blanks between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// What a user types as words to search for: each whole, and its parts for where the whole is not found.
pub(super) fn words_of_query(text: &str) -> Vec<(String, Vec<String>)> {
    let mut words = Vec::new();
    for_each_chunk(text, |chunk| {
        let whole = chunk.to_lowercase();
        let unmarked = chunk.trim_start_matches(['@', ':']);
        let (path, _) = without_arity(unmarked);
        let mut parts: Vec<String> = Vec::new();
        for part in path.split(['.', ':', '/', '_', '-', '?', '!', '@']) {
            let before = parts.len();
            for_each_piece(part, |piece| parts.push(piece.to_lowercase()));
            if parts.len() == before {
                parts.push(part.to_lowercase());
            }
        }
        parts.retain(|part| is_term(part));
        if parts.len() == 1 && parts.first() == Some(&whole) {
            parts.clear();
        }
        if is_term(&whole) || !parts.is_empty() {
            words.push((whole, parts));
        }
    });
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        for_each_term(text, |term, _| terms.push(term.to_owned()));
        terms.sort();
        terms.dedup();
        terms
    }

    #[test]
    fn a_function_is_found_by_each_part() {
        assert_eq!(
            terms("Plug.Conn.put_resp/2"),
            [
                "conn",
                "plug",
                "plug.conn.put_resp",
                "plug.conn.put_resp/2",
                "put",
                "put_resp",
                "put_resp/2",
                "resp"
            ]
        );
        assert_eq!(terms("NimbleCSV"), ["csv", "nimble", "nimblecsv"]);
        assert_eq!(terms("lists:map/2"), ["lists", "lists:map", "lists:map/2", "map", "map/2"]);
        assert_eq!(terms("gleam/list.map"), ["gleam", "gleam/list.map", "list", "map"]);
    }

    #[test]
    fn marks_are_kept_and_found_without() {
        assert_eq!(terms("@spec :ok"), [":ok", "@spec", "ok", "spec"]);
        assert_eq!(terms("Is it valid?"), ["is", "it", "valid", "valid?"]);
        assert_eq!(
            terms("Enum.empty?/1"),
            ["empty", "empty?", "empty?/1", "enum", "enum.empty", "enum.empty?", "enum.empty?/1"]
        );
        assert_eq!(terms("utf-8, (e.g.) x."), ["8", "e", "e.g", "g", "utf", "utf-8", "x"]);
        assert_eq!(terms("__MODULE__"), ["__module__", "module"]);
    }

    #[test]
    fn urls_and_digests_are_no_terms() {
        assert_eq!(
            terms("see https://a.b/c/d now 20240131 2024 :: .. // ?"),
            ["2024", "now", "see"]
        );
        assert_eq!(terms(&"x".repeat(1_000_000)), [""; 0]);
        assert_eq!(terms("日本語"), ["日本", "日本語", "本語"]);
    }

    #[test]
    fn words_of_a_query_have_their_parts() {
        let words = |text| words_of_query(text);
        let word = |whole: &str, parts: &[&str]| {
            (whole.to_owned(), parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(words("json"), [word("json", &[])]);
        assert_eq!(
            words("GenServer.call/2 x"),
            [word("genserver.call/2", &["gen", "server", "call"]), word("x", &[])]
        );
        assert_eq!(words("@doc valid?"), [word("@doc", &["doc"]), word("valid?", &["valid"])]);
        assert_eq!(words(" // . "), []);
    }

    #[test]
    fn parts_of_a_title_have_ranks() {
        let mut found = Vec::new();
        for_each_term("Enum.map/2", |term, part| found.push((term.to_owned(), part)));
        let expected = [
            ("enum.map/2", TermPart::Whole),
            ("enum.map", TermPart::Whole),
            ("enum", TermPart::Piece),
            ("map", TermPart::Last),
            ("map/2", TermPart::Last),
        ];
        assert_eq!(found, expected.map(|(term, part)| (term.to_owned(), part)));
    }
}
