//! What a closure says: the packages of the set, and what prevents it.

use std::collections::BTreeMap;

use super::source::{QualifiedName, Whereabouts};
use crate::name::PackageName;
use crate::package::Release;
use crate::version::Version;

/// The set of packages that one release pulls in.
#[derive(Clone, Debug)]
pub struct Closure {
    /// Whether a client can have the set.
    pub outcome: ClosureOutcome,
    /// The release itself first, then what it needs: nearer ones first.
    pub packages: Vec<ClosurePackage>,
    /// What the set needs and is not to be had, sorted by name.
    pub lacking: Vec<LackingPackage>,
    /// Packages that newer releases need and that are missing: clients take older releases in place of those. Sorted by
    /// name.
    pub avoided: Vec<LackingPackage>,
    /// Packages on which the set depends optionally and that are not in it, sorted by name. Clients fetch them only if a
    /// project depends on them too.
    pub optional: Vec<OptionalPackage>,
    /// Requirements of packages in the set on which `mix` stops, also if it would not choose that release. At most
    /// [`ClosureLimits::unreadable`](super::ClosureLimits::unreadable).
    pub unreadable: Vec<UnreadableRequirement>,
}

/// Whether a client can have the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClosureOutcome {
    /// It can.
    Complete,
    /// Something is [lacking](Closure::lacking). The rest is resolved as if that were there and needed nothing.
    Incomplete,
    /// No versions meet all requirements. The packages are those that a client would try first.
    Conflict {
        /// The reason, a sentence each; empty lines separate arguments.
        explanation: Vec<String>,
    },
    /// Resolution was ended before a result. The packages are those that a client would try first.
    Stopped(Stopped),
}

/// Why resolution was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// More packages would have to be looked up.
    #[error("it needs more than {0} packages to be looked at")]
    Packages(usize),
    /// There are too many combinations of versions to try.
    #[error("no set of versions was found in {0} steps")]
    Steps(usize),
    /// Too many versions do not fit.
    #[error("no set of versions was found after {0} other versions were tried")]
    Retries(usize),
    /// It takes too long.
    #[error("no set of versions was found in the time for it")]
    Time,
}

/// A package of the set.
#[derive(Clone, Debug)]
pub struct ClosurePackage {
    /// Its name and repository.
    pub name: QualifiedName,
    /// Where it is: here or upstream.
    pub whereabouts: Whereabouts,
    /// The chosen release: version, checksums, dependencies, retirement, advisories.
    pub release: Release,
    /// Which packages of the set depend on it. Empty for the release that the closure is of.
    pub required_by: Vec<RequiredBy>,
}

impl ClosurePackage {
    /// Whether the chosen release meets the requirements of all packages in the set.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.required_by.iter().all(|one| one.is_met)
    }
}

/// One requirement on a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredBy {
    /// The package that has the requirement.
    pub name: QualifiedName,
    /// Its release.
    pub version: Version,
    /// The text of the requirement.
    pub requirement: String,
    /// Whether the dependency is optional.
    pub is_optional: bool,
    /// Whether the release that was chosen for the set meets it.
    pub is_met: bool,
}

/// A package that is not to be had, or not in a version that is needed.
#[derive(Clone, Debug)]
pub struct LackingPackage {
    /// Its name and repository.
    pub name: QualifiedName,
    /// What is wrong with it.
    pub reason: LackReason,
    /// Who needs it.
    pub required_by: Vec<RequiredBy>,
}

/// Why a package is lacking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LackReason {
    /// No repository has it.
    Missing,
    /// It is there, and none of its versions meets the requirement.
    NoFittingVersion {
        /// The newest version that is there.
        newest: Option<Version>,
    },
    /// It could not be asked for; the reason is for people.
    Unknown(String),
}

/// A package on which the set depends optionally.
#[derive(Clone, Debug)]
pub struct OptionalPackage {
    /// Its name and repository.
    pub name: QualifiedName,
    /// Where it is.
    pub whereabouts: Whereabouts,
    /// Which packages of the set name it.
    pub required_by: Vec<RequiredBy>,
}

/// A requirement that Hex's solver does not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRequirement {
    /// The package that has it.
    pub name: QualifiedName,
    /// Its release.
    pub version: Version,
    /// The package that the release requires.
    pub dependency: String,
    /// Why it is not read; with the text of the requirement.
    pub reason: String,
}

impl Closure {
    /// The packages to ask for with `hexreg mirror --only NAME…`, by repository, each sorted. A name that no package can
    /// have is left out: it would be an argument of a command that a person copies.
    #[must_use]
    pub fn names_to_mirror(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let asked_for = self.lacking.iter().filter(|one| one.is_to_mirror());
        for QualifiedName { repository, package } in asked_for.map(|one| &one.name) {
            names.entry(repository).or_default().push(package);
        }
        for names in names.values_mut() {
            names.sort_unstable();
        }
        names
    }
}

impl LackingPackage {
    /// Whether a mirror could bring it. A package that could not be asked for may be there.
    fn is_to_mirror(&self) -> bool {
        !matches!(self.reason, LackReason::Unknown(_)) && PackageName::is_valid(&self.name.package)
    }
}
