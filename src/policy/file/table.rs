//! A table of a policy file. What cannot be used is added to the [`FaultLog`], and reading goes on.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::FaultLog;
use crate::policy::inert::is_visible;

/// A table, and what it is called in messages, such as `[[repository]]`.
#[derive(Clone, Copy)]
pub(super) struct PolicyTable<'a> {
    pub name: &'a str,
    pub line: usize,
    pub log: &'a FaultLog<'a>,
    entries: &'a DeTable<'a>,
}

/// A text and its line.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedText<'a> {
    pub text: &'a str,
    pub line: usize,
}

/// Keys that people write in place of the right ones.
const OTHER_NAMES: [(&str, &str); 15] = [
    ("min-severity", "minimum-severity"),
    ("severity", "minimum-severity"),
    ("advisory-min-severity", "minimum-severity"),
    ("retirement", "retired"),
    ("retirement-reason", "retired"),
    ("retirement-reasons", "retired"),
    ("repositories", "repository"),
    ("repo", "repository"),
    ("cool-down", "cooldown"),
    ("exception", "except"),
    ("version", "requirement"),
    ("name", "package"),
    ("advisory-id", "advisory"),
    ("id", "advisory"),
    ("reason", "comment"),
];

impl<'a> PolicyTable<'a> {
    /// The table of the whole file.
    pub fn root(entries: &'a DeTable<'a>, log: &'a FaultLog<'a>) -> Self {
        Self { name: "the file", line: 1, log, entries }
    }

    /// The line of a key; of the table, if it does not have the key.
    pub fn line_of(&self, key: &str) -> usize {
        self.entries.get(key).map_or(self.line, |value| self.log.line(&value.span()))
    }

    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub fn is_empty_array(&self, key: &str) -> bool {
        let value = self.entries.get(key).map(Spanned::get_ref);
        matches!(value, Some(DeValue::Array(items)) if items.is_empty())
    }

    /// A text of visible characters.
    pub fn text(&self, key: &str, example: &str) -> Option<PlacedText<'a>> {
        let value = self.entries.get(key)?;
        let line = self.log.line(&value.span());
        let hint = || format!("write {key} = {example:?}");
        let DeValue::String(text) = value.get_ref() else {
            let message = format!("`{key}` is {}: expected a string", kind(value.get_ref()));
            self.log.refuse(line, message, hint());
            return None;
        };
        if !is_visible(text) {
            let message = format!("`{key}` has a control or format character: clients ignore it");
            self.log.refuse(line, message, "write visible characters only, in one line");
            return None;
        }
        Some(PlacedText { text, line })
    }

    /// Texts in an array, each with its line.
    pub fn texts(&self, key: &str, example: &str) -> Vec<PlacedText<'a>> {
        let Some(value) = self.entries.get(key) else { return Vec::new() };
        let hint = || format!("write {key} = [{example:?}]");
        let DeValue::Array(items) = value.get_ref() else {
            let message = format!("`{key}` is {}: expected an array", kind(value.get_ref()));
            self.log.refuse(self.log.line(&value.span()), message, hint());
            return Vec::new();
        };
        let texts = items.iter().filter_map(|item| {
            let line = self.log.line(&item.span());
            if let DeValue::String(text) = item.get_ref() {
                return Some(PlacedText { text, line });
            }
            let message = format!("`{key}` has {}: expected strings", kind(item.get_ref()));
            self.log.refuse(line, message, hint());
            None
        });
        texts.collect()
    }

    /// Whether a key is there, which can only be `true`.
    pub fn flag(&self, key: &str) -> bool {
        let Some(value) = self.entries.get(key) else { return false };
        if !matches!(value.get_ref(), DeValue::Boolean(true)) {
            let message = format!("`{key}` of {} can only be true", self.name);
            let hint = format!("write {key} = true, or leave it out");
            self.log.refuse(self.log.line(&value.span()), message, hint);
        }
        true
    }

    /// The tables of an array. `name` is what messages call each of them, and `hint` how such an array is written.
    pub fn tables(&self, key: &str, name: &'a str, hint: &str) -> Vec<PolicyTable<'a>> {
        let Some(value) = self.entries.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            let message =
                format!("`{key}` is {}: expected an array of tables", kind(value.get_ref()));
            self.log.refuse(self.log.line(&value.span()), message, hint);
            return Vec::new();
        };
        let table = |item: &'a Spanned<DeValue<'a>>| {
            let line = self.log.line(&item.span());
            if let DeValue::Table(entries) = item.get_ref() {
                return Some(Self { name, line, log: self.log, entries });
            }
            let message = format!("`{key}` has {}: expected tables", kind(item.get_ref()));
            self.log.refuse(line, message, hint);
            None
        };
        items.iter().filter_map(table).collect()
    }

    /// Refuses keys that the table does not have. `elsewhere` says what to do with a key that has another place.
    pub fn refuse_unknown(&self, known: &[&str], elsewhere: impl Fn(&str) -> Option<String>) {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let hint = elsewhere(name).unwrap_or_else(|| hint_for(name, known));
            let message = format!("{} has no key `{name}`", self.name);
            self.log.refuse(self.log.line(&key.span()), message, hint);
        }
    }
}

/// The key that is likely meant, or all that there are.
fn hint_for(key: &str, known: &[&str]) -> String {
    let spelled = key.to_lowercase().replace('_', "-");
    let is_meant = |known: &&&str| {
        let is_other_name = OTHER_NAMES.contains(&(spelled.as_str(), **known));
        is_other_name || spelled.trim_end_matches('s') == known.trim_end_matches('s')
    };
    match known.iter().find(is_meant) {
        Some(meant) => format!("write `{meant}`"),
        None => format!("it has {}", known.join(", ")),
    }
}

/// What a value is, with its article.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
