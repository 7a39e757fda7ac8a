//! Policies: which releases a project may resolve to, as Hex 2.5 reads it from `policies/NAME`.

mod inert;
mod rules;

pub use inert::{InertPart, InertReason};
pub use rules::{
    Override, OverrideAction, PackageRef, Policy, RepositoryPolicy, Restriction, Visibility,
};
