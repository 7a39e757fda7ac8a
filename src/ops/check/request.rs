//! What to judge, and by what.

use super::source::CheckSource;
use crate::lockfile::LockFile;
use crate::package::UnixSeconds;
use crate::policy::{GateRules, Policy};

/// A lock file to judge.
#[derive(Clone, Copy, Debug)]
pub struct LockToCheck<'a> {
    /// The path, for findings.
    pub path: &'a str,
    /// What it says.
    pub file: &'a LockFile,
}

/// A policy to apply.
#[derive(Clone, Copy, Debug)]
pub struct PolicyToCheck<'a> {
    /// What findings call it.
    pub label: &'a str,
    /// What clients obey, too.
    pub policy: &'a Policy,
    /// What is applied here alone.
    pub gate: &'a GateRules,
}

/// What to judge, by what.
#[derive(Clone, Copy)]
pub struct CheckRequest<'a> {
    /// The lock files.
    pub locks: &'a [LockToCheck<'a>],
    /// A release has to meet all of them.
    pub policies: &'a [PolicyToCheck<'a>],
    /// The registries that have the packages. Each is another repository.
    pub sources: &'a [CheckSource],
    /// The time by which a cooldown is judged.
    pub now: UnixSeconds,
}
