//! The log of the server on standard error, with control characters and invisible ones escaped.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use hexreg::printable::{self, is_hidden};
use hexreg::serve::audit;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins to write the log: messages of at least this level, for people or as JSON, and each line of the audit log as
/// JSON.
pub fn start(level: LevelFilter, is_json: bool) {
    let coloured = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    // If standard error is closed, the server goes on.
    let log = tracing_subscriber::fmt::layer().log_internal_errors(false).with_ansi(coloured);
    let log = log.with_writer(move || LogWriter { is_json });
    let log = if is_json { log.json().flatten_event(true).boxed() } else { log.boxed() };
    let is_other = filter_fn(|metadata| metadata.target() != audit::TARGET);
    let audit = tracing_subscriber::fmt::layer().log_internal_errors(false);
    let audit = audit.with_writer(|| LogWriter { is_json: true }).json().flatten_event(true);
    let is_audit = filter_fn(|metadata| metadata.target() == audit::TARGET);
    tracing_subscriber::registry()
        .with(log.with_filter(level).with_filter(is_other))
        .with(audit.with_filter(is_audit))
        .init();
}

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
