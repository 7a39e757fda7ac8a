//! How a failure is told: what was tried, what is wrong, what to do, and the exit code.

use std::error::Error;
use std::fmt::Write;
use std::process::ExitCode;

use hexreg::ops::build::{Cause, Rejection};
use hexreg::printable::Printable;
use serde::Serialize;

use super::stderr;

/// Why a command did not do what it was asked to.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// What was tried and what is wrong.
    error: String,
    /// Each input at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejected: Vec<Rejected>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip)]
    fault: Fault,
}

/// One input at fault.
#[derive(Debug, Serialize)]
pub struct Rejected {
    /// Which.
    pub path: String,
    /// Why.
    pub reason: String,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Input,
    Environment,
}

impl Failure {
    /// What was given is at fault: exit code 1.
    pub fn input(error: impl Into<String>) -> Self {
        Self { error: error.into(), rejected: Vec::new(), hint: None, fault: Fault::Input }
    }

    /// How it was given is at fault, or the machine: exit code 2.
    pub fn environment(error: impl Into<String>) -> Self {
        Self { fault: Fault::Environment, ..Self::input(error) }
    }

    /// The same, where what was given is not what was to be looked at: exit code 2.
    pub fn of_usage(self) -> Self {
        Self { fault: Fault::Environment, ..self }
    }

    /// Adds each input at fault.
    pub fn rejecting(self, rejected: Vec<Rejected>) -> Self {
        Self { rejected, ..self }
    }

    /// Adds what to do.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Tells a person, on standard error. Where that is closed or full, the exit code still tells.
    pub fn print(&self) {
        let (error, hint) = (stderr::ERROR, stderr::HINT);
        let mut text = format!("{error}error:{error:#} {}\n", Printable(&self.error));
        for Rejected { path, reason } in &self.rejected {
            let _ = writeln!(text, "  {}: {}", Printable(path), Printable(reason));
        }
        if let Some(advice) = &self.hint {
            let _ = writeln!(text, "{hint}hint:{hint:#} {}", Printable(advice));
        }
        stderr::write(&text);
    }
}

/// What to do about rejected tarballs: `usually`, unless one takes a package from hex.pm that this registry has.
pub fn rejection_hint(rejections: &[Rejection], usually: &'static str) -> &'static str {
    let is_namesake = |rejection: &Rejection| match &rejection.cause {
        Cause::Dependencies(faults) => faults.has_public_namesake(),
        _ => false,
    };
    if rejections.iter().any(is_namesake) {
        "say in the package's project which repository the dependency is of (`repo:` in mix.exs) and pack it \
         again; where hex.pm's is meant, give --allow-public=NAME"
    } else {
        usually
    }
}

/// The exit code of a command that ended so.
pub fn exit_code(done: &Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { fault: Fault::Input, .. }) => ExitCode::from(1),
        Err(Failure { fault: Fault::Environment, .. }) => ExitCode::from(2),
    }
}

/// An error and what caused it, outermost first: no error's text repeats its source's.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
