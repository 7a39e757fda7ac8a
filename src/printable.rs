//! Escapes characters that a terminal interprets or a reader does not see.
//!
//! A file name, a retirement message or a response of an upstream may hold any character. Some move the cursor, set
//! colours or end a line. Some change the direction of writing, so that a text reads as another one. Some have no width,
//! so that two texts look the same.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Whether a character is interpreted or invisible: control characters (C0 and C1), marks of direction, separators of
/// lines and paragraphs, and characters without width.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{AD}'
                | '\u{34F}'
                | '\u{61C}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{17B4}'
                | '\u{17B5}'
                | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{3164}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF0}'..='\u{FFFB}'
                | '\u{1BCA0}'..='\u{1BCA3}'
                | '\u{1D173}'..='\u{1D17A}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// The first character that a text of one line must not have, if others read it: a [hidden](is_hidden) one, unless it
/// joins or separates letters (U+200C, U+200D). Emoji and some scripts are written with these two.
#[must_use]
pub fn unsafe_in_line(text: &str) -> Option<char> {
    text.chars().find(|character| is_unsafe(*character))
}

/// As [`unsafe_in_line`], of a text that may have several lines and tabs.
#[must_use]
pub fn unsafe_in_lines(text: &str) -> Option<char> {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        // Alone, a carriage return lets a terminal write over the beginning of the line.
        let is_break = matches!(character, '\n' | '\t')
            || (character == '\r' && characters.peek() == Some(&'\n'));
        if is_unsafe(character) && !is_break {
            return Some(character);
        }
    }
    None
}

fn is_unsafe(character: char) -> bool {
    is_hidden(character) && !matches!(character, '\u{200C}' | '\u{200D}')
}

/// Text for people, with each [hidden](is_hidden) character escaped.
///
/// ```
/// use hexreg::printable::Printable;
///
/// assert_eq!(Printable("a\u{1b}[31m\u{202E}b").to_string(), "a\\u{1b}[31m\\u{202e}b");
/// ```
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            control if control.is_control() => write!(f, "{}", control.escape_default()),
            hidden if is_hidden(hidden) => write!(f, "{}", hidden.escape_unicode()),
            plain => f.write_char(plain),
        })
    }
}

/// The same JSON with each [hidden](is_hidden) character as `\uXXXX`. In JSON such characters occur only in strings; line
/// feeds and tabs between values are kept.
///
/// ```
/// use hexreg::printable::json;
///
/// assert_eq!(json("{\"a\":\"\u{202E}b\"}\n"), "{\"a\":\"\\u202eb\"}\n");
/// ```
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    let is_escaped = |character: char| is_hidden(character) && !"\t\n\r".contains(character);
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if !is_escaped(character) {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a `String` does not fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind: C0, DEL, C1, direction, separators, without width, and one beyond 16 bits.
    const HIDDEN: [char; 17] = [
        '\u{0}',
        '\u{1b}',
        '\u{7f}',
        '\u{9b}',
        '\u{ad}',
        '\u{61c}',
        '\u{200b}',
        '\u{200d}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{feff}',
        '\u{e0041}',
    ];

    #[test]
    fn hidden_characters_are_escaped_for_people() {
        for hidden in HIDDEN {
            let printed = Printable(&format!("a{hidden}b")).to_string();
            assert_eq!(printed, format!("a\\u{{{:x}}}b", u32::from(hidden)));
        }
        let printed = Printable("\r\n\té“ 日本 \u{1F600}").to_string();
        assert_eq!(printed, "\\r\\n\\té“ 日本 \u{1F600}");
    }

    #[test]
    fn text_of_others_has_no_hidden_characters_but_joiners() {
        let family = "\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467} \u{645}\u{6CC}\u{200C}\u{62E}";
        for text in ["", "Greets — politely", family] {
            assert_eq!((unsafe_in_line(text), unsafe_in_lines(text)), (None, None), "{text}");
        }
        for hidden in HIDDEN.into_iter().filter(|hidden| *hidden != '\u{200d}') {
            let text = format!("a\n{hidden}");
            assert_eq!(unsafe_in_lines(&text), Some(hidden));
            assert_eq!(unsafe_in_line(&hidden.to_string()), Some(hidden));
        }
        for breaks in ["a\nb\n", "a\tb", "a\r\nb"] {
            assert_eq!(unsafe_in_lines(breaks), None, "{breaks:?}");
            assert!(unsafe_in_line(breaks).is_some(), "{breaks:?}");
        }
        for overwrites in ["good\rbad", "good\r", "\r\r\n"] {
            assert_eq!(unsafe_in_lines(overwrites), Some('\r'), "{overwrites:?}");
        }
    }

    #[test]
    fn escaped_json_has_the_same_value() {
        let value: String = HIDDEN.iter().chain(&['é', '日', '"', '\\', '\n']).collect();
        let text = serde_json::to_string(&value).unwrap() + "\n";
        let escaped = json(&text);
        assert!(!escaped.trim_end().contains(is_hidden), "{escaped}");
        assert!(escaped.contains("é日") && escaped.ends_with("\"\n"), "{escaped}");
        assert!(escaped.contains("\\udb40\\udc41"), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), value);
        assert!(matches!(json("{\"a\": \"é\"}\n"), Cow::Borrowed(_)));
    }
}
