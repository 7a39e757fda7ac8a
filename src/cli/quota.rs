//! A limit of how many warnings of one kind are printed.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::output;

/// How many warnings of one kind are printed; `--json` has all.
const PRINTED: usize = 20;

/// Counts the warnings of one kind.
pub struct Quota {
    count: AtomicUsize,
    noun: &'static str,
}

impl Quota {
    /// For warnings that are counted with this noun, in the singular.
    pub fn new(noun: &'static str) -> Self {
        Self { count: AtomicUsize::new(0), noun }
    }

    /// For warnings of dependencies.
    pub fn of_dependencies() -> Self {
        Self::new("more dependency warning")
    }

    /// Counts a warning. Returns whether it is printed.
    pub fn admits(&self) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed) < PRINTED
    }

    /// A line about the warnings that were not printed, if there are any.
    pub fn rest(&self) -> Option<String> {
        let rest = self.count.load(Ordering::Relaxed).checked_sub(PRINTED)?;
        let rest = (rest > 0).then(|| output::count(rest, self.noun))?;
        Some(format!("{rest}: --json lists all of them"))
    }
}
