//! Hex's rules for pubgrub.
//!
//! What Hex's client does (`Hex.Solver` and `Hex.Registry.Server` of Hex 2.5):
//!
//! - Of the packages that are to be decided, the one with the fewest versions left comes first, then by name.
//! - It takes the newest version; a pre-release only if no other fits. Retired releases are versions like any other.
//! - An optional dependency restricts a package that is needed anyway, and fetches none.
//! - Two packages of one name from two repositories cannot be in one set.
//! - A dependency without a repository is in that of its release. If a release lists a package twice, the last one counts.
//! - A package that is missing has no versions: releases that do not need it are tried.
//!
//! Hex's solver is no model of an optional dependency whose package it drops after a conflict: it then gives up if that
//! package is missing, or keeps it in the set. It happens in two of a thousand random registries, and is not imitated.
//!
//! Overrides (`override: true`) and locked versions are of a project, and a closure has none.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use pubgrub::{
    Dependencies, DependencyProvider, DerivationTree, External, PackageResolutionStatistics,
    PubGrubError,
};

use super::answer::{RequiredBy, Stopped};
use super::catalog::{Catalog, CatalogPackage, Demand};
use super::choice::{Choice, Choices, repository_of};
use super::source::{QualifiedName, Whereabouts};
use crate::package::Release;

/// Why no versions fit.
pub(super) type Proof = DerivationTree<Arc<str>, Choices, String>;

/// The most dependents that are noted of a missing package.
const MOST_DEPENDENTS: usize = 20;

/// Chooses versions.
pub(super) struct Solver<'a> {
    catalog: &'a Catalog<'a>,
    /// Packages that are taken to be there, and to need nothing.
    assumed: HashSet<(usize, Arc<str>)>,
    /// Requirements that are taken to be met.
    assumed_met: HashSet<(Arc<str>, Choices)>,
    /// Missing packages that releases need which were tried.
    missed: RefCell<BTreeMap<QualifiedName, Vec<RequiredBy>>>,
}

/// The end of a resolution.
pub(super) enum Resolution {
    /// What was chosen for each package, by name.
    Solved(HashMap<Arc<str>, Choice>),
    /// Why there is no solution.
    Unsolvable(Box<Proof>),
    Stopped(Stopped),
}

impl<'a> Solver<'a> {
    pub fn new(catalog: &'a Catalog<'a>) -> Self {
        Self {
            catalog,
            assumed: HashSet::new(),
            assumed_met: HashSet::new(),
            missed: RefCell::default(),
        }
    }

    /// Chooses versions for all that a release needs.
    pub fn solve(&self, package: &Arc<str>, choice: &Choice) -> Resolution {
        match pubgrub::resolve(self, Arc::clone(package), choice.clone()) {
            Ok(chosen) => {
                let chosen = chosen.into_iter();
                Resolution::Solved(chosen.filter(|(_, one)| *one != Choice::ABSENT).collect())
            }
            Err(PubGrubError::NoSolution(proof)) => Resolution::Unsolvable(Box::new(proof)),
            Err(
                PubGrubError::ErrorRetrievingDependencies { source, .. }
                | PubGrubError::ErrorChoosingVersion { source, .. }
                | PubGrubError::ErrorInShouldCancel(source),
            ) => Resolution::Stopped(source),
        }
    }

    /// Takes what the proof needs and this server lacks to be there, for the next attempt. Returns whether there is any.
    pub fn assume_what_lacks(&mut self, proof: &Proof) -> bool {
        let mut found = false;
        for fact in facts(proof) {
            let External::FromDependencyOf(_, _, package, choices) = fact else { continue };
            if choices.contains(&Choice::ABSENT) {
                continue;
            }
            let repositories = choices.iter().map(|(end, _)| repository_of(end));
            for repository in repositories.collect::<Vec<_>>() {
                let known = self.catalog.known(repository, package);
                if known.is_some_and(|one| one.whereabouts == Whereabouts::Missing) {
                    found |= self.assumed.insert((repository, Arc::clone(package)));
                }
            }
            if self.catalog.count(package, choices) == Ok(0) {
                found |= self.assumed_met.insert((Arc::clone(package), choices.clone()));
            }
        }
        found
    }

    /// Missing packages that releases need which were tried, and who needs them.
    pub fn into_missed(self) -> BTreeMap<QualifiedName, Vec<RequiredBy>> {
        self.missed.into_inner()
    }

    /// Whether a demand counts. A package that could not be asked for may have any version.
    fn counts(&self, demand: &Demand, is_optional: bool) -> Result<bool, Stopped> {
        let key = (demand.repository, Arc::clone(&demand.package));
        let is_unknown =
            |known: &CatalogPackage| matches!(known.whereabouts, Whereabouts::Unknown(_));
        if is_optional {
            let known = self.catalog.known(key.0, &key.1);
            return Ok(!known.is_some_and(|known| is_unknown(&known)));
        }
        let is_assumed = self.assumed.contains(&key)
            || self.assumed_met.contains(&(key.1, demand.choices.clone()));
        Ok(!is_assumed && !is_unknown(&*self.catalog.package(key.0, &demand.package)?))
    }

