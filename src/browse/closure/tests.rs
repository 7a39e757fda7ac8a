//! A registry is a text: a release a line, `NAME VERSION: DEPENDENCY REQUIREMENT, …`. `?` after a dependency makes it
//! optional, `REPOSITORY/` before a name puts it in another repository than `acme`, `!` after a version retires it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::package::{Dependency, Release, Remarks, Requirement, Retirement, RetirementReason};
use crate::registry::Releases;

mod hex;
mod limits;
mod property;

/// A source in memory.
struct Packages {
    releases: BTreeMap<(String, String), Arc<Releases>>,
    /// Packages that are upstream, and ones that cannot be asked for.
    upstream: Vec<&'static str>,
    unknown: Vec<&'static str>,
    /// What was looked up.
    asked: RefCell<Vec<String>>,
}

impl PackageSource for Packages {
    fn releases(&self, repository: &str, package: &str) -> Lookup {
        self.asked.borrow_mut().push(format!("{repository}/{package}"));
        if self.unknown.contains(&package) {
            return Lookup::Unknown("upstream does not answer".to_owned());
        }
        match self.releases.get(&(repository.to_owned(), package.to_owned())) {
            None => Lookup::Missing,
            Some(found) if self.upstream.contains(&package) => Lookup::Upstream(Arc::clone(found)),
            Some(found) => Lookup::Here(Arc::clone(found)),
        }
    }
}

fn qualified(name: &str) -> (String, String) {
    let (repository, name) = name.split_once('/').unwrap_or(("acme", name));
    (repository.to_owned(), name.to_owned())
}

fn dependency(text: &str) -> Dependency {
    let (name, requirement) = text.split_once(' ').unwrap();
    let (repository, package) = qualified(name.trim_end_matches('?'));
    Dependency {
        app: package.clone(),
        package,
        requirement: Requirement(requirement.to_owned()),
        optional: name.ends_with('?'),
        repository: (name.contains('/')).then_some(repository),
    }
}

fn packages(text: &str) -> Packages {
    let mut releases: BTreeMap<(String, String), Vec<Release>> = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (head, dependencies) = line.split_once(':').unwrap();
        let (name, version) = head.split_once(' ').unwrap();
        let retired =
            version.ends_with('!').then(|| Retirement::new(RetirementReason::Invalid, None));
        let remarks = Remarks { retired, ..Remarks::default() };
        let dependencies = dependencies.split(',').map(str::trim).filter(|text| !text.is_empty());
        releases.entry(qualified(name)).or_default().push(Release {
            version: version.trim_end_matches('!').parse().unwrap(),
            inner_checksum: InnerChecksum::from_bytes([1; 32]),
            outer_checksum: OuterChecksum::from_bytes([2; 32]),
            dependencies: dependencies.map(dependency).collect(),
            remarks,
        });
    }
    let releases = releases.into_iter().map(|(name, all)| {
        let (repository, package) = (name.0.parse().unwrap(), name.1.parse().unwrap());
        (name, Arc::new(Releases::new(repository, package, all)))
    });
    Packages {
        releases: releases.collect(),
        upstream: Vec::new(),
        unknown: Vec::new(),
        asked: RefCell::default(),
    }
}

fn closure_of(packages: &Packages, root: &str) -> Closure {
    closure_within(packages, root, &unhurried())
}

/// The limits, with time for a busy machine.
fn unhurried() -> ClosureLimits {
    ClosureLimits { time: std::time::Duration::from_secs(600), ..ClosureLimits::default() }
}

fn closure_within(packages: &Packages, root: &str, limits: &ClosureLimits) -> Closure {
    let (name, version) = root.split_once(' ').unwrap();
    let acme = "acme".parse().unwrap();
    closure(packages, &acme, &name.parse().unwrap(), &version.parse().unwrap(), limits)
}

