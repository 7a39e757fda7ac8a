//! What is wrong with a configuration: all of it at once, each with its place and what to do.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// The place of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of the file, counted from 1.
    Line(usize),
    /// An environment variable, which is used in place of a key of the file.
    Variable(String),
}

impl Problem {
    /// What is wrong, and what to do.
    pub fn text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; {hint}", self.message),
            None => self.message.clone(),
        }
    }
}

impl Place {
    /// As messages outside of the file name it.
    pub fn in_file(&self, name: &str) -> String {
        match self {
            Self::Line(line) => format!("{name}:{line}"),
            Self::Variable(variable) => variable.clone(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// The problems that were found in a text so far.
#[derive(Debug)]
pub struct Problems {
    /// The offset of each line feed.
    line_feeds: Vec<usize>,
    found: RefCell<Vec<Problem>>,
    /// What can be used, and is likely not what was meant.
    warnings: RefCell<Vec<Problem>>,
}

impl Problems {
    pub fn of(text: &str) -> Self {
        let line_feeds = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
        Self { line_feeds, found: RefCell::default(), warnings: RefCell::default() }
    }

    /// The line in which a part of the text begins.
    pub fn line(&self, span: &Range<usize>) -> Place {
        let before = self.line_feeds.partition_point(|line_feed| *line_feed < span.start);
        Place::Line(before.saturating_add(1))
    }

    pub fn add(&self, place: Place, message: impl Into<String>) {
        self.push(Problem { place, message: message.into(), hint: None });
    }

    pub fn add_with_hint(&self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Problem { place, message: message.into(), hint: Some(hint.into()) });
    }

    fn push(&self, problem: Problem) {
        self.found.borrow_mut().push(problem);
    }

    pub fn warn(&self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        let warning = Problem { place, message: message.into(), hint: Some(hint.into()) };
        self.warnings.borrow_mut().push(warning);
    }

    /// How many were found so far.
    pub fn count(&self) -> usize {
        self.found.borrow().len()
    }

    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// All problems, or if there is none the warnings, in the order of their lines.
    pub fn into_sorted(self) -> Result<Vec<Problem>, Vec<Problem>> {
        let (mut found, mut warnings) = (self.found.into_inner(), self.warnings.into_inner());
        for all in [&mut found, &mut warnings] {
            all.sort_by(|one, other| one.place.cmp(&other.place));
        }
        if found.is_empty() { Ok(warnings) } else { Err(found) }
    }
}