    fn note_missed(&self, release: (&QualifiedName, &Release), demand: &Demand, requirement: &str) {
        let known = self.catalog.known(demand.repository, &demand.package);
        if known.is_none_or(|one| one.whereabouts != Whereabouts::Missing) {
            return;
        }
        let mut missed = self.missed.borrow_mut();
        let name = self.catalog.name(demand.repository, &demand.package);
        let dependents = missed.entry(name).or_default();
        let (name, version) = (release.0.clone(), release.1.version.clone());
        let requirement = requirement.to_owned();
        let one = RequiredBy { name, version, requirement, is_optional: false, is_met: false };
        if dependents.len() < MOST_DEPENDENTS && !dependents.contains(&one) {
            dependents.push(one);
        }
    }
}

impl DependencyProvider for Solver<'_> {
    type P = Arc<str>;
    type V = Choice;
    type VS = Choices;
    type M = String;
    type Err = Stopped;
    type Priority = Reverse<(bool, usize, Arc<str>)>;

    /// A package that may be absent comes last: until all others are decided, one of them may need it.
    fn prioritize(
        &self,
        package: &Arc<str>,
        choices: &Choices,
        _: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let may_be_absent = choices.contains(&Choice::ABSENT);
        // After a limit, the next choice ends the resolution.
        let count = || self.catalog.count(package, choices).unwrap_or_default();
        let versions = if may_be_absent { 0 } else { count() };
        Reverse((may_be_absent, versions, Arc::clone(package)))
    }

    fn choose_version(
        &self,
        package: &Arc<str>,
        choices: &Choices,
    ) -> Result<Option<Choice>, Stopped> {
        if choices.contains(&Choice::ABSENT) {
            return Ok(Some(Choice::ABSENT));
        }
        self.catalog.best(package, choices)
    }

    fn get_dependencies(
        &self,
        package: &Arc<str>,
        choice: &Choice,
    ) -> Result<Dependencies<Arc<str>, Choices, String>, Stopped> {
        let Some(version) = &choice.version else {
            return Ok(Dependencies::Available(pubgrub::Map::default()));
        };
        self.catalog.try_version(choice.repository, package)?;
        let entry = self.catalog.package(choice.repository, package)?;
        let Some(release) = entry.release(version) else {
            return Ok(Dependencies::Unavailable("is not listed".to_owned()));
        };
        let name = self.catalog.name(choice.repository, package);
        let mut constraints = pubgrub::Map::default();
        for dependency in &release.dependencies {
            let demand = self.catalog.demand(choice.repository, dependency);
            if demand.package == *package {
                // To depend on itself restricts nothing, or everything.
                if !demand.choices.contains(choice) {
                    let requirement = &dependency.requirement.0;
                    let reason = format!("needs {requirement} of itself");
                    return Ok(Dependencies::Unavailable(reason));
                }
                continue;
            }
            if !self.counts(&demand, dependency.optional)? {
                constraints.remove(&demand.package);
                continue;
            }
            let choices = if dependency.optional {
                demand.choices.union(&Choices::singleton(Choice::ABSENT))
            } else {
                self.note_missed((&name, release), &demand, &dependency.requirement.0);
                demand.choices
            };
            constraints.insert(demand.package, choices);
        }
        Ok(Dependencies::Available(constraints))
    }

    fn should_cancel(&self) -> Result<(), Stopped> {
        self.catalog.step()
    }
}

/// What the proof rests on: facts that nothing else explains, each once, in no order.
pub(super) fn facts(proof: &Proof) -> Vec<&External<Arc<str>, Choices, String>> {
    let mut facts = Vec::new();
    let mut seen = HashSet::new();
    let mut open = vec![proof];
    while let Some(part) = open.pop() {
        match part {
            DerivationTree::External(fact) => facts.push(fact),
            DerivationTree::Derived(derived) => {
                for cause in [&derived.cause1, &derived.cause2] {
                    if seen.insert(Arc::as_ptr(cause)) {
                        open.push(cause);
                    }
                }
            }
        }
    }
    facts
}

/// Drops a proof part by part. A proof can be deep, and each part would drop its causes in a call of its own.
pub(super) fn dismantle(proof: Proof) {
    let mut open = vec![proof];
    while let Some(part) = open.pop() {
        if let DerivationTree::Derived(derived) = part {
            open.extend([derived.cause1, derived.cause2].into_iter().filter_map(Arc::into_inner));
        }
    }
}