/// `NAME VERSION` of each package of the set, sorted.
fn set(closure: &Closure) -> String {
    let packages = closure.packages.iter();
    let mut set: Vec<_> =
        packages.map(|one| format!("{} {}", short(&one.name), one.release.version)).collect();
    set.sort();
    set.join(", ")
}

fn short(name: &QualifiedName) -> String {
    name.to_string().trim_start_matches("acme/").to_owned()
}

/// `NAME: REASON (DEPENDENT REQUIREMENT, …)`.
fn lacks(lacking: &[LackingPackage]) -> Vec<String> {
    let told = lacking.iter().map(|one| {
        let reason = match &one.reason {
            LackReason::Missing => "missing".to_owned(),
            LackReason::NoFittingVersion { newest } => {
                format!(
                    "at most {}",
                    newest.as_ref().map_or("none".to_owned(), ToString::to_string)
                )
            }
            LackReason::Unknown(reason) => reason.clone(),
        };
        let by = one
            .required_by
            .iter()
            .map(|by| format!("{} {} {}", short(&by.name), by.version, by.requirement));
        format!("{}: {reason} ({})", short(&one.name), by.collect::<Vec<_>>().join(", "))
    });
    told.collect()
}

#[test]
fn the_newest_that_fits_is_chosen() {
    let packages = packages(
        "a 1.0.0: b ~> 1.0
         b 1.0.0:
         b 1.2.0: c >= 0.1.0
         b 1.3.0-rc.1:
         b 2.0.0:
         c 0.1.0:
         c 0.9.0!:
         d 1.0.0:",
    );
    let closure = closure_of(&packages, "a 1.0.0");
    assert_eq!(closure.outcome, ClosureOutcome::Complete);
    // A pre-release is not taken if another version fits, and a retired one is.
    assert_eq!(set(&closure), "a 1.0.0, b 1.2.0, c 0.9.0");
    let order: Vec<_> = closure.packages.iter().map(|one| one.name.package.as_str()).collect();
    assert_eq!(order, ["a", "b", "c"]);
    assert!(closure.packages[2].release.remarks.retired.is_some());
    assert_eq!(closure.packages[0].required_by, []);
    let by_b = RequiredBy {
        name: QualifiedName { repository: "acme".to_owned(), package: "b".to_owned() },
        version: "1.2.0".parse().unwrap(),
        requirement: ">= 0.1.0".to_owned(),
        is_optional: false,
        is_met: true,
    };
    assert_eq!(closure.packages[2].required_by, [by_b]);
    assert_eq!(*packages.asked.borrow(), ["acme/a", "acme/b", "acme/c"]);
}

#[test]
fn a_pre_release_is_taken_if_nothing_else_fits() {
    let packages = packages("a 1.0.0: b ~> 1.0-rc\nb 0.9.0:\nb 1.0.0-rc.1:\nb 1.0.0-rc.2:");
    assert_eq!(set(&closure_of(&packages, "a 1.0.0")), "a 1.0.0, b 1.0.0-rc.2");
}

#[test]
fn a_diamond_takes_what_suits_both() {
    let packages = packages(
        "a 1.0.0: b ~> 1.0, c ~> 1.0
         b 1.0.0: d >= 1.0.0
         c 1.0.0: d ~> 1.0 or ~> 3.0
         d 1.0.0:
         d 1.5.0:
         d 2.0.0:",
    );
    let closure = closure_of(&packages, "a 1.0.0");
    assert_eq!(set(&closure), "a 1.0.0, b 1.0.0, c 1.0.0, d 1.5.0");
    let d = closure.packages.iter().find(|one| one.name.package == "d").unwrap();
    assert_eq!(d.required_by.len(), 2);
    assert!(d.fits());
}

#[test]
fn an_older_version_is_taken_if_the_newest_conflicts() {
    let packages = packages(
        "a 1.0.0: b >= 1.0.0, c ~> 1.0
         b 1.0.0: c ~> 1.0
         b 1.1.0: d ~> 1.0
         b 2.0.0: c ~> 2.0
         c 1.0.0:
         c 2.0.0:
         d 1.0.0: c ~> 2.0",
    );
    assert_eq!(set(&closure_of(&packages, "a 1.0.0")), "a 1.0.0, b 1.0.0, c 1.0.0");
}

