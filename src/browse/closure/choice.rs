//! What the solver may choose for a package, and sets of that.

use std::fmt;
use std::ops::Bound::{self, Excluded, Included, Unbounded};

use version_ranges::Ranges;

use crate::requirement::VersionRequirement;
use crate::version::Version;

/// A set of choices.
pub(super) type Choices = Ranges<Choice>;

/// A choice for a package: a version from one repository, or no package.
///
/// The solver knows packages by their name alone, as Hex's does, so the same package of two repositories cannot both be
/// in a set. An optional dependency allows [`Choice::ABSENT`] too, which is chosen last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Choice {
    /// The number of the repository. The lowest is 1.
    pub repository: usize,
    /// `None` is below all versions of the repository, and never chosen but for [`Choice::ABSENT`].
    pub version: Option<Version>,
}

impl Choice {
    /// The package is not in the set.
    pub const ABSENT: Self = Self { repository: 0, version: None };

    pub fn new(repository: usize, version: Version) -> Self {
        Self { repository, version: Some(version) }
    }

    /// The end of the versions before this repository's.
    fn floor(repository: usize) -> Self {
        Self { repository, version: None }
    }
}

/// The solver prints choices in its log, which is switched off.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => version.fmt(f),
            None => f.write_str("absent"),
        }
    }
}

/// The versions in a repository that a requirement allows; all of them without one.
pub(super) fn allowed(repository: usize, requirement: Option<&VersionRequirement>) -> Choices {
    let Some(requirement) = requirement else { return all_of(repository) };
    requirement.alternatives().fold(Choices::empty(), |found, all| {
        let matching = all.iter().fold(all_of(repository), |matching, any| {
            let intervals = any.iter().fold(Choices::empty(), |union, (lower, upper)| {
                let ends = (end(repository, lower), end(repository, upper));
                union.union(&Choices::from_range_bounds::<_, Choice>(ends))
            });
            matching.intersection(&intervals)
        });
        found.union(&matching)
    })
}

fn all_of(repository: usize) -> Choices {
    let ends = (Choice::floor(repository), Choice::floor(repository.saturating_add(1)));
    Choices::from_range_bounds::<_, Choice>((Excluded(ends.0), Excluded(ends.1)))
}

fn end(repository: usize, bound: &Bound<Version>) -> Bound<Choice> {
    match bound {
        Included(version) => Included(Choice::new(repository, version.clone())),
        Excluded(version) => Excluded(Choice::new(repository, version.clone())),
        Unbounded => Unbounded,
    }
}

/// The repository of an interval of choices. An interval is within one: the sets of two repositories have a gap
/// between them.
pub(super) fn repository_of(lower: &Bound<Choice>) -> usize {
    match lower {
        Included(choice) | Excluded(choice) => choice.repository,
        Unbounded => 0,
    }
}
