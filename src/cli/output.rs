//! Results on standard output, and warnings and hints on standard error. `anstream` handles `NO_COLOR` and terminals.

use std::io::{self, Write};

use hexreg::printable::{self, Printable};
use serde::Serialize;

use super::failure::Failure;
use super::stderr::{self, HINT, WARNING};

/// Prints a line on standard output.
pub fn line(text: &str) -> Result<(), Failure> {
    written(writeln!(anstream::stdout(), "{}", Printable(text)))
}

/// Prints bytes for another program, unchanged.
pub fn raw(text: &[u8]) -> Result<(), Failure> {
    written(io::stdout().write_all(text))
}

/// Prints one JSON value on a line. Characters that a terminal interprets or a reader does not see are escaped.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| Failure::environment(format!("no JSON: {error}")))?;
    written(writeln!(io::stdout(), "{}", printable::json(&text)))
}

/// Prints a warning on standard error.
pub fn warning(text: &str) {
    stderr::write(&format!("{WARNING}warning:{WARNING:#} {}\n", Printable(text)));
}

/// Prints a hint on standard error.
pub fn hint(text: &str) {
    stderr::write(&format!("{HINT}hint:{HINT:#} {}\n", Printable(text)));
}

/// The result of writing. A closed pipe is no failure: its reader, such as `head`, needs no more.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::environment(format!("could not write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// A number and a noun, such as `1,902 releases`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// A number with separators, such as `1,902`.
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
