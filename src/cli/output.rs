//! What is printed when things go well. `NO_COLOR` and terminals are anstream's to know.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::failure::Failure;

pub const ERROR: Style = AnsiColor::Red.on_default().bold();
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// A line on standard output.
pub fn line(text: &str) -> Result<(), Failure> {
    written(writeln!(anstream::stdout(), "{text}"))
}

/// Text for another program to read, as it is.
pub fn raw(text: &[u8]) -> Result<(), Failure> {
    written(io::stdout().write_all(text))
}

/// One JSON value, and nothing else.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| Failure::environment(format!("no JSON: {error}")))?;
    written(writeln!(io::stdout(), "{text}"))
}

/// A line on standard error.
pub fn warning(text: &str) {
    anstream::eprintln!("{WARNING}warning:{WARNING:#} {text}");
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
        if index > 0 && (digits.len() - index) % 3 == 0 {
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
