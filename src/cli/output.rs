//! What is printed when things go well. `NO_COLOR` and terminals are anstream's to know.

use std::io::{self, Write};

use hexreg::printable::{self, Printable};
use serde::Serialize;

use super::failure::Failure;
use super::stderr::{self, HINT, WARNING};

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
    stderr::write(&format!("{WARNING}warning:{WARNING:#} {}\n", Printable(text)));
}

/// What to do, on standard error.
pub fn hint(text: &str) {
    stderr::write(&format!("{HINT}hint:{HINT:#} {}\n", Printable(text)));
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
