//! Against trying every combination of versions.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::requirement::VersionRequirement;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
const REQUIREMENTS: [&str; 8] = [
    "~> 1.0",
    "~> 2.0",
    ">= 1.1.0",
    "< 2.0.0",
    "== 1.0.0",
    "~> 1.0 or ~> 2.0",
    "!= 1.1.0",
    ">= 0.0.0",
];
const VERSIONS: [&str; 4] = ["1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0"];

/// Of each package its versions, of each version its dependencies: name, requirement, whether it is optional.
type Registry = Vec<Vec<(usize, Vec<(usize, usize, bool)>)>>;

fn registries() -> impl Strategy<Value = Registry> {
    let dependency = (0..NAMES.len(), 0..REQUIREMENTS.len(), proptest::bool::weighted(0.25));
    let dependencies = proptest::collection::vec(dependency, 0..4);
    let version = (0..VERSIONS.len(), dependencies);
    let package = proptest::collection::vec(version, 1..4);
    proptest::collection::vec(package, 4)
}

/// The last package is missing. Of two releases or dependencies of one name, the first stays.
fn text(registry: &Registry) -> String {
    let mut text = String::new();
    for (name, versions) in NAMES.iter().zip(registry) {
        let mut seen = Vec::new();
        for (version, dependencies) in versions {
            if seen.contains(version) {
                continue;
            }
            seen.push(*version);
            let mut named = Vec::new();
            let mut texts = Vec::new();
            for (package, requirement, optional) in dependencies {
                if NAMES[*package] != *name && !named.contains(package) {
                    named.push(*package);
                    let mark = if *optional { "?" } else { "" };
                    texts.push(format!("{}{mark} {}", NAMES[*package], REQUIREMENTS[*requirement]));
                }
            }
            writeln!(text, "{name} {}: {}", VERSIONS[*version], texts.join(", ")).unwrap();
        }
    }
    text
}

/// Whether the choice of a release for some packages is a set: each has what it needs, and no optional dependency is
/// contradicted.
fn is_set(chosen: &[Option<&Release>]) -> bool {
    chosen.iter().flatten().flat_map(|release| &release.dependencies).all(|dependency| {
        let place = NAMES.iter().position(|name| *name == dependency.package).unwrap();
        let requirement: VersionRequirement = dependency.requirement.0.parse().unwrap();
        match chosen.get(place).copied().flatten() {
            Some(release) => requirement.matches(&release.version),
            None => dependency.optional,
        }
    })
}

/// Whether there is a set with this release of the first package.
fn has_set(packages: &Packages, root: &Release) -> bool {
    fn extend<'a>(all: &[Vec<&'a Release>], chosen: &mut Vec<Option<&'a Release>>) -> bool {
        let [package, rest @ ..] = all else { return is_set(chosen) };
        let choices = package.iter().copied().map(Some).chain([None]);
        choices.into_iter().any(|choice| {
            chosen.push(choice);
            let found = extend(rest, chosen);
            chosen.pop();
            found
        })
    }
    let others = NAMES.iter().skip(1).map(|name| {
        let found = packages.releases.get(&qualified(name));
        found.into_iter().flat_map(|releases| &releases.releases).collect()
    });
    extend(&others.collect::<Vec<Vec<_>>>(), &mut vec![Some(root)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_set_is_found_if_there_is_one(registry in registries()) {
        let packages = packages(&text(&registry));
        let root = packages.releases[&qualified("a")].releases[0].clone();
        let found = closure_of(&packages, &format!("a {}", root.version));
        let is_complete = found.outcome == ClosureOutcome::Complete;
        prop_assert_eq!(is_complete, has_set(&packages, &root), "{}", text(&registry));
        if is_complete {
            let chosen = NAMES.map(|name| {
                let mut packages = found.packages.iter();
                packages.find(|one| one.name.package == name).map(|one| &one.release)
            });
            prop_assert!(is_set(&chosen), "{}", text(&registry));
            prop_assert_eq!(&found.packages[0].release, &root);
            prop_assert!(found.packages.iter().all(ClosurePackage::fits));
        }
        // Whatever it is, the release itself is shown.
        prop_assert_eq!(&found.packages[0].release, &root);
    }
}
