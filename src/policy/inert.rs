//! Parts of a policy that clients ignore without a message.
//!
//! A policy whose denial is misspelt lets everything through. The rules are those of `Hex.Policy.Filter` and
//! `Hex.Cooldown` of Hex 2.5.2-dev.

use std::collections::HashSet;

use super::cooldown::{LONGEST_COOLDOWN, seconds};
use super::{Override, OverrideAction, PackageRef, Policy, RepositoryPolicy, Restriction};
use crate::package::{RetirementReason, Severity};
use crate::requirement::VersionRequirement;

/// A part of a policy that has no effect, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("repository {repository:?}: {part}: {reason}")]
pub struct InertPart {
    /// The repository whose packages the part is about.
    pub repository: String,
    /// The part, such as `override 2 (deny foo)`.
    pub part: String,
    /// Why it has no effect.
    pub reason: InertReason,
}

/// Why a part of a policy has no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InertReason {
    /// Clients use the first part about a repository and ignore further ones.
    #[error("clients use only the first part about this repository")]
    SecondPart,
    /// The cooldown is not a duration.
    #[error("it is ignored: expected 0, or a number followed by d, w or mo")]
    Cooldown,
    /// The day on which a release becomes old enough is beyond what Elixir's `DateTime` can represent.
    #[error("it ends after the year 9999: mix crashes")]
    CooldownTooLong,
    /// The severity has an unknown number. Clients give it no rank.
    #[error("clients do not know it: they block only advisories without a known severity")]
    Severity,
    /// The action has an unknown number.
    #[error("it is ignored: clients do not know its action")]
    Action,
    /// The package's name is empty.
    #[error("it is ignored: it names no package")]
    NoPackage,
    /// A text has a character that people do not see.
    #[error("it is ignored: its {0} has a control or format character")]
    InvisibleCharacter(&'static str),
    /// Elixir does not parse the requirement.
    #[error("it is ignored: {0:?} is not a version requirement")]
    Requirement(String),
    /// The comment is too long. Clients count characters, not bytes.
    #[error("it is ignored: its comment has {0} characters, more than 500")]
    LongComment(usize),
    /// A field that the action needs is missing.
    #[error("it is ignored: it has no {0}")]
    Lacks(&'static str),
    /// A field is set that the action does not take.
    #[error("it is ignored: it has {0}, which its action does not take")]
    Surplus(&'static str),
    /// The retirement reason has an unknown number.
    #[error("it is ignored: clients do not know its retirement reason")]
    RetirementReason,
}

/// The longest comment that clients accept, in characters.
pub(super) const LONGEST_COMMENT: usize = 500;

/// Characters that people do not see: control characters and format characters.
const INVISIBLE: [(u32, u32); 23] = [
    (0x0000, 0x001F),
    (0x007F, 0x009F),
    (0x00AD, 0x00AD),
    (0x0600, 0x0605),
    (0x061C, 0x061C),
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x2064),
    (0x2066, 0x206F),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0x1_10BD, 0x1_10BD),
    (0x1_10CD, 0x1_10CD),
    (0x1_3430, 0x1_343F),
    (0x1_BCA0, 0x1_BCA3),
    (0x1_D173, 0x1_D17A),
    (0xE_0001, 0xE_0001),
    (0xE_0020, 0xE_007F),
];

impl Policy {
    /// The parts that clients ignore, in the order of the file.
    #[must_use]
    pub fn inert_parts(&self) -> Vec<InertPart> {
        let mut seen = HashSet::new();
        let inert = self.repositories.iter().flat_map(|of_repository| {
            if seen.insert(of_repository.repository.as_str()) {
                of_repository.inert_parts()
            } else {
                vec![of_repository.part("all of it".to_owned(), InertReason::SecondPart)]
            }
        });
        inert.collect()
    }
}

impl RepositoryPolicy {
    fn inert_parts(&self) -> Vec<InertPart> {
        let restriction = self.restriction.iter().flat_map(Restriction::inert);
        let overrides = self.overrides.iter().zip(1..).filter_map(|(one, number): (_, usize)| {
            Some((format!("override {number} ({one})"), one.inert()?))
        });
        restriction.chain(overrides).map(|(part, reason)| self.part(part, reason)).collect()
    }

