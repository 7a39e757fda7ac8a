//! From the chosen versions to the set: who needs what, and what is not there.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::answer::{
    ClosurePackage, LackReason, LackingPackage, OptionalPackage, RequiredBy, UnreadableRequirement,
};
use super::catalog::{Catalog, Demand};
use super::choice::Choice;
use super::source::{QualifiedName, Whereabouts};
use crate::package::Dependency;

/// Versions that were chosen for packages, by name.
pub(super) type Chosen = HashMap<Arc<str>, Choice>;

/// The set, as a walk from its first release finds it.
#[derive(Default)]
pub(super) struct Walk {
    pub packages: Vec<ClosurePackage>,
    pub lacking: Vec<LackingPackage>,
    pub optional: Vec<OptionalPackage>,
}

/// A dependency that was met on the way.
struct Edge {
    demand: Demand,
    required_by: RequiredBy,
}

/// Walks along the dependencies that are not optional. A package without a chosen version takes the best for the first
/// requirement on it, as long as `is_open`.
pub(super) fn walk(
    catalog: &Catalog<'_>,
    root: (&Arc<str>, &Choice),
    mut chosen: Chosen,
    is_open: bool,
) -> Walk {
    let mut walk = Walk::default();
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    let mut edges: Vec<Edge> = Vec::new();
    chosen.insert(Arc::clone(root.0), root.1.clone());
    let mut open = VecDeque::from([(Arc::clone(root.0), root.1.clone())]);
    while let Some((package, choice)) = open.pop_front() {
        let Some(found) = package_of(catalog, &package, &choice) else { continue };
        if places.contains_key(&package) {
            continue;
        }
        for dependency in last_of_each(&found.release.dependencies) {
            let demand = catalog.demand(choice.repository, dependency);
            if demand.package == package {
                continue;
            }
            if is_open && !dependency.optional && !chosen.contains_key(&demand.package) {
                let best = catalog.best(&demand.package, &demand.choices).ok().flatten();
                chosen.extend(best.map(|best| (Arc::clone(&demand.package), best)));
            }
            let next = chosen.get(&demand.package);
            let next = next.filter(|next| next.repository == demand.repository);
            if let Some(next) = next.filter(|_| !dependency.optional) {
                open.push_back((Arc::clone(&demand.package), next.clone()));
            }
            let is_met = next.is_some_and(|next| demand.choices.contains(next));
            let required_by = RequiredBy {
                name: found.name.clone(),
                version: found.release.version.clone(),
                requirement: dependency.requirement.0.clone(),
                is_optional: dependency.optional,
                is_met,
            };
            edges.push(Edge { demand, required_by });
        }
        places.insert(package, walk.packages.len());
        walk.packages.push(found);
    }
    attach(&mut walk, catalog, &places, edges);
    walk
}

/// Of two dependencies on one package, clients use the last one.
fn last_of_each(dependencies: &[Dependency]) -> impl Iterator<Item = &Dependency> {
    let last: HashMap<&str, usize> =
        dependencies.iter().zip(0..).map(|(one, at)| (one.package.as_str(), at)).collect();
    let all = dependencies.iter().zip(0..);
    let kept = all.filter(move |(one, at)| last.get(one.package.as_str()) == Some(at));
    kept.map(|(one, _)| one)
}

fn package_of(
    catalog: &Catalog<'_>,
    package: &Arc<str>,
    choice: &Choice,
) -> Option<ClosurePackage> {
    let known = catalog.known(choice.repository, package)?;
    let release = known.release(choice.version.as_ref()?)?.clone();
    let name = catalog.name(choice.repository, package);
    let whereabouts = known.whereabouts.clone();
    Some(ClosurePackage { name, whereabouts, release, required_by: Vec::new() })
}

/// Gives each edge to what it leads to.
fn attach(
    walk: &mut Walk,
    catalog: &Catalog<'_>,
    places: &HashMap<Arc<str>, usize>,
    edges: Vec<Edge>,
) {
    let mut lacking: BTreeMap<QualifiedName, LackingPackage> = BTreeMap::new();
    let mut optional: BTreeMap<QualifiedName, OptionalPackage> = BTreeMap::new();
    for Edge { demand, required_by } in edges {
        let name = catalog.name(demand.repository, &demand.package);
        let place = places.get(&demand.package).and_then(|at| walk.packages.get_mut(*at));
        let place = place.filter(|package| package.name == name);
        if !required_by.is_met && !required_by.is_optional {
            if let Some(reason) = lack(catalog, &demand) {
                let entry = lacking.entry(name.clone()).or_insert_with(|| LackingPackage {
                    name,
                    reason,
                    required_by: Vec::new(),
                });
                entry.required_by.push(required_by.clone());
            }
        } else if required_by.is_optional && place.is_none() {
            let entry = optional.entry(name.clone()).or_insert_with(|| OptionalPackage {
                whereabouts: whereabouts(catalog, &demand),
                name,
                required_by: Vec::new(),
            });
            entry.required_by.push(required_by.clone());
        }
        if let Some(package) = place {
            package.required_by.push(required_by);
        }
    }
    walk.lacking = lacking.into_values().collect();
    walk.optional = optional.into_values().collect();
}

/// Why nothing meets a demand; `None` if a version would, and another requirement excludes it.
fn lack(catalog: &Catalog<'_>, demand: &Demand) -> Option<LackReason> {
    let known = match catalog.package(demand.repository, &demand.package) {
        Ok(known) => known,
        Err(stopped) => {
            return Some(LackReason::Unknown(format!("it was not asked for: {stopped}")));
        }
    };
    match &known.whereabouts {
        Whereabouts::Missing => Some(LackReason::Missing),
        Whereabouts::Unknown(reason) => Some(LackReason::Unknown(reason.clone())),
        Whereabouts::Here | Whereabouts::Upstream => {
            let fitting = catalog.count(&demand.package, &demand.choices).unwrap_or_default();
            let newest = known.versions().next_back().cloned();
            (fitting == 0).then_some(LackReason::NoFittingVersion { newest })
        }
    }
}

fn whereabouts(catalog: &Catalog<'_>, demand: &Demand) -> Whereabouts {
    match catalog.package(demand.repository, &demand.package) {
        Ok(known) => known.whereabouts.clone(),
        Err(stopped) => Whereabouts::Unknown(format!("it was not asked for: {stopped}")),
    }
}

/// The requirements of the packages of a set on which Hex's solver raises. It reads those of all releases of a package.
pub(super) fn unreadable(
    catalog: &Catalog<'_>,
    packages: &[ClosurePackage],
    limit: usize,
) -> Vec<UnreadableRequirement> {
    let mut found = Vec::new();
    for package in packages {
        let repository = catalog.repository(&package.name.repository);
        let known = catalog.known(repository, &package.name.package.as_str().into());
        for release in known.iter().flat_map(|known| known.releases()) {
            for dependency in &release.dependencies {
                let Some(reason) = catalog.requirement(&dependency.requirement.0).fault.clone()
                else {
                    continue;
                };
                found.push(UnreadableRequirement {
                    name: package.name.clone(),
                    version: release.version.clone(),
                    dependency: dependency.package.clone(),
                    reason,
                });
                if found.len() >= limit {
                    return found;
                }
            }
            if catalog.in_time().is_err() {
                return found;
            }
        }
    }
    found
}
