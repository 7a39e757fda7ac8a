//! Compares `names`, `versions` and the packages with each other.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::{Defect, Mark, Problem};
use super::resources::Resources;
use crate::name::PackageName;
use crate::package::Marks;
use crate::registry::Resource;
use crate::repository::RepositoryPath;
use crate::version::Version;

/// The differences. The order of packages does not matter: Hex has its own.
pub(super) fn compare(resources: &Resources) -> Vec<Problem> {
    let names = RepositoryPath::resource(&Resource::Names);
    let versions = RepositoryPath::resource(&Resource::Versions);
    let mut problems = Vec::new();
    let mut note = |path: &RepositoryPath, defect: Defect| problems.push(defect.at(path.clone()));

    for (package, releases) in &resources.packages {
        let path = RepositoryPath::package(package);
        let releases = &releases.releases;
        if releases.is_empty() {
            note(&path, Defect::NoReleases(package.clone()));
        }
        let ascending: Vec<&Version> = releases.iter().map(|release| &release.version).collect();
        if let Some(version) = out_of_order(&ascending) {
            note(&path, Defect::Order { package: package.clone(), version: version.clone() });
        }
    }

    let mut listed: BTreeMap<&PackageName, Vec<&Version>> = BTreeMap::new();
    for (package, of_package) in resources.versions.iter().flat_map(|index| &index.packages) {
        let of_package: Vec<&Version> = of_package.iter().map(|one| &one.version).collect();
        if of_package.is_empty() {
            note(&versions, Defect::NoReleases(package.clone()));
        }
        if let Some(version) = out_of_order(&of_package) {
            note(&versions, Defect::Order { package: package.clone(), version: version.clone() });
        }
        if listed.insert(package, of_package).is_some() {
            note(&versions, Defect::PackageTwice(package.clone()));
        }
    }
    let mut in_names = BTreeSet::new();
    for (package, _) in resources.names.iter().flat_map(|index| &index.packages) {
        if !in_names.insert(package) {
            note(&names, Defect::PackageTwice(package.clone()));
        }
    }

    if resources.versions.is_some() {
        for (package, releases) in &resources.packages {
            let Some(listed) = listed.get(package) else {
                note(&versions, Defect::NotInVersions(package.clone()));
                continue;
            };
            let has: BTreeSet<&Version> =
                releases.releases.iter().map(|release| &release.version).collect();
            let in_index: BTreeSet<&Version> = listed.iter().copied().collect();
            for version in has.difference(&in_index) {
                let (package, version) = (package.clone(), (*version).clone());
                note(&versions, Defect::VersionMissing { package, version });
            }
            for version in in_index.difference(&has) {
                let (package, version) = (package.clone(), (*version).clone());
                note(&versions, Defect::VersionTooMany { package, version });
            }
        }
        let is_missing = |package: &&PackageName| {
            !resources.packages.contains_key(*package) && !resources.is_unknown(package)
        };
        for package in listed.keys().copied().filter(is_missing) {
            note(&RepositoryPath::package(package), Defect::NamedButMissing);
        }
    }
    if resources.names.is_some() {
        let known: BTreeSet<&PackageName> =
            listed.keys().copied().chain(resources.packages.keys()).collect();
        for package in known.difference(&in_names) {
            note(&names, Defect::NotInNames((*package).clone()));
        }
        for package in in_names.difference(&known).filter(|name| !resources.is_unknown(name)) {
            note(&names, Defect::NamesNothing((*package).clone()));
        }
    }
    problems.extend(compare_marks(resources));
    problems
}

/// Compares the marks in `versions` with the packages.
fn compare_marks(resources: &Resources) -> Vec<Problem> {
    let versions = RepositoryPath::resource(&Resource::Versions);
    let listed = resources.versions.iter().flat_map(|index| &index.packages);
    let differing = listed.flat_map(|(package, versions)| {
        let marks = versions.iter().map(|one| (&one.version, one.marks));
        let marks: BTreeMap<&Version, Marks> = marks.collect();
        let releases = resources.packages.get(package).into_iter();
        let releases = releases.flat_map(|package| &package.releases);
        let both = releases.filter_map(move |release| {
            let marked = *marks.get(&release.version)?;
            Some((package, &release.version, marked, release.remarks.marks()))
        });
        both.flat_map(|(package, version, marked, due)| {
            let retired = (Mark::Retired, marked.retired, due.retired);
            let advisories = (Mark::WithAdvisories, marked.with_advisories, due.with_advisories);
            [retired, advisories].into_iter().filter_map(|(mark, is, should)| {
                let (package, version) = (package.clone(), version.clone());
                match (is, should) {
                    (false, true) => Some(Defect::MarkMissing { package, version, mark }),
                    (true, false) => Some(Defect::MarkTooMany { package, version, mark }),
                    _ => None,
                }
            })
        })
    });
    differing.map(|defect| defect.at(versions.clone())).collect()
}

/// The first version that is not above the one before it. `versions` refers to versions by index, so their order matters.
fn out_of_order<'a>(versions: &[&'a Version]) -> Option<&'a Version> {
    let mut neighbours = versions.iter().zip(versions.iter().skip(1));
    neighbours.find(|(a, b)| a >= b).map(|(_, version)| *version)
}
