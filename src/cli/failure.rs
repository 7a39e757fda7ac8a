//! Failures of commands: message, hint and exit code.

use std::error::Error;
use std::fmt::Write;
use std::process::ExitCode;

use hexreg::ops::build::{Rejection, RejectionCause};
use hexreg::printable::Printable;
use serde::Serialize;

use super::stderr;

/// Why a command failed.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The message: what was tried and what is wrong.
    error: String,
    /// The inputs at fault, if there is more than one message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejected: Vec<Rejected>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip)]
    fault: Fault,
}

/// One input at fault.
#[derive(Clone, Debug, Serialize)]
pub struct Rejected {
    /// The path of the input.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Input,
    Environment,
}

impl Failure {
    /// The input is at fault: exit code 1.
    pub fn input(error: impl Into<String>) -> Self {
        Self { error: error.into(), rejected: Vec::new(), hint: None, fault: Fault::Input }
    }

    /// The usage or the environment is at fault: exit code 2.
    pub fn environment(error: impl Into<String>) -> Self {
        Self { fault: Fault::Environment, ..Self::input(error) }
    }

    /// The same failure, of an input that is not the subject of the command, such as a key: exit code 2.
    pub fn of_usage(self) -> Self {
        Self { fault: Fault::Environment, ..self }
    }

    /// Adds the inputs at fault.
    pub fn rejecting(self, rejected: Vec<Rejected>) -> Self {
        Self { rejected, ..self }
    }

    /// Adds a hint.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// All of it in one line, for a log.
    pub fn line(&self) -> String {
        let rejected = self.rejected.iter().map(|one| format!("{}: {}", one.path, one.reason));
        let rejected: Vec<_> = rejected.collect();
        let rejected = rejected.join("; ");
        let parts = [self.error.clone(), rejected, self.hint.clone().unwrap_or_default()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(": ")
    }

    /// The message and the hint.
    #[cfg(feature = "serve")]
    pub fn into_parts(self) -> (String, Option<String>) {
        (self.error, self.hint)
    }

    /// Prints the failure on standard error. If that is closed or full, only the exit code reports it.
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

/// The hint about rejected tarballs: `usually`, unless one depends on a package of hex.pm that this registry has too.
pub fn rejection_hint(rejections: &[Rejection], usually: &'static str) -> &'static str {
    let is_namesake = |rejection: &Rejection| match &rejection.cause {
        RejectionCause::Dependencies(faults) => faults.has_public_namesake(),
        _ => false,
    };
    if rejections.iter().any(is_namesake) {
        "say in the package's project which repository the dependency is of (`repo:` in mix.exs) and pack it \
         again; where hex.pm's is meant, give --allow-public=NAME"
    } else {
        usually
    }
}

/// The exit code for a result.
pub fn exit_code(done: &Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { fault: Fault::Input, .. }) => ExitCode::from(1),
        Err(Failure { fault: Fault::Environment, .. }) => ExitCode::from(2),
    }
}

/// The text of an error and its sources, outermost first. No error repeats the text of its source.
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
