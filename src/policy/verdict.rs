//! What a policy says of a release: whether the resolver of a client may take it, and why not.
//!
//! The rules are those of `Hex.Policy.Filter.explain/3` of Hex 2.5.2-dev. Clients filter only what they resolve: a
//! version that `mix.lock` has already is never hidden.

use std::fmt;

use super::cooldown;
use super::{Override, OverrideAction, Policy, RepositoryPolicy, Restriction};
use crate::package::{Advisory, Remarks, RetirementReason, Severity, UnixSeconds};
use crate::requirement::VersionRequirement;
use crate::version::Version;

/// A release that a policy is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The name that the client uses for its repository: `hexpm`, `hexpm:ORGANISATION` or another one.
    pub repository: &'a str,
    /// Its package.
    pub package: &'a str,
    /// Its version.
    pub version: &'a Version,
    /// What the registry says of it.
    pub remarks: &'a Remarks,
}

/// What a policy says of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Why the release is hidden; empty for a release that clients may take.
    pub reasons: Vec<BlockReason>,
    /// The overrides that apply to it. One that accepts an advisory, a retirement or the cooldown applies if the release
    /// has that.
    pub overrides: Vec<&'a Override>,
}

/// Why a policy hides a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockReason {
    /// An override denies it.
    Denied,
    /// It has advisories of at least the severity of the policy, or of a severity that clients do not know.
    Advisory {
        /// The severity of the policy.
        minimum: Severity,
        /// The identifiers of these advisories.
        ids: Vec<String>,
    },
    /// It is retired for a reason that the policy names.
    Retired(RetirementReason),
    /// It was published less than the cooldown ago.
    Cooldown {
        /// The cooldown as the policy says it.
        duration: String,
        /// When the release becomes old enough; `None` for a time that no calendar has.
        until: Option<UnixSeconds>,
    },
}

/// The rules of a policy for one package. To judge many releases, they are found once.
#[derive(Clone, Debug)]
pub struct PackageRules<'a> {
    restriction: Option<&'a Restriction>,
    /// Those that clients apply, the ones with a requirement first.
    overrides: Vec<PackageOverride<'a>>,
}

#[derive(Clone, Debug)]
struct PackageOverride<'a> {
    rule: &'a Override,
    /// `None` for all versions.
    requirement: Option<VersionRequirement>,
}

impl Policy {
    /// What the policy says of a release, at this time.
    #[must_use]
    pub fn verdict(&self, candidate: &Candidate<'_>, now: UnixSeconds) -> Verdict<'_> {
        let rules = self.rules_for_package(candidate.repository, candidate.package);
        rules.map_or_else(Verdict::default, |rules| {
            rules.verdict(candidate.version, candidate.remarks, now)
        })
    }

    /// The rules for the packages of a repository; `None` if the policy does not restrict them. For `hexpm:ORGANISATION`
    /// a policy may have the name of the organisation.
    #[must_use]
    pub fn rules_for(&self, repository: &str) -> Option<&RepositoryPolicy> {
        let organisation = repository.strip_prefix("hexpm:").unwrap_or(repository);
        self.repositories
            .iter()
            .find(|rules| rules.repository == repository || rules.repository == organisation)
    }

    /// The rules for one package of a repository; `None` as of [`rules_for`](Self::rules_for).
    #[must_use]
    pub fn rules_for_package(&self, repository: &str, package: &str) -> Option<PackageRules<'_>> {
        let rules = self.rules_for(repository)?;
        let of_package = rules.overrides.iter().filter(|one| one.package.package == package);
        let mut overrides: Vec<_> = of_package.filter_map(PackageOverride::of).collect();
        overrides.sort_by_key(|one| one.requirement.is_none());
        Some(PackageRules { restriction: rules.restriction.as_ref(), overrides })
    }
}

impl<'a> PackageRules<'a> {
    /// What the policy says of a version of the package, at this time.
    #[must_use]
    pub fn verdict(&self, version: &Version, remarks: &Remarks, now: UnixSeconds) -> Verdict<'a> {
        let matching = self.overrides.iter().filter(|one| one.matches(version));
        let overrides = MatchingOverrides(matching.map(|one| one.rule).collect());
        match overrides.last_word() {
            Some(one) if one.action == OverrideAction::Deny => {
                Verdict { reasons: vec![BlockReason::Denied], overrides: vec![one] }
            }
            Some(one) => Verdict { reasons: Vec::new(), overrides: vec![one] },
            None => overrides.judge(self.restriction, remarks, now),
        }
    }
}

impl<'a> PackageOverride<'a> {
    /// `None` if clients ignore it.
    fn of(rule: &'a Override) -> Option<Self> {
        if rule.inert().is_some() {
            return None;
        }
        let requirement = rule.package.requirement.as_deref();
        let requirement = requirement.map(str::parse::<VersionRequirement>).transpose().ok()?;
        Some(Self { rule, requirement })
    }

    fn matches(&self, version: &Version) -> bool {
        self.requirement.as_ref().is_none_or(|requirement| requirement.matches(version))
    }
}

/// The overrides that clients apply to a release, those with a requirement first.
struct MatchingOverrides<'a>(Vec<&'a Override>);

