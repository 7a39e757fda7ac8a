//! Texts of others, so that a terminal shows them and does not run them.
//!
//! A server refuses releases whose metadata has characters that a terminal interprets, but those of a build or a mirror
//! have what their authors wrote, and clients print it as it comes.

use serde_json::Value;

use crate::printable::{Printable, unsafe_in_line, unsafe_in_lines};

/// The key of the one text that may have several lines.
const DESCRIPTION: &str = "description";

/// The same view, with such characters as they are written in Elixir: `\u{1b}`.
pub(super) fn escaped(view: Value) -> Value {
    match view {
        Value::String(text) => Value::String(line(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(escaped).collect()),
        Value::Object(fields) => Value::Object(fields.into_iter().map(field).collect()),
        other => other,
    }
}

fn field((key, value): (String, Value)) -> (String, Value) {
    match value {
        Value::String(text) if key == DESCRIPTION => (key, Value::String(lines(text))),
        value => (line(key), escaped(value)),
    }
}

fn line(text: String) -> String {
    if unsafe_in_line(&text).is_some() { Printable(&text).to_string() } else { text }
}

fn lines(text: String) -> String {
    if unsafe_in_lines(&text).is_none() {
        return text;
    }
    let in_line = |part: &str| {
        let parts: Vec<_> = part.split('\t').map(|part| line(part.to_owned())).collect();
        parts.join("\t")
    };
    text.replace("\r\n", "\n").split('\n').map(in_line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_and_key_is_escaped() {
        let view = json!({
            "description": "a\n\tb",
            "list": ["a\u{1b}[31m", { "a\u{202e}": "a\nb" }, 1, null, "👩\u{200d}👧"],
            "meta": { "description": "a\u{1b}[31m\r\nb\u{1f}\tc\rd" },
        });
        let expected = json!({
            "description": "a\n\tb",
            "list": ["a\\u{1b}[31m", { "a\\u{202e}": "a\\nb" }, 1, null, "👩\u{200d}👧"],
            "meta": { "description": "a\\u{1b}[31m\nb\\u{1f}\tc\\rd" },
        });
        assert_eq!(escaped(view), expected);
    }
}
