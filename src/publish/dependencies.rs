//! Dependencies that are well-formed and harm clients all the same: a requirement on which Hex's solver raises, and one
//! on a package of hex.pm that has the same name as a package of this registry.

mod fault;

pub use fault::{DependencyFault, DependencyFaults};

use std::collections::BTreeSet;

use super::observer::{Observer, Warning};
use crate::name::{PackageName, RepositoryName};
use crate::package::{Dependency, Release};
use crate::registry::{PUBLIC_REPOSITORY, Releases};
use crate::requirement::check_solvable;
use crate::tarball::FileName;

/// The rules that dependencies must meet.
pub(crate) struct DependencyRules<'a> {
    /// The repository of the release.
    pub repository: &'a RepositoryName,
    /// Whether the repository has a package of a name.
    pub has_package: &'a (dyn Fn(&PackageName) -> bool + Sync),
    /// Packages of hex.pm that may be required, though the repository has others of their names.
    pub allow_public: &'a BTreeSet<PackageName>,
}

impl DependencyRules<'_> {
    /// Fails with everything that is wrong with these.
    pub fn check(&self, dependencies: &[Dependency]) -> Result<(), DependencyFaults> {
        let faults = dependencies.iter().flat_map(|dependency| {
            [unsolvable(dependency), self.public_namesake(dependency)].into_iter().flatten()
        });
        DependencyFaults::refuse(faults.collect())
    }

    /// Fails with the dependencies on packages of this repository that it does not have. They are faults of the registry,
    /// which may get the packages later, and not of the release.
    pub fn check_presence(&self, dependencies: &[Dependency]) -> Result<(), DependencyFaults> {
        let absent = dependencies.iter().filter(|one| one.repository.is_none()).filter_map(|one| {
            let is_here = one.package.parse().is_ok_and(|name| (self.has_package)(&name));
            let (package, repository) = (one.package.clone(), self.repository.clone());
            (!is_here).then_some(DependencyFault::Absent { package, repository })
        });
        DependencyFaults::refuse(absent.collect())
    }

    /// The dependency that a registry lists for a requirement: without `repository` if that is its own. A requirement
    /// without a repository is on a package of the registry, if it has one of that name, and of hex.pm otherwise. `mix
    /// hex.build` always writes a repository. rebar3 and gleam never do; hex.pm takes their requirements as its own, and
    /// `mix hex.registry build` takes them as the registry's own.
    pub fn resolve(&self, requirement: Dependency) -> Dependency {
        let is_here = |name: &str| name.parse().is_ok_and(|name| (self.has_package)(&name));
        let is_public = requirement.repository.is_none() && !is_here(&requirement.package);
        let named =
            requirement.repository.or_else(|| is_public.then(|| PUBLIC_REPOSITORY.to_owned()));
        Dependency { repository: named, ..requirement }.seen_from(self.repository)
    }

    fn public_namesake(&self, dependency: &Dependency) -> Option<DependencyFault> {
        let is_public = dependency.repository.as_deref() == Some(PUBLIC_REPOSITORY);
        if !is_public || self.repository.as_str() == PUBLIC_REPOSITORY {
            return None;
        }
        let package: PackageName = dependency.package.parse().ok()?;
        let is_fault = (self.has_package)(&package) && !self.allow_public.contains(&package);
        let repository = || self.repository.clone();
        is_fault.then(|| DependencyFault::PublicNamesake { package, repository: repository() })
    }
}

/// Whether `dependency`, in a registry of `repository`, is a reading of a requirement of a tarball. A requirement without a
/// repository may be read as one of the registry's own or of hex.pm.
pub(crate) fn is_reading(
    dependency: &Dependency,
    requirement: &Dependency,
    repository: &RepositoryName,
) -> bool {
    let own = requirement.clone().seen_from(repository);
    let public = || Dependency { repository: Some(PUBLIC_REPOSITORY.to_owned()), ..own.clone() };
    *dependency == own || (requirement.repository.is_none() && *dependency == public())
}

/// Whether a published package, of a repository other than hex.pm's, has a dependency on a package of hex.pm.
pub(crate) fn has_public(repository: &RepositoryName, package: &Releases) -> bool {
    let mut dependencies = package.releases.iter().flat_map(|release| &release.dependencies);
    repository.as_str() != PUBLIC_REPOSITORY
        && dependencies.any(|one| one.repository.as_deref() == Some(PUBLIC_REPOSITORY))
}

/// Takes dependencies for those of hex.pm that the published release of the same tarball has from there, though they were
/// read as ones of the registry's own: the tarball names no repository. Returns whether there are any.
pub(crate) fn keep_public(release: &mut Release, published: &Release) -> bool {
    let mut keeps = false;
    for dependency in release.dependencies.iter_mut().filter(|one| one.repository.is_none()) {
        let repository = Some(PUBLIC_REPOSITORY.to_owned());
        let public = Dependency { repository, ..dependency.clone() };
        if published.dependencies.contains(&public) {
            *dependency = public;
            keeps = true;
        }
    }
    keeps
}

/// Fails with everything that is wrong with the requirements alone.
fn check_requirements(dependencies: &[Dependency]) -> Result<(), DependencyFaults> {
    DependencyFaults::refuse(dependencies.iter().filter_map(unsolvable).collect())
}

fn unsolvable(dependency: &Dependency) -> Option<DependencyFault> {
    let Dependency { package, requirement, .. } = dependency;
    let is_fault = check_solvable(&requirement.0).is_err();
    is_fault.then(|| DependencyFault::Requirement {
        package: package.clone(),
        requirement: requirement.0.clone(),
    })
}

/// Warns of faulty requirements in those releases of an upstream package that are wanted.
pub(crate) fn warn_of_requirements(
    observer: &dyn Observer,
    package: &Releases,
    wanted: &BTreeSet<FileName>,
) {
    let is_wanted = |release: &&Release| {
        let (package, version) = (package.package.clone(), release.version.clone());
        wanted.contains(&FileName { package, version })
    };
    let faulty = package.releases.iter().filter(is_wanted).filter_map(|release| {
        let faults = check_requirements(&release.dependencies).err()?;
        Some((release, faults))
    });
    warn(observer, &package.package, faulty);
}

/// Warns of published releases of one package. A fault that several releases have is reported once, for the newest.
pub(crate) fn warn<'a>(
    observer: &dyn Observer,
    package: &PackageName,
    releases: impl IntoIterator<Item = (&'a Release, DependencyFaults)>,
) {
    let mut reported: Vec<(&Release, DependencyFault, usize)> = Vec::new();
    for (release, DependencyFaults(faults)) in releases {
        for fault in faults {
            match reported.iter_mut().find(|(_, known, _)| *known == fault) {
                Some((newest, _, others)) => {
                    *others = others.saturating_add(1);
                    if newest.version < release.version {
                        *newest = release;
                    }
                }
                None => reported.push((release, fault, 0)),
            }
        }
    }
    for (release, fault, others) in reported {
        let release = FileName { package: package.clone(), version: release.version.clone() };
        observer.warn(Warning::Dependency { release, others, fault });
    }
}