impl<'a> MatchingOverrides<'a> {
    fn find(&self, applies: impl Fn(&Override) -> bool) -> Option<&'a Override> {
        self.0.iter().copied().find(|one| applies(one))
    }

    /// The override that allows or denies the release, whatever the restriction says.
    fn last_word(&self) -> Option<&'a Override> {
        self.find(|one| matches!(one.action, OverrideAction::Allow | OverrideAction::Deny))
    }

    fn of_advisory(&self, advisory: &Advisory) -> Option<&'a Override> {
        self.find(|one| {
            let accepted = one.advisory_id.as_deref().map(str::to_lowercase);
            let is = |id: &String| Some(id.to_lowercase()) == accepted;
            one.action == OverrideAction::Advisory
                && (is(&advisory.id) || advisory.aliases.iter().any(is))
        })
    }

    fn of_retirement(&self, reason: RetirementReason) -> Option<&'a Override> {
        self.find(|one| {
            one.action == OverrideAction::Retirement && one.retirement_reason == Some(reason)
        })
    }

    fn of_cooldown(&self) -> Option<&'a Override> {
        self.find(|one| one.action == OverrideAction::Cooldown)
    }

    /// What the restriction hides, if no override allows or denies the release.
    fn judge(
        &self,
        restriction: Option<&Restriction>,
        remarks: &Remarks,
        now: UnixSeconds,
    ) -> Verdict<'a> {
        let mut verdict = Verdict::default();
        let accept = |found: Option<&'a Override>, verdict: &mut Verdict<'a>| {
            let new = found.filter(|one| !verdict.overrides.contains(one));
            verdict.overrides.extend(new);
            found.is_some()
        };
        let mut severe = Vec::new();
        let minimum = restriction.and_then(|restriction| restriction.advisory_min_severity);
        for advisory in &remarks.advisories {
            let is_accepted = accept(self.of_advisory(advisory), &mut verdict);
            if !is_accepted && minimum.is_some_and(|minimum| is_at_least(advisory, minimum)) {
                severe.push(advisory.id.clone());
            }
        }
        if let Some(minimum) = minimum.filter(|_| !severe.is_empty()) {
            verdict.reasons.push(BlockReason::Advisory { minimum, ids: severe });
        }
        if let Some(reason) = remarks.retired.as_ref().map(|retired| retired.reason) {
            let is_accepted = accept(self.of_retirement(reason), &mut verdict);
            let is_listed = restriction.is_some_and(|all| all.retirement_reasons.contains(&reason));
            if is_listed && !is_accepted {
                verdict.reasons.push(BlockReason::Retired(reason));
            }
        }
        if let Some(reason) = restriction.and_then(|all| too_young(all, remarks, now)) {
            if !accept(self.of_cooldown(), &mut verdict) {
                verdict.reasons.push(reason);
            }
        }
        verdict
    }
}

/// Whether an advisory is at least so severe. One without a severity that clients know is more severe than all.
fn is_at_least(advisory: &Advisory, minimum: Severity) -> bool {
    rank(advisory.severity) >= rank(Some(minimum))
}

fn rank(severity: Option<Severity>) -> usize {
    let known = severity.and_then(|one| Severity::ALL.iter().position(|known| *known == one));
    known.unwrap_or(Severity::ALL.len())
}

/// The cooldown, if the release is younger. One without a time of publication is old enough.
fn too_young(
    restriction: &Restriction,
    remarks: &Remarks,
    now: UnixSeconds,
) -> Option<BlockReason> {
    let duration = restriction.cooldown.as_ref()?;
    let seconds = cooldown::seconds(duration).filter(|seconds| *seconds > 0)?;
    let published = remarks.published_at.as_ref()?.seconds;
    let until = i64::try_from(seconds).ok();
    let until = until.and_then(|seconds| published.0.checked_add(seconds)).map(UnixSeconds);
    let is_old_enough = until.is_some_and(|until| until <= now);
    (!is_old_enough).then(|| BlockReason::Cooldown { duration: duration.clone(), until })
}

impl Verdict<'_> {
    /// Whether clients may take the release.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Why the release is hidden, and which overrides apply, such as `the policy denies it (deny plug < 1.5.0: SEC-12)`.
    /// Empty for a release that is allowed without an override.
    #[must_use]
    pub fn explanation(&self) -> String {
        let reasons: Vec<_> = self.reasons.iter().map(ToString::to_string).collect();
        let applied: Vec<_> = self.overrides.iter().map(|one| one.explanation()).collect();
        let (reasons, applied) = (reasons.join("; "), applied.join("; "));
        if reasons.is_empty() {
            applied
        } else if applied.is_empty() {
            reasons
        } else {
            format!("{reasons} ({applied})")
        }
    }
}

/// Such as `hidden: it is retired (security)`.
impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let explanation = self.explanation();
        if !self.is_allowed() {
            write!(f, "hidden: {explanation}")
        } else if explanation.is_empty() {
            f.write_str("allowed")
        } else {
            write!(f, "allowed ({explanation})")
        }
    }
}

impl BlockReason {
    /// Whether the release is hidden as the policy has an allow list, and the release is not on it. Such a list is
    /// written as a cooldown that never ends.
    #[must_use]
    pub fn is_not_on_list(&self) -> bool {
        matches!(self, Self::Cooldown { duration, .. } if duration == cooldown::NEVER)
    }
}

/// Such as `it has an advisory of severity high or above: GHSA-1`.
impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("the policy denies it"),
            Self::Advisory { minimum: Severity::None, ids } => {
                write!(f, "it has a security advisory: {}", ids.join(", "))
            }
            Self::Advisory { minimum, ids } => {
                let ids = ids.join(", ");
                write!(f, "it has a security advisory of severity {minimum} or above: {ids}")
            }
            Self::Retired(reason) => write!(f, "it is retired ({reason})"),
            Self::Cooldown { .. } if self.is_not_on_list() => {
                f.write_str("the policy does not allow it (only what is on its list)")
            }
            Self::Cooldown { duration, until } => {
                write!(f, "it was published less than {duration} ago")?;
                let until = until.and_then(|until| jiff::Timestamp::from_second(until.0).ok());
                match until {
                    Some(until) => write!(f, ": old enough on {}", until.strftime("%Y-%m-%d")),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
