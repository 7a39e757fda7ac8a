//! What a policy file says.

use std::fmt;

use crate::name::{PolicyName, RepositoryName};
use crate::package::{RetirementReason, Severity, numbered_enum};
use crate::unknown_fields::UnknownFields;

/// A policy, which holds in every project that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The repository that serves it: of an organisation of hex.pm, its name.
    pub repository: RepositoryName,
    /// Unique in its repository.
    pub name: PolicyName,
    /// For people.
    pub description: Option<String>,
    /// Who may read it on hex.pm; a client takes no notice of that.
    pub visibility: Visibility,
    /// What holds for the packages of each repository. One that is not among them has no restriction.
    pub repositories: Vec<RepositoryPolicy>,
    /// What this version does not know.
    pub unknown: UnknownFields,
}

/// What holds for the packages of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPolicy {
    /// As clients call it; organisations of hex.pm without `hexpm:`.
    pub repository: String,
    /// Which releases are hidden.
    pub restriction: Option<Restriction>,
    /// What comes before that restriction.
    pub overrides: Vec<Override>,
    /// What this version does not know.
    pub unknown: UnknownFields,
}

/// A release that meets any of these is hidden from the resolver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restriction {
    /// It has an advisory that is at least so severe.
    pub advisory_min_severity: Option<Severity>,
    /// It is retired for one of these reasons.
    pub retirement_reasons: Vec<RetirementReason>,
    /// It was published less long ago than this: `7d`, `2w`, `1mo`.
    pub cooldown: Option<String>,
    /// What this version does not know.
    pub unknown: UnknownFields,
}

/// An exception for one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// What becomes of the releases.
    pub action: OverrideAction,
    /// Which releases.
    pub package: PackageRef,
    /// The advisory that is accepted, by its id or an alias.
    pub advisory_id: Option<String>,
    /// The reason that is accepted.
    pub retirement_reason: Option<RetirementReason>,
    /// For people.
    pub comment: Option<String>,
    /// What this version does not know.
    pub unknown: UnknownFields,
}

/// Releases of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRef {
    /// The package.
    pub package: String,
    /// Which of its releases; all where there is none.
    pub requirement: Option<String>,
    /// What this version does not know.
    pub unknown: UnknownFields,
}

numbered_enum! {
    /// Who may read a policy on hex.pm.
    Visibility {
        /// Members of its organisation.
        Private = 0 "private",
        /// Everyone.
        Public = 1 "public",
    }
}

numbered_enum! {
    /// What an override does to the releases that it names.
    OverrideAction {
        /// They are shown, whatever the restriction says.
        Allow = 0 "allow",
        /// They are hidden.
        Deny = 1 "deny",
        /// One advisory does not count.
        Advisory = 2 "advisory",
        /// One reason for which they are retired does not count.
        Retirement = 3 "retirement",
        /// The cooldown does not count.
        Cooldown = 4 "cooldown",
    }
}

/// `deny foo >= 2.0.0`
impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.package.package)?;
        match &self.package.requirement {
            Some(requirement) => write!(f, " {requirement}"),
            None => Ok(()),
        }
    }
}
