//! What a policy file says.

use std::fmt;

use super::cooldown;
use crate::name::{PolicyName, RepositoryName};
use crate::package::{RetirementReason, Severity, numbered_enum};
use crate::requirement::VersionRequirement;
use crate::unknown_fields::UnknownFields;
use crate::version::Version;

/// A policy. A client applies it in each project that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The repository that serves it; for an organisation of hex.pm, the name of the organisation.
    pub repository: RepositoryName,
    /// Unique in its repository.
    pub name: PolicyName,
    /// A text for people.
    pub description: Option<String>,
    /// Who may read it on hex.pm. Clients ignore this.
    pub visibility: Visibility,
    /// The rules for the packages of each repository. A repository that is not listed is not restricted.
    pub repositories: Vec<RepositoryPolicy>,
    /// Fields that this version does not know.
    pub unknown: UnknownFields,
}

/// The rules for the packages of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPolicy {
    /// The name that clients use for the repository; for organisations of hex.pm, without `hexpm:`.
    pub repository: String,
    /// Which releases are hidden.
    pub restriction: Option<Restriction>,
    /// Exceptions, which take precedence over the restriction.
    pub overrides: Vec<Override>,
    /// Fields that this version does not know.
    pub unknown: UnknownFields,
}

/// Conditions that hide a release from the resolver. One is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restriction {
    /// The release has an advisory of at least this severity.
    pub advisory_min_severity: Option<Severity>,
    /// The release is retired for one of these reasons.
    pub retirement_reasons: Vec<RetirementReason>,
    /// The release was published less than this time ago: `7d`, `2w`, `1mo`.
    pub cooldown: Option<String>,
    /// Fields that this version does not know.
    pub unknown: UnknownFields,
}

/// An exception for one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// What the exception does.
    pub action: OverrideAction,
    /// The releases that it applies to.
    pub package: PackageRef,
    /// The id or an alias of the advisory that is accepted, for [`OverrideAction::Advisory`].
    pub advisory_id: Option<String>,
    /// The reason that is accepted, for [`OverrideAction::Retirement`].
    pub retirement_reason: Option<RetirementReason>,
    /// A text for people.
    pub comment: Option<String>,
    /// Fields that this version does not know.
    pub unknown: UnknownFields,
}

/// Releases of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRef {
    /// The name of the package.
    pub package: String,
    /// The versions of the package; `None` for all.
    pub requirement: Option<String>,
    /// Fields that this version does not know.
    pub unknown: UnknownFields,
}

impl PackageRef {
    /// Whether a release is one of them. A requirement that no client reads covers none.
    #[must_use]
    pub fn covers(&self, package: &str, version: &Version) -> bool {
        self.package == package
            && self.requirement.as_ref().is_none_or(|requirement| {
                let requirement = requirement.parse::<VersionRequirement>();
                requirement.is_ok_and(|requirement| requirement.matches(version))
            })
    }
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
        /// The releases are visible, whatever the restriction says.
        Allow = 0 "allow",
        /// The releases are hidden.
        Deny = 1 "deny",
        /// One advisory is ignored.
        Advisory = 2 "advisory",
        /// One retirement reason is ignored.
        Retirement = 3 "retirement",
        /// The cooldown is ignored.
        Cooldown = 4 "cooldown",
    }
}

impl Restriction {
    /// What it hides, a phrase for each condition, such as `hides releases that were published less than 7d ago`.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        let advisories = self.advisory_min_severity.map(|minimum| match minimum {
            Severity::None => "hides releases with a security advisory".to_owned(),
            minimum => {
                format!("hides releases with a security advisory of severity {minimum} or above")
            }
        });
        let reasons: Vec<_> = self.retirement_reasons.iter().map(ToString::to_string).collect();
        let retired = (!reasons.is_empty())
            .then(|| format!("hides releases that are retired ({})", reasons.join(", ")));
        // Clients ignore what is no duration.
        let is_duration = |text: &&String| cooldown::seconds(text).is_some_and(|all| all > 0);
        let cooldown = self.cooldown.as_ref().filter(is_duration).map(|duration| {
            if duration == cooldown::NEVER {
                "hides all that it does not allow".to_owned()
            } else {
                format!("hides releases that were published less than {duration} ago")
            }
        });
        advisories.into_iter().chain(retired).chain(cooldown).collect()
    }
}

impl Override {
    /// What it does to a release, with its comment, such as `deny plug < 1.5.0: SEC-12`.
    #[must_use]
    pub fn explanation(&self) -> String {
        let comment = self.comment.as_deref().filter(|comment| !comment.is_empty());
        let comment = comment.map(|comment| format!(": {comment}")).unwrap_or_default();
        let accepted = match (self.action, &self.advisory_id, self.retirement_reason) {
            (OverrideAction::Advisory, Some(id), _) => format!("except {id} of"),
            (OverrideAction::Retirement, _, Some(reason)) => {
                format!("except retired ({reason}) of")
            }
            (OverrideAction::Cooldown, ..) => "except the cooldown of".to_owned(),
            (action, ..) => action.to_string(),
        };
        let requirement = self.package.requirement.as_ref();
        let requirement = requirement.map(|requirement| format!(" {requirement}"));
        format!("{accepted} {}{}{comment}", self.package.package, requirement.unwrap_or_default())
    }
}

/// Such as `deny foo >= 2.0.0`.
impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.package.package)?;
        match &self.package.requirement {
            Some(requirement) => write!(f, " {requirement}"),
            None => Ok(()),
        }
    }
}
