//! The versions of a requirement as intervals, from which a solver makes sets.

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use super::version_requirement::{Comparison, Operator, VersionRequirement};
use crate::version::Version;

/// The lower and the upper end of a range of versions.
pub(crate) type Interval = (Bound<Version>, Bound<Version>);

impl VersionRequirement {
    /// The alternatives that `or` separates. Each is a list of comparisons that must all hold, and a comparison holds
    /// in each of its intervals.
    pub(crate) fn alternatives(&self) -> impl Iterator<Item = Vec<Vec<Interval>>> {
        self.any_of.iter().map(|all_of| all_of.iter().map(intervals).collect())
    }

    /// Whether no version matches, as none is above 2.0.0 and below 1.0.0.
    pub(crate) fn matches_nothing(&self) -> bool {
        self.alternatives().all(|all| {
            let everything: Vec<Interval> = vec![(Unbounded, Unbounded)];
            let common = all.iter().fold(everything, |common, one| {
                let pairs =
                    common.iter().flat_map(|left| one.iter().map(move |right| (left, right)));
                pairs.filter_map(|(left, right)| common_part(left, right)).collect()
            });
            common.is_empty()
        })
    }
}

/// The versions that two intervals have in common; `None` if they have none.
fn common_part(left: &Interval, right: &Interval) -> Option<Interval> {
    let (from, to) = (higher(&left.0, &right.0), lower(&left.1, &right.1));
    let is_empty = match (from, to) {
        (Included(from), Included(to)) => from > to,
        (Included(from) | Excluded(from), Included(to) | Excluded(to)) => from >= to,
        (Unbounded, _) | (_, Unbounded) => false,
    };
    (!is_empty).then(|| (from.clone(), to.clone()))
}

/// The narrower of two lower ends.
fn higher<'a>(left: &'a Bound<Version>, right: &'a Bound<Version>) -> &'a Bound<Version> {
    match (left, right) {
        (Unbounded, other) | (other, Unbounded) => other,
        (Included(one) | Excluded(one), Included(other) | Excluded(other)) if one != other => {
            if one > other { left } else { right }
        }
        (Excluded(_), _) => left,
        (Included(_), _) => right,
    }
}

/// The narrower of two upper ends.
fn lower<'a>(left: &'a Bound<Version>, right: &'a Bound<Version>) -> &'a Bound<Version> {
    match (left, right) {
        (Unbounded, other) | (other, Unbounded) => other,
        (Included(one) | Excluded(one), Included(other) | Excluded(other)) if one != other => {
            if one < other { left } else { right }
        }
        (Excluded(_), _) => left,
        (Included(_), _) => right,
    }
}

/// A version matches a comparison if it is in one of these.
fn intervals(comparison: &Comparison) -> Vec<Interval> {
    let version = comparison.version.clone();
    match comparison.operator {
        Operator::Equal => vec![(Included(version.clone()), Included(version))],
        Operator::NotEqual => {
            vec![(Unbounded, Excluded(version.clone())), (Excluded(version), Unbounded)]
        }
        Operator::Greater => vec![(Excluded(version), Unbounded)],
        Operator::GreaterOrEqual => vec![(Included(version), Unbounded)],
        Operator::Less => vec![(Unbounded, Excluded(version))],
        Operator::LessOrEqual => vec![(Unbounded, Included(version))],
        Operator::SameMajor => {
            let end = before_major(version.major());
            vec![(Included(version), end)]
        }
        Operator::SameMinor => {
            let (major, minor) = (version.major(), version.minor());
            let end = minor.checked_add(1).and_then(|minor| Version::lowest(major, minor));
            let end = end.map_or_else(|| before_major(major), Excluded);
            vec![(Included(version), end)]
        }
    }
}

/// The end of all versions with this major number. The highest number has no version above it.
fn before_major(major: u64) -> Bound<Version> {
    let next = major.checked_add(1).and_then(|major| Version::lowest(major, 0));
    next.map_or(Unbounded, Excluded)
}

#[cfg(test)]
mod tests {
    use std::ops::RangeBounds;

    use super::*;

    const VERSIONS: [&str; 14] = [
        "0.0.0-0",
        "0.9.9",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.1.0-0",
        "1.1.0",
        "1.2.3",
        "2.0.0-0",
        "2.0.0-rc.1",
        "2.0.0",
        "3.0.0",
        "18446744073709551615.0.0",
        "18446744073709551615.18446744073709551615.7",
    ];

    #[test]
    fn intervals_have_the_versions_that_match() {
        for text in [
            "1.0.0",
            "!= 1.0.0",
            "> 1.0.0",
            ">= 1.0.0-rc.1",
            "< 2.0.0",
            "<= 2.0.0-0",
            "~> 1.0",
            "~> 1.0.0",
            "~> 2.0-rc.1",
            "~> 1.0 and != 1.1.0",
            "~> 1.0 and ~> 1.1",
            "~> 0.9 or >= 1.1.0 and < 3.0.0",
            "> 2.0.0 and < 1.0.0",
            "~> 18446744073709551615.0",
            "~> 18446744073709551615.18446744073709551615.0",
            "~> 1.18446744073709551615.0",
        ] {
            let requirement: VersionRequirement = text.parse().unwrap();
            for version in VERSIONS {
                let version: Version = version.parse().unwrap();
                let is_in = |one: &Vec<Interval>| one.iter().any(|range| range.contains(&version));
                let found = requirement.alternatives().any(|all| all.iter().all(is_in));
                assert_eq!(found, requirement.matches(&version), "{text}: {version}");
            }
        }
    }

    #[test]
    fn what_nothing_matches_is_known() {
        for (text, expected) in [
            ("> 2.0.0 and < 1.0.0", true),
            ("> 1.0.0 and <= 1.0.0", true),
            ("~> 1.0 and > 2.0.0", true),
            ("~> 1.0 and >= 2.0.0-0", true),
            ("1.0.0 and 1.0.1", true),
            ("1.0.0 and != 1.0.0", true),
            ("> 2.0.0 and < 1.0.0 or < 1.0.0 and > 1.0.0", true),
            (">= 1.0.0 and <= 1.0.0", false),
            ("~> 1.0 and <= 1.0.0", false),
            ("~> 1.0 and ~> 1.1", false),
            ("> 1.0.0 and < 2.0.0 and < 3.0.0", false),
            ("> 2.0.0 and < 1.0.0 or 1.0.0", false),
            ("!= 1.0.0", false),
        ] {
            let requirement: VersionRequirement = text.parse().unwrap();
            assert_eq!(requirement.matches_nothing(), expected, "{text}");
        }
    }
}