#[test]
fn an_optional_dependency_restricts_and_brings_nothing() {
    let text = "a 1.0.0: b ~> 1.0, c ~> 1.0
         b 1.0.0: d? ~> 1.0, gone? ~> 1.0
         c 1.0.0:
         d 1.0.0:
         d 2.0.0:";
    let closure = closure_of(&packages(text), "a 1.0.0");
    assert_eq!(closure.outcome, ClosureOutcome::Complete);
    assert_eq!(set(&closure), "a 1.0.0, b 1.0.0, c 1.0.0");
    let optional = closure.optional.iter().map(|one| (short(&one.name), one.whereabouts.clone()));
    let expected = [("d", Whereabouts::Here), ("gone", Whereabouts::Missing)];
    assert_eq!(optional.collect::<Vec<_>>(), expected.map(|(name, at)| (name.to_owned(), at)));
    // Another package needs it: the newest that suits both.
    let closure = closure_of(&packages(&text.replace("c 1.0.0:", "c 1.0.0: d > 0.1.0")), "a 1.0.0");
    assert_eq!(set(&closure), "a 1.0.0, b 1.0.0, c 1.0.0, d 1.0.0");
    let d = closure.packages.iter().find(|one| one.name.package == "d").unwrap();
    let optional: Vec<_> = d.required_by.iter().map(|by| by.is_optional).collect();
    assert_eq!(optional, [true, false]);
    let names: Vec<_> = closure.optional.iter().map(|one| short(&one.name)).collect();
    assert_eq!(names, ["gone"]);
    let closure = closure_of(&packages(&text.replace("c 1.0.0:", "c 1.0.0: d > 1.0.0")), "a 1.0.0");
    assert!(matches!(closure.outcome, ClosureOutcome::Conflict { .. }), "{:?}", closure.outcome);
}

#[test]
fn other_repositories_are_asked_for_what_is_theirs() {
    let mut packages = packages(
        "a 1.0.0: hexpm/b ~> 1.0, c ~> 1.0
         b 1.9.0:
         c 1.0.0:
         hexpm/b 1.1.0: c ~> 2.0
         hexpm/c 2.0.0:",
    );
    let closure = closure_of(&packages, "a 1.0.0");
    // c of acme and c of hexpm cannot both be in a project.
    let ClosureOutcome::Conflict { explanation } = &closure.outcome else {
        panic!("{:?}", closure.outcome)
    };
    assert!(explanation.concat().contains("hexpm/c \"~> 2.0\""), "{explanation:?}");
    let a = packages.releases.get_mut(&qualified("a")).unwrap();
    Arc::make_mut(a).releases[0].dependencies.pop().unwrap();
    packages.upstream = vec!["b"];
    let closure = closure_of(&packages, "a 1.0.0");
    assert_eq!(set(&closure), "a 1.0.0, hexpm/b 1.1.0, hexpm/c 2.0.0");
    assert_eq!(closure.packages[1].whereabouts, Whereabouts::Upstream);
}

#[test]
fn what_is_missing_does_not_hide_the_rest() {
    let packages = packages(
        "a 1.0.0: b ~> 1.0, gone ~> 2.0, hexpm/far ~> 1.0
         b 1.0.0: c ~> 1.0, gone ~> 2.1
         b 1.1.0: c ~> 1.0, old ~> 2.0, gone ~> 2.1
         c 1.0.0:
         c 1.1.0:
         old 1.0.0:",
    );
    let closure = closure_of(&packages, "a 1.0.0");
    assert_eq!(closure.outcome, ClosureOutcome::Incomplete);
    // b 1.1.0 would need a version of old that is not there: a client takes b 1.0.0, once gone is there.
    assert_eq!(set(&closure), "a 1.0.0, b 1.0.0, c 1.1.0");
    assert_eq!(
        lacks(&closure.lacking),
        ["gone: missing (a 1.0.0 ~> 2.0, b 1.0.0 ~> 2.1)", "hexpm/far: missing (a 1.0.0 ~> 1.0)",]
    );
    let expected = BTreeMap::from([("acme", vec!["gone"]), ("hexpm", vec!["far"])]);
    assert_eq!(closure.names_to_mirror(), expected);
}

