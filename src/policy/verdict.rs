//! What a policy says of a release: whether the resolver of a client may take it, and why not.
//!
//! The rules are those of `Hex.Policy.Filter.explain/3` of Hex 2.5.2-dev. Clients filter only what they resolve: a
//! version that `mix.lock` has already is never hidden.

use std::fmt;

use super::cooldown;
use super::{Override, OverrideAction, Policy, RepositoryPolicy, Restriction};
use crate::package::{Advisory, Remarks, RetirementReason, Severity, UnixSeconds};
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

impl Policy {
    /// What the policy says of a release, at this time.
    #[must_use]
    pub fn verdict(&self, candidate: &Candidate<'_>, now: UnixSeconds) -> Verdict<'_> {
        let Some(rules) = self.rules_for(candidate.repository) else { return Verdict::default() };
        let overrides = MatchingOverrides::of(rules, candidate);
        match overrides.last_word() {
            Some(one) if one.action == OverrideAction::Deny => {
                Verdict { reasons: vec![BlockReason::Denied], overrides: vec![one] }
            }
            Some(one) => Verdict { reasons: Vec::new(), overrides: vec![one] },
            None => overrides.judge(rules.restriction.as_ref(), candidate.remarks, now),
        }
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
}

/// The overrides of a repository that clients apply to a release, those with a requirement first.
struct MatchingOverrides<'a>(Vec<&'a Override>);

impl<'a> MatchingOverrides<'a> {
    fn of(rules: &'a RepositoryPolicy, candidate: &Candidate<'_>) -> Self {
        let matching = rules.overrides.iter().filter(|one| {
            one.package.covers(candidate.package, candidate.version) && one.inert().is_none()
        });
        let mut matching: Vec<_> = matching.collect();
        matching.sort_by_key(|one| one.package.requirement.is_none());
        Self(matching)
    }

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
