//! What a registry says of a release and no tarball holds: retirement, time of publishing, advisories.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use super::{Timestamp, numbered_enum};
use crate::unknown_fields::UnknownFields;

/// What a registry says of one release and its tarball does not. Only the signed files hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Set if the release is retired.
    pub retired: Option<Retirement>,
    /// When the release was published. Clients of Hex 2.5 compare it with the cooldown of a policy.
    pub published_at: Option<Timestamp>,
    /// Security advisories that affect the release.
    pub advisories: Vec<Arc<Advisory>>,
    /// Fields of its messages that this version does not know.
    pub unknown: UnknownInRelease,
}

/// Fields of a release that this version does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownInRelease {
    /// Fields of the message `Release`.
    pub release: UnknownFields,
    /// Fields of the messages `Dependency`, by package: one entry for each dependency on that package, in order. A
    /// package without such fields is left out.
    pub dependencies: BTreeMap<String, Vec<UnknownFields>>,
}

/// Why a release should no longer be used. Clients warn of it and still fetch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retirement {
    /// The kind of reason.
    pub reason: RetirementReason,
    /// The explanation of the person who retired it.
    pub message: Option<String>,
    /// Fields that this version does not know.
    pub unknown: UnknownFields,
}

numbered_enum! {
    /// Why a release was retired, in the words of `mix hex.retire`.
    RetirementReason {
        /// None of the other reasons.
        Other = 0 "other",
        /// The release does not work.
        Invalid = 1 "invalid",
        /// The release has a security vulnerability.
        Security = 2 "security",
        /// Another package or version should be used instead.
        Deprecated = 3 "deprecated",
        /// The package has a new name.
        Renamed = 4 "renamed",
    }
}

numbered_enum! {
    /// How severe a vulnerability is, as advisories rate it.
    Severity {
        /// A score of 0.
        None = 0 "none",
        /// A score below 4.
        Low = 1 "low",
        /// A score below 7.
        Medium = 2 "medium",
        /// A score below 9.
        High = 3 "high",
        /// A score of 9 or more.
        Critical = 4 "critical",
    }
}

/// A word that is not a reason to retire a release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of other, invalid, security, deprecated, renamed")]
pub struct InvalidReason;

impl FromStr for RetirementReason {
    type Err = InvalidReason;

    fn from_str(word: &str) -> Result<Self, InvalidReason> {
        let mut known = Self::ALL.iter().copied();
        known.find(|reason| reason.word() == Some(word)).ok_or(InvalidReason)
    }
}

impl Retirement {
    /// A retirement without unknown fields.
    #[must_use]
    pub fn new(reason: RetirementReason, message: Option<String>) -> Self {
        Self { reason, message, unknown: UnknownFields::default() }
    }
}

/// A security advisory: a vulnerability in some releases of a package.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Advisory {
    /// Its identifier, such as `GHSA-…`.
    pub id: String,
    /// What is wrong, in one line.
    pub summary: String,
    /// The severity as a word.
    pub severity: Option<Severity>,
    /// The severity as a CVSS score from 0 to 10.
    pub cvss_score: Option<CvssScore>,
    /// The page of the advisory.
    pub html_url: String,
    /// The advisory as JSON.
    pub api_url: String,
    /// Other identifiers, such as `CVE-…`.
    pub aliases: Vec<String>,
    /// Fields that this version does not know.
    pub unknown: UnknownFields,
}

/// A score of the Common Vulnerability Scoring System, bit for bit as it was read, so that it is written back the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CvssScore(u32);

impl From<f32> for CvssScore {
    fn from(score: f32) -> Self {
        Self(score.to_bits())
    }
}

impl From<CvssScore> for f32 {
    fn from(CvssScore(bits): CvssScore) -> Self {
        Self::from_bits(bits)
    }
}

/// The marks of one version in `versions`: a summary of its [`Remarks`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The release is retired.
    pub retired: bool,
    /// The release has an advisory.
    pub with_advisories: bool,
}

impl Remarks {
    /// The marks of the release in `versions`.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks { retired: self.retired.is_some(), with_advisories: !self.advisories.is_empty() }
    }

    /// Whether nothing that `before` says is lost or changed here. More may be said here.
    #[must_use]
    pub fn include(&self, before: &Self) -> bool {
        let UnknownInRelease { release, dependencies } = &before.unknown;
        let known = &self.unknown;
        (before.retired.is_none() || before.retired == self.retired)
            && (before.published_at.is_none() || before.published_at == self.published_at)
            && before.advisories.iter().all(|advisory| self.advisories.contains(advisory))
            && (release.is_empty() || *release == known.release)
            && dependencies
                .iter()
                .all(|(name, fields)| known.dependencies.get(name) == Some(fields))
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_those_of_the_specification() {
        for (number, word) in
            ["other", "invalid", "security", "deprecated", "renamed"].iter().enumerate()
        {
            let reason: RetirementReason = word.parse().unwrap();
            let number = i32::try_from(number).unwrap();
            assert_eq!(reason.number(), number);
            assert_eq!(RetirementReason::from_number(number), reason);
            assert_eq!(reason.to_string(), *word);
        }
        assert_eq!(RetirementReason::from_number(7), RetirementReason::Unknown(7));
        assert_eq!("7".parse::<RetirementReason>(), Err(InvalidReason));
        assert_eq!(Severity::from_number(4).to_string(), "critical");
        assert_eq!(Severity::from_number(-1).to_string(), "-1");
    }
}