#[test]
fn a_version_that_is_not_there_is_lacking() {
    let packages =
        packages("a 1.0.0: b ~> 2.0, c ~> 1.0\nb 1.0.0: d ~> 1.0\nb 1.1.0:\nc 1.0.0: b > 1.0.0");
    let closure = closure_of(&packages, "a 1.0.0");
    assert_eq!(closure.outcome, ClosureOutcome::Incomplete);
    assert_eq!(lacks(&closure.lacking), ["b: at most 1.1.0 (a 1.0.0 ~> 2.0)"]);
    assert_eq!(set(&closure), "a 1.0.0, b 1.1.0, c 1.0.0");
    assert!(!closure.packages.iter().find(|one| one.name.package == "b").unwrap().fits());
}

#[test]
fn a_client_avoids_a_missing_package() {
    let packages =
        packages("a 1.0.0: b >= 1.0.0\nb 1.0.0:\nb 2.0.0: gone ~> 1.0\nb 2.1.0: gone ~> 1.0");
    let closure = closure_of(&packages, "a 1.0.0");
    assert_eq!(closure.outcome, ClosureOutcome::Complete);
    assert_eq!(set(&closure), "a 1.0.0, b 1.0.0");
    assert_eq!(closure.lacking.len(), 0);
    assert_eq!(lacks(&closure.avoided), ["gone: missing (b 2.1.0 ~> 1.0, b 2.0.0 ~> 1.0)"]);
    assert_eq!(closure.names_to_mirror(), BTreeMap::new());
}

#[test]
fn a_package_that_cannot_be_asked_for_may_have_any_version() {
    let mut packages =
        packages("a 1.0.0: b >= 1.0.0, c ~> 1.0\nb 1.0.0:\nb 2.0.0: c ~> 3.0, d? ~> 1.0\nd 1.0.0:");
    packages.unknown = vec!["c"];
    let closure = closure_of(&packages, "a 1.0.0");
    assert_eq!(closure.outcome, ClosureOutcome::Incomplete);
    assert_eq!(set(&closure), "a 1.0.0, b 2.0.0");
    assert_eq!(
        lacks(&closure.lacking),
        ["c: upstream does not answer (a 1.0.0 ~> 1.0, b 2.0.0 ~> 3.0)"]
    );
    assert_eq!(closure.names_to_mirror(), BTreeMap::new());
    packages.unknown.push("a");
    let closure = closure_of(&packages, "a 1.0.0");
    assert_eq!(lacks(&closure.lacking), ["a: upstream does not answer ()"]);
}

#[test]
fn a_conflict_is_explained_and_the_packages_are_shown() {
    let packages = packages(
        "a 1.0.0: b ~> 1.0, c ~> 1.0
         b 1.0.0: d ~> 1.0
         b 1.1.0: d ~> 1.0
         c 1.0.0: d ~> 2.0, e ~> 1.0
         d 1.0.0:
         d 2.0.0:
         e 1.0.0:",
    );
    let closure = closure_of(&packages, "a 1.0.0");
    let ClosureOutcome::Conflict { explanation } = &closure.outcome else {
        panic!("{:?}", closure.outcome)
    };
    assert_eq!(
        explanation,
        &[
            "c 1.0.0 needs d \"~> 2.0\".",
            "And because every version of b needs d \"~> 1.0\", every version of b and c 1.0.0 cannot be used together.",
            "And because a 1.0.0 needs b \"~> 1.0\" and a 1.0.0 needs c \"~> 1.0\", a 1.0.0 cannot be used.",
        ]
    );
    assert_eq!(set(&closure), "a 1.0.0, b 1.1.0, c 1.0.0, d 1.0.0, e 1.0.0");
    let d = closure.packages.iter().find(|one| one.name.package == "d").unwrap();
    let met: Vec<_> =
        d.required_by.iter().map(|by| (by.name.package.as_str(), by.is_met)).collect();
    assert_eq!(met, [("b", true), ("c", false)]);
    assert_eq!(lacks(&closure.lacking), [""; 0]);
}

