//! The words of a text, in any language.
//!
//! A word is a run of letters and digits, in lower case and without accents. Scripts that write no blanks between words
//! (Chinese, Japanese, Thai …) are cut into pairs of characters, as search engines do. The same is done to what a user
//! types, so the pieces meet. Code blocks count: an example shows what a package does. URLs do not.

use std::collections::HashSet;
use std::mem;

/// How much of a text is read, in bytes.
const MAX_TEXT: usize = 256 << 10;

/// How many distinct words a text has at most. The rest is ignored.
const MAX_WORDS: usize = 2_000;

/// The longest word, in bytes. Longer ones are digests and encoded data.
const MAX_WORD: usize = 48;

/// The longest word of digits alone.
const MAX_NUMBER: usize = 4;

/// What a character is to a word.
enum Letter {
    /// A part of it, as these lowercase letters.
    Plain(&'static str),
    /// A part of it, to be lowercased.
    Cased(char),
    /// A character of a script without blanks.
    Unspaced(char),
    /// Not seen: an accent, a mark of direction.
    Ignored,
    /// The end of it.
    Break,
}

/// The distinct words of a text, sorted. What is beyond the first 256 KiB or the first 2,000 words is ignored.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut words = HashSet::new();
    let mut rest = beginning(text, MAX_TEXT);
    while !rest.is_empty() && words.len() < MAX_WORDS {
        let (plain, url) = split_at_url(rest);
        for_each_piece(plain, |piece| {
            if words.len() < MAX_WORDS && is_worth_indexing(piece) && !words.contains(piece) {
                words.insert(piece.to_owned());
            }
        });
        let end = url.find(|c: char| c.is_whitespace() || "()<>\"'`[]|".contains(c));
        rest = end.and_then(|end| url.get(end..)).unwrap_or_default();
    }
    let mut words: Vec<String> = words.into_iter().collect();
    words.sort_unstable();
    words
}

/// Calls a function with each piece of a text, in order: each word, or each pair of characters in scripts without blanks.
pub(super) fn for_each_piece(text: &str, mut call: impl FnMut(&str)) {
    let mut word = String::new();
    // The last character of a script without blanks, and whether it was in a pair already.
    let mut unspaced: Option<(char, bool)> = None;
    for c in text.chars().chain([' ']) {
        let letter = letter(c);
        if !matches!(letter, Letter::Unspaced(_) | Letter::Ignored) {
            if let Some((single, false)) = unspaced.take() {
                call(single.encode_utf8(&mut [0; 4]));
            }
            unspaced = None;
        }
        if matches!(letter, Letter::Unspaced(_) | Letter::Break) && !word.is_empty() {
            call(&mem::take(&mut word));
        }
        match letter {
            Letter::Plain(letters) => word.push_str(letters),
            Letter::Cased(c) => {
                let lower = c.to_lowercase();
                word.extend(lower.filter(|c| !matches!(self::letter(*c), Letter::Ignored)));
            }
            Letter::Unspaced(c) => {
                if let Some((before, _)) = unspaced {
                    call(&String::from_iter([before, c]));
                }
                unspaced = Some((c, unspaced.is_some()));
            }
            Letter::Ignored | Letter::Break => {}
        }
    }
}

/// All pieces of a text, in order.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    for_each_piece(text, |piece| pieces.push(piece.to_owned()));
    pieces
}

/// The pieces of an identifier: split where case changes, too. `NimbleCSV` is `nimble` and `csv`, `HTTPClient` is `http`
/// and `client`.
pub(super) fn for_each_identifier_piece(identifier: &str, mut call: impl FnMut(&str)) {
    let mut start = 0;
    let mut before: Option<char> = None;
    let mut chars = identifier.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next_is_lower = chars.peek().is_some_and(|(_, next)| next.is_lowercase());
        let begins = before.is_some_and(|before| {
            c.is_uppercase() && (before.is_lowercase() || before.is_uppercase() && next_is_lower)
        });
        if begins {
            for_each_piece(identifier.get(start..at).unwrap_or_default(), &mut call);
            start = at;
        }
        before = Some(c);
    }
    for_each_piece(identifier.get(start..).unwrap_or_default(), call);
}

