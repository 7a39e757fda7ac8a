//! Source as HTML, with classes for its words.
//!
//! This is no grammar: comments, strings and words are told apart, by a table of languages. Libraries with grammars match
//! regular expressions that can be made to backtrack for seconds on one line, and keep tens of megabytes for each
//! language that they have shown. This takes time that grows with the source, and the same source has the same HTML.

mod languages;
mod scan;

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::printable::is_hidden;
use scan::Class;

/// In bytes: the largest source that is highlighted.
const MAX_SOURCE: usize = 256 << 10;

/// The most pieces that have a class. What follows is plain.
const MAX_SPANS: usize = 50_000;

/// How many hidden characters are shown as escapes. What follows is shown as U+FFFD.
const MAX_ESCAPES: usize = 1_000;

/// The HTML of source: of a file, by its path, or of a language, by its name.
///
/// It has `<span class="hl-…">` around keywords (`k`), strings (`s`), comments (`c`), numbers (`n`), atoms, constants and
/// keys (`a`), functions (`f`), types and modules (`t`), and hidden characters (`h`), which are shown as `\u{202e}`. No
/// span goes on after a line feed, so each line is HTML of its own. Source over 256 KiB, or in another language, is
/// escaped.
#[must_use]
pub fn highlight(path_or_language: &str, text: &str) -> String {
    let text = if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    };
    let mut html =
        Html { out: String::with_capacity(text.len().saturating_mul(2)), spans: 0, escapes: 0 };
    match languages::language(path_or_language).filter(|_| text.len() <= MAX_SOURCE) {
        Some(language) => scan::scan(language, &text, &mut |class, piece| html.piece(class, piece)),
        None => html.text(&text),
    }
    html.out
}

/// Whether files with this path, or a language of this name, are highlighted.
#[must_use]
pub fn is_highlighted(path_or_language: &str) -> bool {
    languages::language(path_or_language).is_some()
}

struct Html {
    out: String,
    spans: usize,
    escapes: usize,
}

impl Html {
    fn piece(&mut self, class: Class, piece: &str) {
        let Some(letter) = letter(class) else { return self.text(piece) };
        for line in piece.split_inclusive('\n') {
            let text = line.strip_suffix('\n').unwrap_or(line);
            self.spans = self.spans.saturating_add(1);
            if text.trim().is_empty() || self.spans > MAX_SPANS {
                self.text(text);
            } else {
                self.out.push_str("<span class=\"hl-");
                self.out.push(letter);
                self.out.push_str("\">");
                self.text(text);
                self.out.push_str("</span>");
            }
            if line.ends_with('\n') {
                self.out.push('\n');
            }
        }
    }

    fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                // Joiners belong to emoji and to several scripts.
                '\n' | '\t' | '\u{200C}' | '\u{200D}' => self.out.push(character),
                hidden if is_hidden(hidden) => {
                    self.escapes = self.escapes.saturating_add(1);
                    if self.escapes > MAX_ESCAPES {
                        self.out.push('\u{FFFD}');
                    } else {
                        let escape = hidden.escape_unicode();
                        // Writing to a `String` does not fail.
                        let _ = write!(self.out, "<span class=\"hl-h\">{escape}</span>");
                    }
                }
                plain => self.out.push(plain),
            }
        }
    }
}

fn letter(class: Class) -> Option<char> {
    match class {
        Class::Plain => None,
        Class::Keyword => Some('k'),
        Class::String => Some('s'),
        Class::Comment => Some('c'),
        Class::Number => Some('n'),
        Class::Atom => Some('a'),
        Class::Function => Some('f'),
        Class::Type => Some('t'),
    }
}

#[cfg(test)]
mod tests;
