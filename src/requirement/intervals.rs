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
}