/// Whether a piece says anything, and is not the digits of a digest.
pub(super) fn is_worth_indexing(piece: &str) -> bool {
    let is_number = piece.bytes().all(|byte| byte.is_ascii_digit());
    piece.len() <= if is_number { MAX_NUMBER } else { MAX_WORD }
}

/// The beginning of a text, of at most so many bytes.
pub(super) fn beginning(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// What is before the first URL, and from there on.
fn split_at_url(text: &str) -> (&str, &str) {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("://")) {
        let at = from.saturating_add(found);
        let before = text.get(..at).unwrap_or_default();
        if let Some(scheme) = ["https", "http"].iter().find(|it| before.ends_with(**it)) {
            return text.split_at_checked(at.saturating_sub(scheme.len())).unwrap_or((text, ""));
        }
        from = at.saturating_add(3);
    }
    (text, "")
}

fn letter(c: char) -> Letter {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Letter::Cased(c),
        '\0'..='\x7f' if c != '\'' => Letter::Break,
        // Apostrophes, accents, and marks that are not seen.
        '\''
        | '\u{2019}'
        | '\u{ad}'
        | '\u{300}'..='\u{36f}'
        | '\u{5b0}'..='\u{5c7}'
        | '\u{640}'
        | '\u{64b}'..='\u{652}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => Letter::Ignored,
        'ß' | 'ẞ' => Letter::Plain("ss"),
        'æ' | 'Æ' => Letter::Plain("ae"),
        'œ' | 'Œ' => Letter::Plain("oe"),
        'þ' | 'Þ' => Letter::Plain("th"),
        'ς' => Letter::Plain("σ"),
        'ё' | 'Ё' => Letter::Plain("е"),
        'à'..='å' | 'À'..='Å' | 'ā' | 'Ā' | 'ă' | 'Ă' | 'ą' | 'Ą' => Letter::Plain("a"),
        'ç' | 'Ç' | 'ć' | 'Ć' | 'č' | 'Č' => Letter::Plain("c"),
        'ď' | 'Ď' | 'đ' | 'Đ' | 'ð' | 'Ð' => Letter::Plain("d"),
        'è'..='ë' | 'È'..='Ë' | 'ē' | 'Ē' | 'ę' | 'Ę' | 'ě' | 'Ě' => Letter::Plain("e"),
        'ğ' | 'Ğ' => Letter::Plain("g"),
        'ì'..='ï' | 'Ì'..='Ï' | 'ī' | 'Ī' | 'ı' | 'İ' => Letter::Plain("i"),
        'ł' | 'Ł' | 'ľ' | 'Ľ' => Letter::Plain("l"),
        'ñ' | 'Ñ' | 'ń' | 'Ń' | 'ň' | 'Ň' => Letter::Plain("n"),
        'ò'..='ö' | 'Ò'..='Ö' | 'ø' | 'Ø' | 'ō' | 'Ō' | 'ő' | 'Ő' => Letter::Plain("o"),
        'ř' | 'Ř' => Letter::Plain("r"),
        'ś' | 'Ś' | 'ş' | 'Ş' | 'š' | 'Š' | 'ș' | 'Ș' => Letter::Plain("s"),
        'ť' | 'Ť' | 'ț' | 'Ț' => Letter::Plain("t"),
        'ù'..='ü' | 'Ù'..='Ü' | 'ū' | 'Ū' | 'ů' | 'Ů' | 'ű' | 'Ű' => Letter::Plain("u"),
        'ý' | 'Ý' | 'ÿ' => Letter::Plain("y"),
        'ź' | 'Ź' | 'ż' | 'Ż' | 'ž' | 'Ž' => Letter::Plain("z"),
        // Letters and digits as wide as a Chinese character.
        '\u{ff01}'..='\u{ff5e}' => {
            let narrow = u32::from(c).checked_sub(0xfee0).and_then(char::from_u32);
            match narrow.filter(char::is_ascii_alphanumeric) {
                Some(narrow) => Letter::Cased(narrow),
                None => Letter::Break,
            }
        }
        _ if is_unspaced(c) => Letter::Unspaced(c),
        _ if c.is_alphanumeric() => Letter::Cased(c),
        _ => Letter::Break,
    }
}

