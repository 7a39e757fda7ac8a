//! A table of a configuration file, whose keys are read one by one. What cannot be used is added to the
//! [`Problems`], and reading goes on, so that one run tells all of them.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use hexreg::serve::WatchedFile;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problems};
use super::values::{hint_for_unknown, is_like, kind};
use crate::cli::failure::Failure;

/// What the environment says; `None` for an unset variable.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What all tables of a file share.
pub struct Context<'a> {
    pub problems: &'a Problems,
    pub variables: Variables<'a>,
    /// The directory of the file, which relative paths in it are relative to.
    pub directory: &'a Path,
    /// The files that were read, or are to be there.
    pub files: &'a RefCell<Vec<WatchedFile>>,
}

/// A table, and which of its keys were asked for.
pub struct Section<'a> {
    /// As a person would write it, such as `[[repository]]`.
    name: &'static str,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    pub(super) context: &'a Context<'a>,
    /// What the names of variables begin with that are used in place of keys; `None` for a table without such variables.
    prefix: Option<&'static str>,
    asked: RefCell<Vec<&'static str>>,
}

/// A text, or what was made of it, and its place.
#[derive(Clone, Debug)]
pub struct Text<T = String> {
    pub value: T,
    pub place: Place,
    /// Whether any of it came from a variable of the environment.
    pub has_variables: bool,
}

/// Where the value of a key comes from.
pub(super) enum Value<'a> {
    Toml(&'a Spanned<DeValue<'a>>),
    Variable { name: String, value: String },
}

impl<'a> Section<'a> {
    /// The table of the whole file. A variable such as `HEXREG_LISTEN` is used in place of the key `listen`.
    pub fn root(table: &'a Spanned<DeTable<'a>>, context: &'a Context<'a>) -> Self {
        Self {
            name: "the file",
            table: table.get_ref(),
            span: 0..0,
            context,
            prefix: Some("HEXREG_"),
            asked: RefCell::default(),
        }
    }

    /// The line in which the table begins.
    pub fn place(&self) -> Place {
        self.context.problems.line(&self.span)
    }

    /// The line of a key; of the table, if it does not have the key.
    pub fn place_of(&self, key: &'static str) -> Place {
        match self.find(key) {
            Some(Value::Toml(value)) => self.context.problems.line(&value.span()),
            Some(Value::Variable { name, .. }) => Place::Variable(name),
            None => self.place(),
        }
    }

    /// Notes a file that the configuration depends on.
    pub fn depend_on(&self, file: WatchedFile) {
        self.context.files.borrow_mut().push(file);
    }

    /// Whether no problem was found in the whole file so far.
    pub fn is_without_problems(&self) -> bool {
        self.context.problems.is_empty()
    }

    pub fn problem(&self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.context.problems.add_with_hint(place, message, hint);
    }

    /// Adds a warning, which leaves the configuration usable.
    #[cfg(feature = "mirror")]
    pub fn warn(&self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.context.problems.warn(place, message, hint);
    }

    /// How many problems were found in the whole file so far.
    #[cfg(feature = "mirror")]
    pub fn count_problems(&self) -> usize {
        self.context.problems.count()
    }

    /// Adds what could not be done with a value.
    pub fn failure(&self, place: Place, failure: Failure) {
        let (message, hint) = failure.into_parts();
        match hint {
            Some(hint) => self.context.problems.add_with_hint(place, message, hint),
            None => self.context.problems.add(place, message),
        }
    }

    /// Whether an array of tables is there: no variable takes its place.
    pub fn has_tables(&self, key: &'static str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether a key that is missing is there under a name like it, which is neither one of `known` nor was asked for:
    /// the table is told of that one alone.
    pub fn is_misspelled(&self, key: &str, known: &[&'static str]) -> bool {
        let asked = self.asked.borrow();
        let mut keys = self.table.keys().map(|key| -> &str { key.get_ref() });
        keys.any(|found| {
            let is_known = known.contains(&found) || asked.contains(&found);
            !is_known && is_like(found, key)
        })
    }

    /// Whether the key is there.
    pub fn has(&self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// Whether the value of the key is a table.
    #[cfg(feature = "mirror")]
    pub fn has_table(&self, key: &'static str) -> bool {
        self.table.get(key).is_some_and(|value| matches!(value.get_ref(), DeValue::Table(_)))
    }

    /// A table inside of this one.
    #[cfg(feature = "mirror")]
    pub fn table(&self, key: &'static str) -> Option<Section<'a>> {
        self.ask(key);
        let value = self.table.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(self.inner(key, table, value.span())),
            other => {
                let message = format!("`{key}` is {}: expected a table", kind(other));
                let place = self.context.problems.line(&value.span());
                self.problem(place, message, format!("write {key} = {{ … }}"));
                None
            }
        }
    }

    /// The tables of an array, each written as `[[KEY]]`.
    pub fn tables(&self, key: &'static str) -> Vec<Section<'a>> {
        self.ask(key);
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let items = match value.get_ref() {
            DeValue::Array(items) => items,
            other => {
                let message = format!("`{key}` is {}", kind(other));
                let place = self.context.problems.line(&value.span());
                self.problem(place, message, format!("write [[{key}]] above its keys"));
                return Vec::new();
            }
        };
        let table = |item: &'a Spanned<DeValue<'a>>| {
            if let DeValue::Table(table) = item.get_ref() {
                return Some(self.inner(key, table, item.span()));
            }
            let message = format!("`{key}` has {} in it: expected tables", kind(item.get_ref()));
            self.context.problems.add(self.context.problems.line(&item.span()), message);
            None
        };
        items.iter().filter_map(table).collect()
    }

    fn inner(&self, name: &'static str, table: &'a DeTable<'a>, span: Range<usize>) -> Self {
        let context = self.context;
        Self { name, table, span, context, prefix: None, asked: RefCell::default() }
    }

    /// Adds a problem for each key that was not asked for. `elsewhere` says where a key belongs that is not one of here.
    pub fn finish(&self, elsewhere: &dyn Fn(&str) -> Option<String>) {
        let asked = self.asked.borrow();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            let hint = elsewhere(name).unwrap_or_else(|| hint_for_unknown(name, self.name, &asked));
            let place = self.context.problems.line(&key.span());
            self.context.problems.add_with_hint(place, format!("unknown key `{name}`"), hint);
        }
    }

    fn ask(&self, key: &'static str) {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
    }

    pub(super) fn find(&self, key: &'static str) -> Option<Value<'a>> {
        self.ask(key);
        if let Some(prefix) = self.prefix {
            let name = format!("{prefix}{}", key.to_uppercase().replace('-', "_"));
            if let Some(value) = (self.context.variables)(&name).filter(|value| !value.is_empty()) {
                return Some(Value::Variable { name, value });
            }
        }
        self.table.get(key).map(Value::Toml)
    }
}
