//! Names that were found, as many as are kept.

use std::collections::HashSet;

/// The most names of a package.
pub(super) const MAX_NAMES: usize = 5_000;

/// In bytes: the longest name.
const MAX_NAME: usize = 200;

/// In bytes: the most of all names.
pub(super) const MAX_TOTAL: usize = 256 << 10;

/// Distinct names, in the order in which they were found.
#[derive(Default)]
pub(super) struct DefinedNames {
    found: Vec<String>,
    seen: HashSet<String>,
    total: usize,
}

impl DefinedNames {
    pub fn is_full(&self) -> bool {
        self.found.len() >= MAX_NAMES || self.total >= MAX_TOTAL
    }

    /// Adds a name, unless it is there, has a hidden character or is too long.
    pub fn add(&mut self, name: &str) {
        let is_name = !name.is_empty()
            && name.len() <= MAX_NAME
            && !name.contains(crate::printable::is_hidden);
        if self.is_full() || !is_name || !self.seen.insert(name.to_owned()) {
            return;
        }
        self.total = self.total.saturating_add(name.len());
        self.found.push(name.to_owned());
    }

    /// Takes back the name that was added last.
    pub fn remove_last(&mut self, name: &str) {
        if self.found.last().is_some_and(|last| last == name) {
            self.found.pop();
            self.seen.remove(name);
        }
    }

    pub fn into_vec(self) -> Vec<String> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_limited() {
        let mut names = DefinedNames::default();
        for name in ["a", "b", "a", "", "c\u{202e}", &"d".repeat(MAX_NAME + 1)] {
            names.add(name);
        }
        names.remove_last("a");
        names.remove_last("b");
        names.add("e");
        assert_eq!(names.found, ["a", "e"]);
        for index in 0..2 * MAX_NAMES {
            names.add(&index.to_string());
        }
        assert_eq!(names.into_vec().len(), MAX_NAMES);
        let mut long = DefinedNames::default();
        for index in 0..MAX_NAMES {
            long.add(&format!("{index:0>150}"));
        }
        assert!(long.found.len() < MAX_NAMES && long.total < MAX_TOTAL + MAX_NAME);
    }
}