    fn part(&self, part: String, reason: InertReason) -> InertPart {
        InertPart { repository: self.repository.clone(), part, reason }
    }
}

impl Restriction {
    fn inert(&self) -> Vec<(String, InertReason)> {
        let severity = match self.advisory_min_severity {
            Some(Severity::Unknown(number)) => {
                Some((format!("severity {number}"), InertReason::Severity))
            }
            _ => None,
        };
        let cooldown = self.cooldown.as_ref().and_then(|cooldown| {
            let reason = match seconds(cooldown) {
                None => InertReason::Cooldown,
                Some(seconds) if seconds > LONGEST_COOLDOWN => InertReason::CooldownTooLong,
                Some(_) => return None,
            };
            Some((format!("cooldown {cooldown:?}"), reason))
        });
        severity.into_iter().chain(cooldown).collect()
    }
}

impl Override {
    /// Why clients ignore the override; `None` for one that they apply.
    #[must_use]
    pub fn inert(&self) -> Option<InertReason> {
        let PackageRef { package, requirement, .. } = &self.package;
        if let OverrideAction::Unknown(_) = self.action {
            return Some(InertReason::Action);
        }
        if package.is_empty() {
            return Some(InertReason::NoPackage);
        }
        if !is_visible(package) {
            return Some(InertReason::InvisibleCharacter("package"));
        }
        if let Some(text) = requirement {
            if text.parse::<VersionRequirement>().is_err() {
                return Some(InertReason::Requirement(text.clone()));
            }
        }
        if let Some(comment) = &self.comment {
            let length = comment.chars().count();
            if !is_visible(comment) {
                return Some(InertReason::InvisibleCharacter("comment"));
            }
            if length > LONGEST_COMMENT {
                return Some(InertReason::LongComment(length));
            }
        }
        self.inert_arguments()
    }

    /// An action must have the fields that it takes and no others.
    fn inert_arguments(&self) -> Option<InertReason> {
        let (takes_advisory, takes_retirement) = match self.action {
            OverrideAction::Advisory => (true, false),
            OverrideAction::Retirement => (false, true),
            _ => (false, false),
        };
        match &self.advisory_id {
            None if takes_advisory => return Some(InertReason::Lacks("advisory id")),
            Some(_) if !takes_advisory => return Some(InertReason::Surplus("an advisory id")),
            Some(id) if id.trim().is_empty() => return Some(InertReason::Lacks("advisory id")),
            Some(id) if !is_visible(id) => {
                return Some(InertReason::InvisibleCharacter("advisory id"));
            }
            _ => {}
        }
        match self.retirement_reason {
            None if takes_retirement => Some(InertReason::Lacks("retirement reason")),
            Some(_) if !takes_retirement => Some(InertReason::Surplus("a retirement reason")),
            Some(RetirementReason::Unknown(_)) => Some(InertReason::RetirementReason),
            _ => None,
        }
    }
}

