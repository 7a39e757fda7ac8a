//! What a registry says of a release beside what its tarball holds: it lives in the registry alone.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use super::{Timestamp, numbered_enum};
use crate::unknown_fields::UnknownFields;

/// What is remarked on one release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Whether its author advises against it.
    pub retired: Option<Retirement>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// What is known of holes in it.
    pub advisories: Vec<Arc<Advisory>>,
    /// What this version does not know.
    pub unknown: UnknownInRelease,
}

/// Fields of a release that this version does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownInRelease {
    /// Of the release itself.
    pub release: UnknownFields,
    /// Of its dependencies that have such fields, by the package that is needed: of each dependency on it, in order.
    pub dependencies: BTreeMap<String, Vec<UnknownFields>>,
}

/// Why nobody should use a release any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retirement {
    /// In one word.
    pub reason: RetirementReason,
    /// In its author's words.
    pub message: Option<String>,
    /// What this version does not know.
    pub unknown: UnknownFields,
}

numbered_enum! {
    /// Why a release was retired, as `mix hex.retire` has it.
    RetirementReason {
        /// For none of the other reasons.
        Other = 0 "other",
        /// It does not work.
        Invalid = 1 "invalid",
        /// It has a hole.
        Security = 2 "security",
        /// There is something better.
        Deprecated = 3 "deprecated",
        /// It lives on under another name.
        Renamed = 4 "renamed",
    }
}

numbered_enum! {
    /// How bad a hole is.
    Severity {
        /// Not at all.
        None = 0 "none",
        /// A little.
        Low = 1 "low",
        /// Somewhat.
        Medium = 2 "medium",
        /// Very.
        High = 3 "high",
        /// As can be.
        Critical = 4 "critical",
    }
}

/// A word that is no reason to retire a release.
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
    /// A retirement without fields that this version does not know.
    #[must_use]
    pub fn new(reason: RetirementReason, message: Option<String>) -> Self {
        Self { reason, message, unknown: UnknownFields::default() }
    }
}

/// A hole that was found in some releases.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Advisory {
    /// Such as `GHSA-…`.
    pub id: String,
    /// In one line.
    pub summary: String,
    /// How bad it is, in a word.
    pub severity: Option<Severity>,
    /// How bad it is, from 0 to 10.
    pub cvss_score: Option<CvssScore>,
    /// Where a person reads on.
    pub html_url: String,
    /// Where a program reads on.
    pub api_url: String,
    /// Under which other names it is known, such as `CVE-…`.
    pub aliases: Vec<String>,
    /// What this version does not know.
    pub unknown: UnknownFields,
}

/// A score of the Common Vulnerability Scoring System, bit for bit as it was read.
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

/// What `versions` marks one version with, as its package says at greater length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Its author advises against it.
    pub retired: bool,
    /// A hole in it is known.
    pub with_advisories: bool,
}

impl Remarks {
    /// What `versions` marks the release with.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks { retired: self.retired.is_some(), with_advisories: !self.advisories.is_empty() }
    }

    /// Whether they say all that was remarked before.
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

    /// Whether there are none.
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