#[test]
fn circles_end() {
    let packages = packages(
        "a 1.0.0: b ~> 1.0, a ~> 1.0
         a 2.0.0:
         b 1.0.0: c ~> 1.0
         c 1.0.0: a >= 1.0.0, b ~> 1.0
         d 1.0.0: d ~> 2.0
         e 1.0.0: f ~> 1.0
         f 1.0.0:
         f 1.1.0: e ~> 2.0",
    );
    let closure = closure_of(&packages, "a 1.0.0");
    assert_eq!(set(&closure), "a 1.0.0, b 1.0.0, c 1.0.0");
    assert_eq!(closure.outcome, ClosureOutcome::Complete);
    let closure = closure_of(&packages, "d 1.0.0");
    let expected = "d 1.0.0 needs ~> 2.0 of itself.";
    let ClosureOutcome::Conflict { explanation } = &closure.outcome else {
        panic!("{:?}", closure.outcome)
    };
    assert_eq!(explanation, &[expected]);
    // The release itself stays, whatever comes back to it.
    assert_eq!(set(&closure_of(&packages, "e 1.0.0")), "e 1.0.0, f 1.0.0");
}

#[test]
fn requirements_that_clients_do_not_read_are_told() {
    let packages = packages(
        "a 1.0.0: b ~> 1.0 and ~> 1.1, c nonsense
         b 1.0.0:
         b 1.1.0:
         b 1.2.0: c != 1.0.0
         c 1.0.0:
         c 1.1.0:
         c 1.2.0: b <> 1",
    );
    let closure = closure_of(&packages, "a 1.0.0");
    assert_eq!(closure.outcome, ClosureOutcome::Complete);
    // What Elixir reads counts. A requirement that no client reads is met by any version.
    assert_eq!(set(&closure), "a 1.0.0, b 1.2.0, c 1.2.0");
    let told = closure.unreadable.iter().map(|one| {
        format!("{} {} on {}: {}", one.name.package, one.version, one.dependency, one.reason)
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(
        told[0],
        "a 1.0.0 on b: \"~> 1.0 and ~> 1.1\" stops Hex's solver: it does not read two `~>` joined by `and`"
    );
    let limits = ClosureLimits { unreadable: 2, ..ClosureLimits::default() };
    assert_eq!(closure_within(&packages, "a 1.0.0", &limits).unreadable.len(), 2);
}

#[test]
fn a_release_that_is_not_there_is_the_answer() {
    let packages = packages("a 1.0.0:\na 1.1.0:");
    assert_eq!(lacks(&closure_of(&packages, "a 2.0.0").lacking), ["a: at most 1.1.0 ()"]);
    let closure = closure_of(&packages, "b 1.0.0");
    assert_eq!(closure.outcome, ClosureOutcome::Incomplete);
    assert_eq!(lacks(&closure.lacking), ["b: missing ()"]);
}

#[test]
fn names_that_no_package_has_are_not_for_a_command_line() {
    let packages = packages("a 1.0.0: $(reboot) ~> 1.0, --help ~> 1.0, fine ~> 1.0");
    let closure = closure_of(&packages, "a 1.0.0");
    assert_eq!(closure.lacking.len(), 3);
    assert_eq!(closure.names_to_mirror(), BTreeMap::from([("acme", vec!["fine"])]));
}
