//! How many warnings of one kind a person is shown.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::output;

/// How many warnings of one kind are printed one by one; `--json` has all.
const PRINTED: usize = 20;

/// Counts the warnings of one kind.
pub struct Quota {
    heard: AtomicUsize,
    noun: &'static str,
}

impl Quota {
    /// For warnings of what `noun` says, without its plural.
    pub fn new(noun: &'static str) -> Self {
        Self { heard: AtomicUsize::new(0), noun }
    }

    /// For warnings of dependencies.
    pub fn of_dependencies() -> Self {
        Self::new("more dependency warning")
    }

    /// Counts one more, and says whether it is printed.
    pub fn admits(&self) -> bool {
        self.heard.fetch_add(1, Ordering::Relaxed) < PRINTED
    }

    /// What to print of those that were not, if there are any.
    pub fn rest(&self) -> Option<String> {
        let rest = self.heard.load(Ordering::Relaxed).checked_sub(PRINTED)?;
        let rest = (rest > 0).then(|| output::count(rest, self.noun))?;
        Some(format!("{rest}: --json lists all of them"))
    }
}
