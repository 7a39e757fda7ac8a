//! What is wrong with a policy file: all of it at once, each with its line and what to write instead.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

/// What is wrong with a line of a policy file, or what it does not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyFault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// Why a policy file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFileError {
    /// At least one, in the order of their lines.
    pub faults: Vec<PolicyFault>,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.hint)
    }
}

impl fmt::Display for PolicyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = self.faults.iter().map(|fault| format!("line {}: {fault}", fault.line));
        f.write_str(&faults.collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for PolicyFileError {}

/// The faults and warnings that were found in a text so far.
#[derive(Debug)]
pub(super) struct FaultLog<'a> {
    text: &'a str,
    faults: RefCell<Vec<PolicyFault>>,
    warnings: RefCell<Vec<PolicyFault>>,
}

impl<'a> FaultLog<'a> {
    pub fn of(text: &'a str) -> Self {
        Self { text, faults: RefCell::default(), warnings: RefCell::default() }
    }

    /// The line in which a part of the text begins.
    pub fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        memchr::memchr_iter(b'\n', before).count().saturating_add(1)
    }

    pub fn refuse(&self, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        let fault = PolicyFault { line, message: message.into(), hint: hint.into() };
        self.faults.borrow_mut().push(fault);
    }

    pub fn warn(&self, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        let warning = PolicyFault { line, message: message.into(), hint: hint.into() };
        self.warnings.borrow_mut().push(warning);
    }

    /// The warnings, if there is no fault.
    pub fn into_warnings(self) -> Result<Vec<PolicyFault>, PolicyFileError> {
        let (mut faults, mut warnings) = (self.faults.into_inner(), self.warnings.into_inner());
        faults.sort();
        warnings.sort();
        if faults.is_empty() { Ok(warnings) } else { Err(PolicyFileError { faults }) }
    }
}
