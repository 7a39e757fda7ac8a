//! "Can I have this here?": everything that one release pulls in, with the versions that Hex's client would choose, and
//! where each package is.
//!
//! ```text
//! closure
//!  → catalog       looks up each package once, from a PackageSource, within limits
//!  → solver        Hex's rules for pubgrub: chooses versions
//!  → walk          from the chosen versions to the set: who needs what, what is lacking
//!    explanation   why no versions fit, in sentences
//! ```
//!
//! A package that is lacking does not hide the others. If there is no set without it, the proof of that says which
//! packages and versions are lacking: they are taken to be there, and the rest is resolved.

mod answer;
mod catalog;
mod choice;
mod explanation;
mod solver;
mod source;
mod walk;

pub use answer::{
    Closure, ClosureOutcome, ClosurePackage, LackReason, LackingPackage, OptionalPackage,
    RequiredBy, Stopped, UnreadableRequirement,
};
pub use catalog::ClosureLimits;
pub use source::{Lookup, PackageSource, QualifiedName, Whereabouts};

use std::sync::Arc;

use crate::name::{PackageName, RepositoryName};
use crate::version::Version;
use catalog::Catalog;
use choice::Choice;
use solver::{Resolution, Solver};
use walk::{Chosen, Walk};

/// The set of packages that a release of a package in `repository` pulls in.
#[must_use]
pub fn closure(
    source: &dyn PackageSource,
    repository: &RepositoryName,
    package: &PackageName,
    version: &Version,
    limits: &ClosureLimits,
) -> Closure {
    let catalog = Catalog::new(source, limits);
    let package: Arc<str> = package.as_str().into();
    let root = Choice::new(catalog.repository(repository.as_str()), version.clone());
    let known = catalog.package(root.repository, &package);
    if !known.is_ok_and(|known| known.release(version).is_some()) {
        return without_release(&catalog, &package, &root);
    }
    let mut solver = Solver::new(&catalog);
    let (outcome, chosen) = resolve(&mut solver, &catalog, &package, &root);
    let is_solved = chosen.is_some();
    let walked = walk::walk(&catalog, (&package, &root), chosen.unwrap_or_default(), !is_solved);
    let Walk { packages, lacking, optional } = walked;
    let unreadable = walk::unreadable(&catalog, &packages, limits.unreadable);
    let missed = solver
        .into_missed()
        .into_iter()
        .filter(|(name, _)| is_solved && lacking.iter().all(|lacking| lacking.name != *name));
    let avoided = missed.map(|(name, required_by)| {
        let reason = LackReason::Missing;
        LackingPackage { name, reason, required_by }
    });
    let avoided = avoided.collect();
    let outcome = match outcome {
        ClosureOutcome::Complete if !lacking.is_empty() => ClosureOutcome::Incomplete,
        other => other,
    };
    Closure { outcome, packages, lacking, avoided, optional, unreadable }
}

/// Chooses versions, at last as if all that is lacking were there.
fn resolve(
    solver: &mut Solver<'_>,
    catalog: &Catalog<'_>,
    package: &Arc<str>,
    root: &Choice,
) -> (ClosureOutcome, Option<Chosen>) {
    loop {
        match solver.solve(package, root) {
            Resolution::Solved(chosen) => return (ClosureOutcome::Complete, Some(chosen)),
            Resolution::Stopped(stopped) => return (ClosureOutcome::Stopped(stopped), None),
            Resolution::Unsolvable(proof) => {
                if !solver.assume_what_lacks(&proof) {
                    let root = (&**package, root.repository);
                    let explanation = explanation::explain(&proof, catalog, root);
                    solver::dismantle(*proof);
                    return (ClosureOutcome::Conflict { explanation }, None);
                }
                solver::dismantle(*proof);
            }
        }
    }
}

/// The answer for a release that is not there.
fn without_release(catalog: &Catalog<'_>, package: &Arc<str>, root: &Choice) -> Closure {
    let reason = match catalog.package(root.repository, package) {
        Err(stopped) => LackReason::Unknown(stopped.to_string()),
        Ok(known) => match &known.whereabouts {
            Whereabouts::Missing => LackReason::Missing,
            Whereabouts::Unknown(reason) => LackReason::Unknown(reason.clone()),
            Whereabouts::Here | Whereabouts::Upstream => {
                LackReason::NoFittingVersion { newest: known.versions().next_back().cloned() }
            }
        },
    };
    let name = catalog.name(root.repository, package);
    Closure {
        outcome: ClosureOutcome::Incomplete,
        packages: Vec::new(),
        lacking: vec![LackingPackage { name, reason, required_by: Vec::new() }],
        avoided: Vec::new(),
        optional: Vec::new(),
        unreadable: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
