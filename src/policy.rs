//! Policies: which releases a project may resolve to, as Hex 2.5 reads it from `policies/NAME`.

mod cooldown;
mod file;
mod gate;
mod inert;
mod rules;
mod verdict;

pub use file::{PolicyFault, PolicyFile, PolicyFileError, read_policy};
pub use gate::{AcceptedGit, GateRules, LicenseFault, RepositoryGate};
pub use inert::{InertPart, InertReason};
pub use rules::{
    Override, OverrideAction, PackageRef, Policy, RepositoryPolicy, Restriction, Visibility,
};
pub use verdict::{BlockReason, Candidate, PackageRules, Verdict};
