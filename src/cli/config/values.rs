//! Values and keys in messages, and values that are parsed.

use std::fmt::Display;
use std::str::FromStr;

use toml::de::DeValue;

/// How alike two names are at least, from 0 to 1, for one to be proposed in place of the other.
const ALIKE: f64 = 0.8;

/// Parses a value, with a text in place of the error.
pub fn from_str<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// What a value is, with its article.
pub fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Whether a key that is unknown may be meant as a known one.
pub fn is_like(key: &str, known: &str) -> bool {
    likeness(&key.replace('_', "-"), known) >= ALIKE
}

fn likeness(key: &str, known: &str) -> f64 {
    strsim::jaro_winkler(known, key)
}

/// The nearest of the names that are like this one.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = known.into_iter().map(|known| (likeness(name, known), known));
    let alike = alike.filter(|(likeness, _)| *likeness >= ALIKE);
    let nearest = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.map(|(_, name)| name)
}

/// The hint for a key that a table does not have: the nearest one, or all that it has.
pub fn hint_for_unknown(key: &str, table: &str, known: &[&'static str]) -> String {
    let key = key.replace('_', "-");
    if let Some(nearest) = nearest(&key, known.iter().copied()) {
        return format!("did you mean `{nearest}`?");
    }
    let mut known = known.to_vec();
    known.sort_unstable();
    format!("{table} has the keys {}", known.join(", "))
}