/// Whether a character is of a script that has no blanks between words, or adds endings to them as Korean does.
fn is_unspaced(c: char) -> bool {
    match c {
        // Kana, and its mark of a long vowel.
        '\u{30fb}' => false,
        '\u{3005}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        // Han.
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}'
        // Hangul.
        | '\u{ac00}'..='\u{d7af}'
        // Thai, Lao, Burmese, Khmer.
        | '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{eff}' | '\u{1000}'..='\u{1049}'
        | '\u{1780}'..='\u{17d3}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lowercase_distinct_and_sorted() {
        assert_eq!(
            words("Parse CSV, parse it fast: `CSV.parse_string/2`"),
            ["2", "csv", "fast", "it", "parse", "string"]
        );
    }

    #[test]
    fn accents_and_marks_that_are_not_seen_do_not_matter() {
        assert_eq!(pieces("Übersetzung Straße Ångström"), ["ubersetzung", "strasse", "angstrom"]);
        assert_eq!(
            pieces("cafe\u{301} soft\u{ad}ware don't \u{202e}abc"),
            ["cafe", "software", "dont", "abc"]
        );
        assert_eq!(pieces("İstanbul ΛΌΓΟΣ"), ["istanbul", "λόγοσ"]);
    }

    #[test]
    fn scripts_without_blanks_are_cut_into_pairs() {
        assert_eq!(pieces("日本語のCSV、解析"), ["日本", "本語", "語の", "csv", "解析"]);
        assert_eq!(pieces("字 ファイル"), ["字", "ファ", "ァイ", "イル"]);
        assert_eq!(pieces("ＣＳＶ２"), ["csv2"]);
        assert_eq!(pieces("데이터"), ["데이", "이터"]);
    }

    #[test]
    fn identifiers_are_split_where_case_changes() {
        let split = |text| {
            let mut pieces = Vec::new();
            for_each_identifier_piece(text, |piece| pieces.push(piece.to_owned()));
            pieces
        };
        assert_eq!(split("NimbleCSV"), ["nimble", "csv"]);
        assert_eq!(split("HTTPClient.getAll_now"), ["http", "client", "get", "all", "now"]);
        assert_eq!(split("plain"), ["plain"]);
        assert_eq!(split(""), [""; 0]);
    }

    #[test]
    fn urls_and_digests_are_no_words() {
        let text = "[docs](https://img.shields.io/badge/hex.svg) of foo, see http://a.b/c next \
                    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 20240131 2024 x://y";
        assert_eq!(words(text), ["2024", "docs", "foo", "next", "of", "see", "x", "y"]);
    }

    #[test]
    fn a_text_is_bounded() {
        let many: Vec<String> = (0..5_000).map(|number| format!("w{number}")).collect();
        assert_eq!(words(&many.join(" ")).len(), MAX_WORDS);
        assert_eq!(words(&"x".repeat(16 << 20)), [""; 0]);
        assert_eq!(words(&"é ".repeat(MAX_TEXT)), ["e"]);
        let urls = "http://".repeat(100_000);
        assert_eq!(words(&urls), [""; 0]);
        assert!(words(&"ab://".repeat(100_000)).len() <= 2);
        assert_eq!(beginning("aé", 2), "a");
    }
}
