//! What is printed when things go well. `NO_COLOR` and terminals are anstream's to know.

use std::io::{self, Write};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use hexreg::printable::{self, Printable};
use serde::Serialize;

use super::failure::Failure;

pub const ERROR: Style = AnsiColor::Red.on_default().bold();
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// A line on standard output.
pub fn line(text: &str) -> Result<(), Failure> {
    written(writeln!(anstream::stdout(), "{}", Printable(text)))
}

/// Text for another program to read, as it is.
pub fn raw(text: &[u8]) -> Result<(), Failure> {
    written(io::stdout().write_all(text))
}

/// One JSON value, and nothing else; what a terminal obeys or a reader does not see is escaped in it.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| Failure::environment(format!("no JSON: {error}")))?;
    written(writeln!(io::stdout(), "{}", printable::json(&text)))
}

/// A line on standard error.
pub fn warning(text: &str) {
    errors(&format!("{WARNING}warning:{WARNING:#} {}\n", Printable(text)));
}

/// What to do, on standard error.
pub fn hint(text: &str) {
    errors(&format!("{HINT}hint:{HINT:#} {}\n", Printable(text)));
}

/// Text on standard error at once, for nothing gathers what is written there: written piece by piece,
/// two programs' messages would run into each other. Where that is closed or full, there is nowhere
/// left to say so.
pub fn errors(text: &str) {
    let _ = match AutoStream::choice(&io::stderr()) {
        // The stream that takes colours away writes what is left piece by piece.
        ColorChoice::Never => io::stderr().write_all(strip_str(text).to_string().as_bytes()),
        _ => anstream::stderr().write_all(text.as_bytes()),
    };
}

/// Whoever closed the pipe has read enough.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::environment(format!("could not write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// `1,902 releases`; the noun gets its `s`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// `1,902`
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().saturating_sub(index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_counted() {
        assert_eq!(count(0, "release"), "0 releases");
        assert_eq!(count(1, "release"), "1 release");
        assert_eq!(count(999, "release"), "999 releases");
        assert_eq!(count(1902, "release"), "1,902 releases");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
