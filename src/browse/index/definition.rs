//! Names of modules and functions: `Foo.Bar.baz/2`, `lists:map/2`, `gleam/list.map`, `Foo.Bar`, `baz/2`.

use super::words::{for_each_identifier_piece, is_worth_indexing};

/// The longest definition, in bytes. Longer ones are ignored.
const MAX_DEFINITION: usize = 200;

/// A definition in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    /// With its dots, such as `foo.bar`.
    pub module: Option<String>,
    /// Without its arity.
    pub function: Option<String>,
    /// Digits.
    pub arity: Option<String>,
}

impl Definition {
    /// Reads a definition; `None` if the text cannot be one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_alphanumeric() || "_.:/?!@".contains(c);
        if text.is_empty() || text.len() > MAX_DEFINITION || !text.chars().all(is_plain) {
            return None;
        }
        let text = text.trim_start_matches([':', '@', '&']);
        let (path, arity) = match text.rsplit_once('/') {
            Some((path, arity)) if is_arity(arity) => (path, Some(arity.to_owned())),
            _ => (text, None),
        };
        let (module, last) = match path.rfind(['.', ':']) {
            Some(at) => {
                let module = path.get(..at).unwrap_or_default().trim_end_matches([':', '.']);
                (Some(module), path.get(at..).unwrap_or_default().trim_start_matches([':', '.']))
            }
            None => (None, path),
        };
        let is_module = arity.is_none() && last.starts_with(char::is_uppercase);
        let some = |text: &str| (!text.is_empty()).then(|| text.to_lowercase());
        let definition = if is_module {
            Self { module: some(path), function: None, arity }
        } else {
            Self { module: module.and_then(some), function: some(last), arity }
        };
        (definition.module.is_some() || definition.function.is_some()).then_some(definition)
    }

    /// The function with its arity, if that is known.
    pub(super) fn function_with_arity(&self) -> Option<String> {
        let function = self.function.as_ref()?;
        Some(self.arity.as_ref().map_or_else(|| function.clone(), |it| format!("{function}/{it}")))
    }

    /// Whether it is more than one word, so that it is no other text.
    pub(super) fn is_specific(&self) -> bool {
        let is_compound = |text: &String| text.contains(['.', '_', '/', ':', '?', '!']);
        self.arity.is_some()
            || self.module.is_some() && self.function.is_some()
            || self.module.as_ref().is_some_and(is_compound)
            || self.function.as_ref().is_some_and(is_compound)
    }
}

/// Calls a function with each term under which a definition is found: module, function, function with arity, and their
/// words.
pub(super) fn for_each_term(text: &str, mut call: impl FnMut(&str)) {
    let Some(definition) = Definition::parse(text) else { return };
    if let Some(module) = &definition.module {
        call(module);
    }
    if let Some(function) = &definition.function {
        call(function);
    }
    if let Some(function) = definition.function_with_arity().filter(|_| definition.arity.is_some())
    {
        call(&function);
    }
    let path = text.rsplit_once('/').filter(|(_, arity)| is_arity(arity)).map_or(text, |it| it.0);
    for part in path.split(['.', ':', '/']) {
        let lower = part.to_lowercase();
        // `NimbleCSV` is found as one word, too.
        if is_worth_indexing(&lower) && !lower.is_empty() {
            call(&lower);
        }
        for_each_identifier_piece(part, |piece| {
            if is_worth_indexing(piece) {
                call(piece);
            }
        });
    }
}

fn is_arity(text: &str) -> bool {
    (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (String, String, String) {
        let it = Definition::parse(text).unwrap();
        let text = |part: Option<String>| part.unwrap_or_default();
        (text(it.module), text(it.function), text(it.arity))
    }

    fn parts(module: &str, function: &str, arity: &str) -> (String, String, String) {
        (module.to_owned(), function.to_owned(), arity.to_owned())
    }

    #[test]
    fn reads_the_forms_of_each_language() {
        assert_eq!(parse("Foo.Bar.baz/2"), parts("foo.bar", "baz", "2"));
        assert_eq!(parse("Foo.Bar"), parts("foo.bar", "", ""));
        assert_eq!(parse("lists:map/2"), parts("lists", "map", "2"));
        assert_eq!(parse(":gen_tcp.connect"), parts("gen_tcp", "connect", ""));
        assert_eq!(parse("gleam/list.map"), parts("gleam/list", "map", ""));
        assert_eq!(parse("valid?/1"), parts("", "valid?", "1"));
        assert_eq!(parse("parse_csv"), parts("", "parse_csv", ""));
        for bad in ["", "foo bar", "::", ".", "a(b)", &"x".repeat(300)] {
            assert_eq!(Definition::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn is_found_as_a_whole_and_by_its_words() {
        let mut terms = Vec::new();
        for_each_term("NimbleCSV.Parser.parse_string/2", |term| terms.push(term.to_owned()));
        terms.sort_unstable();
        terms.dedup();
        assert_eq!(
            terms,
            [
                "csv",
                "nimble",
                "nimblecsv",
                "nimblecsv.parser",
                "parse",
                "parse_string",
                "parse_string/2",
                "parser",
                "string"
            ]
        );
    }

    #[test]
    fn one_plain_word_is_not_specific() {
        for specific in ["Foo.Bar", "baz/2", "parse_csv", "a.b", "valid?"] {
            assert!(Definition::parse(specific).unwrap().is_specific(), "{specific}");
        }
        for plain in ["parse", "Jason"] {
            assert!(!Definition::parse(plain).unwrap().is_specific(), "{plain}");
        }
    }
}
