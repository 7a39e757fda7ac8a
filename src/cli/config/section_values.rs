//! The values of the keys of a table: texts, paths, lists and numbers.

use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hexreg::credentials;
use toml::Spanned;
use toml::de::DeValue;

use super::expansion::{Expanded, expand};
use super::problem::Place;
use super::section::{Section, Text, Value};
use super::values::{from_str, kind};

impl<'a> Section<'a> {
    /// A text, its variables expanded.
    pub fn text(&self, key: &'static str) -> Option<Text> {
        let (text, place) = match self.find(key)? {
            Value::Variable { name, value } => {
                let place = Place::Variable(name);
                return Some(Text { value, place, has_variables: true });
            }
            Value::Toml(value) => {
                let place = self.context.problems.line(&value.span());
                match value.get_ref() {
                    DeValue::String(text) => (text, place),
                    other => {
                        let message = format!("`{key}` is {}: expected a string", kind(other));
                        self.problem(place, message, format!("write {key} = \"...\", in quotes"));
                        return None;
                    }
                }
            }
        };
        self.expand(key, text, place)
    }

    /// A path.
    pub fn path(&self, key: &'static str) -> Option<Text<PathBuf>> {
        let text = self.text(key)?;
        if text.value.is_empty() {
            let hint = "give it a path, or leave the key out";
            self.problem(text.place, format!("`{key}` is empty"), hint);
            return None;
        }
        let (value, has_variables) = (self.resolve(&text), text.has_variables);
        Some(Text { value, place: text.place, has_variables })
    }

    /// The path that a text says: relative to the directory of the file, or, of a variable that is used in place of a key,
    /// to the working directory, as an argument is.
    pub fn resolve(&self, text: &Text) -> PathBuf {
        self.directory_of(text).join(&text.value)
    }

    /// The directory that a relative path in a text is relative to; empty for the working directory.
    pub fn directory_of(&self, text: &Text) -> &Path {
        match text.place {
            Place::Line(_) => self.context.directory,
            Place::Variable(_) => Path::new(""),
        }
    }

    /// A value that is written as a text.
    pub fn parsed<T>(&self, key: &'static str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        self.parsed_by(key, from_str)
    }

    /// As [`parsed`](Self::parsed), by a function.
    pub fn parsed_by<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(key)?;
        self.parse(key, &text, parse)
    }

    /// Values in an array, or one value without its brackets. A variable has commas between them.
    pub fn list<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        self.texts(key).iter().filter_map(|text| self.parse(key, text, &parse)).collect()
    }

    /// As [`list`](Self::list), of texts.
    pub fn texts(&self, key: &'static str) -> Vec<Text> {
        match self.find(key) {
            None => Vec::new(),
            Some(Value::Variable { name, value }) => value
                .split(',')
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(|text| Text {
                    value: text.to_owned(),
                    place: Place::Variable(name.clone()),
                    has_variables: true,
                })
                .collect(),
            Some(Value::Toml(value)) => {
                let items = match value.get_ref() {
                    DeValue::Array(items) => items.iter().collect(),
                    _ => vec![value],
                };
                items.into_iter().filter_map(|item| self.item(key, item)).collect()
            }
        }
    }

    fn item(&self, key: &'static str, item: &Spanned<DeValue<'a>>) -> Option<Text> {
        let place = self.context.problems.line(&item.span());
        match item.get_ref() {
            DeValue::String(text) => self.expand(key, text, place),
            other => {
                let found = kind(other);
                let message = format!("`{key}` has {found} in it: expected strings");
                self.problem(place, message, format!("write {key} = [\"...\", \"...\"]"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self, key: &'static str) -> Option<bool> {
        match self.find(key)? {
            Value::Variable { name, value } => match value.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                other => {
                    let message = format!("{other:?} is neither `true` nor `false`");
                    self.context.problems.add(Place::Variable(name), message);
                    None
                }
            },
            Value::Toml(value) => match value.get_ref() {
                DeValue::Boolean(value) => Some(*value),
                other => {
                    let message = format!("`{key}` is {}: expected `true` or `false`", kind(other));
                    let hint = format!("write {key} = true, without quotes");
                    self.problem(self.context.problems.line(&value.span()), message, hint);
                    None
                }
            },
        }
    }

    /// A whole number within a range.
    pub fn integer(&self, key: &'static str, range: Range<u64>) -> Option<u64> {
        let (text, place) = match self.find(key)? {
            Value::Variable { name, value } => (value, Place::Variable(name)),
            Value::Toml(value) => {
                let place = self.context.problems.line(&value.span());
                match value.get_ref() {
                    DeValue::Integer(number) if number.radix() == 10 => {
                        (number.as_str().replace('_', ""), place)
                    }
                    other => {
                        let found = kind(other);
                        let message = format!("`{key}` is {found}: expected a whole number");
                        let (first, last) = (range.start, range.end.saturating_sub(1));
                        let hint = format!(
                            "write {key} = N, a number from {first} to {last} without quotes and unit"
                        );
                        self.problem(place, message, hint);
                        return None;
                    }
                }
            }
        };
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let (first, last) = (range.start, range.end.saturating_sub(1));
            let message = format!("`{key}` is {text}: expected a number from {first} to {last}");
            self.context.problems.add(place, message);
        }
        number
    }

    fn expand(&self, key: &str, text: &str, place: Place) -> Option<Text> {
        match expand(text, self.context.variables) {
            Ok(Expanded { text, has_variables }) => {
                Some(Text { value: text, place, has_variables })
            }
            Err(error) => {
                self.problem(place, format!("`{key}`: {error}"), error.hint());
                None
            }
        }
    }

    /// Parses a text that was read before.
    pub fn parse<T>(
        &self,
        key: &str,
        text: &Text,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(&text.value) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                // A URL may have a password in it.
                let shown = credentials::hide_all(&format!("{:?}", text.value));
                self.context
                    .problems
                    .add(text.place.clone(), format!("`{key}` is {shown}: {error}"));
                None
            }
        }
    }
}