/// Whether a text has neither control nor format characters: clients ignore an override that has.
pub(super) fn is_visible(text: &str) -> bool {
    let is_invisible = |character: char| {
        let code = u32::from(character);
        INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&code))
    };
    !text.contains(is_invisible)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Visibility;
    use crate::unknown_fields::UnknownFields;

    fn restriction(cooldown: &str) -> Restriction {
        Restriction { cooldown: Some(cooldown.to_owned()), ..Restriction::default() }
    }

    /// An override that clients apply.
    fn sound(action: OverrideAction) -> Override {
        Override {
            action,
            package: PackageRef {
                package: "foo".to_owned(),
                requirement: Some(">= 2.0.0".to_owned()),
                unknown: UnknownFields::default(),
            },
            advisory_id: (action == OverrideAction::Advisory).then(|| "CVE-2026-1".to_owned()),
            retirement_reason: (action == OverrideAction::Retirement)
                .then_some(RetirementReason::Deprecated),
            comment: Some("c".repeat(500)),
            unknown: UnknownFields::default(),
        }
    }

    fn of_repository(restriction: Restriction, overrides: Vec<Override>) -> RepositoryPolicy {
        RepositoryPolicy {
            repository: "hexpm".to_owned(),
            restriction: Some(restriction),
            overrides,
            unknown: UnknownFields::default(),
        }
    }

    #[test]
    fn a_cooldown_is_one_that_mix_reads() {
        for good in ["0", "0d", "7d", "2w", "007mo", "1000mo"] {
            assert_eq!(restriction(good).inert(), [], "{good}");
        }
        for bad in ["", "7", "d", "7 days", " 7d", "7d ", "-7d", "+7d", "7D", "7.5d", "1_0d", "٧d"]
        {
            let found: Vec<_> = restriction(bad).inert().into_iter().map(|(_, why)| why).collect();
            assert_eq!(found, [InertReason::Cooldown], "{bad}");
        }
        for long in ["99999999999d", &format!("{}w", "9".repeat(60))] {
            let found: Vec<_> = restriction(long).inert().into_iter().map(|(_, why)| why).collect();
            assert_eq!(found, [InertReason::CooldownTooLong], "{long}");
        }
    }

    #[test]
    fn an_override_is_one_that_mix_applies() {
        for action in OverrideAction::ALL {
            assert_eq!(sound(*action).inert(), None, "{action}");
        }
        let deny = || sound(OverrideAction::Deny);
        let named = |package: &str, requirement: Option<&str>| Override {
            package: PackageRef {
                package: package.to_owned(),
                requirement: requirement.map(str::to_owned),
                unknown: UnknownFields::default(),
            },
            ..deny()
        };
        let commented = |comment: String| Override { comment: Some(comment), ..deny() };
        let advisory = |id: Option<&str>| Override {
            advisory_id: id.map(str::to_owned),
            ..sound(OverrideAction::Advisory)
        };
        let retirement =
            |reason| Override { retirement_reason: reason, ..sound(OverrideAction::Retirement) };
        for (inert, why) in [
            (sound(OverrideAction::Unknown(5)), InertReason::Action),
            (named("", None), InertReason::NoPackage),
            (named("foo\u{200b}", None), InertReason::InvisibleCharacter("package")),
            (named("foo", Some(">= 2")), InertReason::Requirement(">= 2".to_owned())),
            (named("foo", Some("")), InertReason::Requirement(String::new())),
            (commented("a\nb".to_owned()), InertReason::InvisibleCharacter("comment")),
            (commented("é".repeat(501)), InertReason::LongComment(501)),
            (
                Override { advisory_id: Some(String::new()), ..deny() },
                InertReason::Surplus("an advisory id"),
            ),
            (
                Override { retirement_reason: Some(RetirementReason::Other), ..deny() },
                InertReason::Surplus("a retirement reason"),
            ),
            (advisory(None), InertReason::Lacks("advisory id")),
            (advisory(Some(" ")), InertReason::Lacks("advisory id")),
            (advisory(Some("CVE\t")), InertReason::InvisibleCharacter("advisory id")),
            (retirement(None), InertReason::Lacks("retirement reason")),
            (retirement(Some(RetirementReason::Unknown(5))), InertReason::RetirementReason),
        ] {
            assert_eq!(inert.inert(), Some(why), "{inert}");
        }
        assert_eq!(named("foo", None).inert(), None);
        assert_eq!(commented("é".repeat(500)).inert(), None);
    }

    #[test]
    fn an_inert_part_is_named_with_its_repository() {
        let overrides = vec![sound(OverrideAction::Deny), sound(OverrideAction::Unknown(9))];
        let first = of_repository(restriction("7 days"), overrides);
        let mut policy = Policy {
            repository: "acme".parse().unwrap(),
            name: "strict".parse().unwrap(),
            description: None,
            visibility: Visibility::Private,
            repositories: vec![first, of_repository(restriction("7d"), Vec::new())],
            unknown: UnknownFields::default(),
        };
        let messages: Vec<_> = policy.inert_parts().iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "repository \"hexpm\": cooldown \"7 days\": it is ignored: expected 0, or a number followed by \
                 d, w or mo",
                "repository \"hexpm\": override 2 (9 foo >= 2.0.0): it is ignored: clients do not know its action",
                "repository \"hexpm\": all of it: clients use only the first part about this repository",
            ]
        );
        policy.repositories.remove(0);
        assert_eq!(policy.inert_parts(), []);
    }
}
