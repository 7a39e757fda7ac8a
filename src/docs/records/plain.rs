//! Markdown and HTML as plain text, for words and snippets.
//!
//! One pass and no parser: it takes time in proportion to the text, however it is nested. It need not tell code from text,
//! since words of both are searched for.

/// How long a tag of HTML is at most, in bytes. What is longer is text.
const MAX_TAG: usize = 400;

/// How long the target of a link is at most, in bytes.
const MAX_TARGET: usize = 600;

/// The text without tags, entities, marks of Markdown and targets of links; blanks are joined.
#[must_use]
pub fn plain_text_of(text: &str) -> String {
    let mut plain = Plain { text: String::with_capacity(text.len()), is_blank: true };
    let mut rest = text;
    let mut begins_line = true;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let began_line = begins_line;
        begins_line = c == '\n' || (begins_line && c.is_whitespace());
        rest = match c {
            '<' => match tag(after) {
                Some(end) => {
                    plain.blank();
                    end
                }
                None => plain.push(c, after),
            },
            '&' => match entity(after) {
                Some((character, end)) => plain.push(character, end),
                None => plain.push(c, after),
            },
            // The target of a link or an image.
            ']' if after.starts_with('(') => match target(after) {
                Some(end) => end,
                None => after,
            },
            '[' | ']' | '*' | '`' => after,
            '#' | '>' | '|' if began_line => {
                begins_line = true;
                after
            }
            // Attributes that ExDoc reads: `{: .warning}`.
            '{' if began_line && after.starts_with(':') => {
                after.find('\n').and_then(|end| after.get(end..)).unwrap_or_default()
            }
            _ => plain.push(c, after),
        };
    }
    let end = plain.text.trim_end().len();
    plain.text.truncate(end);
    plain.text
}

/// The beginning of a text, of at most so many bytes.
pub(super) fn beginning(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// What is written.
struct Plain {
    text: String,
    /// Whether it ends in a blank, or is empty.
    is_blank: bool,
}

impl Plain {
    /// Adds a character, and returns what is read after it.
    fn push<'a>(&mut self, c: char, after: &'a str) -> &'a str {
        if c.is_whitespace() || crate::printable::is_hidden(c) {
            self.blank();
        } else {
            self.text.push(c);
            self.is_blank = false;
        }
        after
    }

    fn blank(&mut self) {
        if !self.is_blank {
            self.text.push(' ');
            self.is_blank = true;
        }
    }
}

/// What follows a tag or a comment, whose `<` was read.
fn tag(after: &str) -> Option<&str> {
    let begins = after.strip_prefix('/').unwrap_or(after);
    if !begins.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!') {
        return None;
    }
    let window = beginning(after, MAX_TAG);
    let end = window.find('>')?;
    after.get(end.saturating_add(1)..)
}

/// The character of an entity whose `&` was read, and what follows.
fn entity(after: &str) -> Option<(char, &str)> {
    let end = beginning(after, 10).find(';')?;
    let name = after.get(..end)?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(number)?
        }
    };
    Some((character, after.get(end.saturating_add(1)..)?))
}

/// What follows the target of a link, which begins with `(`.
fn target(after: &str) -> Option<&str> {
    let window = beginning(after, MAX_TARGET);
    let end = memchr::memchr2(b')', b'\n', window.as_bytes())?;
    window.get(end..)?.starts_with(')').then_some(())?;
    after.get(end.saturating_add(1)..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work_time::timed;

    #[test]
    fn markdown_is_read_as_words() {
        let text = "# Title\n\nSee [`Enum.map/2`](https://a.b/c?d) *now*.\n\n> quoted\n{: .warning}\n\n    a < b\n";
        assert_eq!(plain_text_of(text), "Title See Enum.map/2 now. quoted a < b");
        assert_eq!(plain_text_of("![logo](a.png) x_y __z__"), "!logo x_y __z__");
        assert_eq!(plain_text_of("a ](b\nc)"), "a (b c)");
    }

    #[test]
    fn html_is_read_as_words() {
        let html = "<p class=\"x\">fn(a) -&gt; b&#39;s &amp;amp; <code>c</code></p><!-- no -->d&unknown; &";
        assert_eq!(plain_text_of(html), "fn(a) -> b's &amp; c d&unknown; &");
    }

    #[test]
    fn any_text_is_read_in_time() {
        for part in ["<", "<a", "[", "](", "&#", "> ", "{:", "\u{202e}", "<!--"] {
            let text = part.repeat(200_000);
            let (plain, took) = timed(|| plain_text_of(&text));
            assert!(plain.len() <= text.len());
            assert!(took.as_secs() < 5, "{part}: {took:?}");
        }
    }
}
