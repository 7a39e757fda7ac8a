//! Dependencies that are well-formed and harm clients all the same: a requirement on which Hex's solver raises,
//! and one on a package of hex.pm that has the name of one of this registry.

mod fault;

pub use fault::{DependencyFault, DependencyFaults};

use std::collections::BTreeSet;

use crate::name::{PackageName, RepositoryName};
use crate::package::{Dependency, Release};
use crate::publish::observer::{Observer, Warning};
use crate::registry::{PUBLIC_REPOSITORY, Releases};
use crate::requirement::check_solvable;
use crate::tarball::FileName;

/// What a dependency is compared with.
pub(super) struct DependencyRules<'a> {
    /// The repository that the release is of.
    pub repository: &'a RepositoryName,
    /// Whether it has a package of a name.
    pub has_package: &'a (dyn Fn(&PackageName) -> bool + Sync),
    /// Packages of hex.pm that may be required, though it has others of their names.
    pub allow_public: &'a BTreeSet<PackageName>,
}

impl DependencyRules<'_> {
    /// What is wrong with these, if anything.
    pub fn check(&self, dependencies: &[Dependency]) -> Result<(), DependencyFaults> {
        let faults = dependencies.iter().flat_map(|dependency| {
            [unsolvable(dependency), self.public_namesake(dependency)].into_iter().flatten()
        });
        DependencyFaults::refuse(faults.collect())
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

/// What is wrong with the requirements alone, if anything.
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

/// Warns of the requirements in what upstream signed, of those of its releases that are wanted.
pub(super) fn warn_of_requirements(
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

/// Warns of releases of one package that are published already. A fault that many of them have is told once,
/// of the newest.
pub(super) fn warn<'a>(
    observer: &dyn Observer,
    package: &PackageName,
    releases: impl IntoIterator<Item = (&'a Release, DependencyFaults)>,
) {
    let mut told: Vec<(&Release, DependencyFault, usize)> = Vec::new();
    for (release, DependencyFaults(faults)) in releases {
        for fault in faults {
            match told.iter_mut().find(|(_, known, _)| *known == fault) {
                Some((newest, _, others)) => {
                    *others = others.saturating_add(1);
                    if newest.version < release.version {
                        *newest = release;
                    }
                }
                None => told.push((release, fault, 0)),
            }
        }
    }
    for (release, fault, others) in told {
        let release = FileName { package: package.clone(), version: release.version.clone() };
        observer.warn(Warning::Dependency { release, others, fault });
    }
}
