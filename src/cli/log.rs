//! The log of the server on standard error, with control characters and invisible ones escaped.

use std::fmt::Write as _;
use std::io::{self, Write};

use hexreg::printable::{self, is_hidden};

/// Writes each line of the log. Others choose parts of it: names of users, paths, answers of programs.
pub struct LogWriter {
    /// Whether a line is a JSON object.
    pub is_json: bool,
}

impl Write for LogWriter {
    /// Writes a line in one call, as other programs write to standard error too.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let shown = if self.is_json { printable::json(&text) } else { text_line(&text).into() };
        io::stderr().write_all(shown.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A line for people. The escape characters are the log's own colours: it escapes those in logged values.
fn text_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) && !"\u{1b}\t\n".contains(character) {
            // Writing into memory cannot fail.
            let _ = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_colours_and_its_end() {
        let line = "\u{1b}[32mINFO\u{1b}[0m visitor=\"an\u{202e}n\u{9b}\"\n";
        let expected = "\u{1b}[32mINFO\u{1b}[0m visitor=\"an\\u{202e}n\\u{9b}\"\n";
        assert_eq!(text_line(line), expected);
    }
}
