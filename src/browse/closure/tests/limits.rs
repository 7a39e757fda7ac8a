//! Registries that would take forever.

use std::fmt::Write as _;

use super::*;

#[test]
fn an_endless_chain_is_ended() {
    struct Endless;
    impl PackageSource for Endless {
        fn releases(&self, _: &str, package: &str) -> Lookup {
            let next = package.trim_start_matches('p').parse::<u32>().unwrap() + 1;
            let text = format!("{package} 1.0.0: p{next} ~> 1.0");
            let found = packages(&text).releases.into_values().next().unwrap();
            Lookup::Here(found)
        }
    }
    let limits = ClosureLimits { packages: 100, ..unhurried() };
    let (acme, p0) = ("acme".parse().unwrap(), "p0".parse().unwrap());
    let closure = closure(&Endless, &acme, &p0, &"1.0.0".parse().unwrap(), &limits);
    assert_eq!(closure.outcome, ClosureOutcome::Stopped(Stopped::Packages(100)));
    assert_eq!(closure.packages.len(), 100);
    assert_eq!(lacks(&closure.lacking).len(), 1);
}

/// 10,000 versions of b, none of which fits; each line is made of its number.
fn hopeless(dependency: impl Fn(usize) -> String) -> Packages {
    let mut text = "a 1.0.0: b >= 0.0.0, c ~> 1.0\nc 1.0.0:\nc 2.0.0:\n".to_owned();
    for number in 0..10_000 {
        writeln!(text, "b 1.{number}.0: {}", dependency(number)).unwrap();
    }
    packages(&text)
}

#[test]
fn ten_thousand_versions_end_in_an_answer() {
    let different = hopeless(|number| format!("c ~> 1.{number}.1"));
    let same = hopeless(|_| "c ~> 2.0".to_owned());
    for packages in [&different, &same] {
        let closure = closure_of(packages, "a 1.0.0");
        assert_eq!(closure.outcome, ClosureOutcome::Stopped(Stopped::Retries(400)));
        assert_eq!(set(&closure), "a 1.0.0, b 1.9999.0, c 1.0.0");
    }
    let limits = ClosureLimits { steps: 50, ..unhurried() };
    let closure = closure_within(&same, "a 1.0.0", &limits);
    assert_eq!(closure.outcome, ClosureOutcome::Stopped(Stopped::Steps(50)));
    let limits = ClosureLimits { time: std::time::Duration::ZERO, ..limits };
    let closure = closure_within(&same, "a 1.0.0", &limits);
    assert_eq!(closure.packages.len(), 0);
    assert!(matches!(closure.lacking[0].reason, LackReason::Unknown(_)));
    // Of one that has nothing to do with that, all versions are looked through.
    let plain = packages_with_many();
    assert_eq!(set(&closure_of(&plain, "a 1.0.0")), "a 1.0.0, b 1.9999.0");
}

fn packages_with_many() -> Packages {
    let many: Vec<_> = (0..10_000).map(|number| format!("b 1.{number}.0:")).collect();
    packages(&format!("a 1.0.0: b ~> 1.0\n{}", many.join("\n")))
}

#[test]
fn a_long_proof_lists_its_facts() {
    let mut text = "a 1.0.0: b >= 0.0.0, c ~> 1.0\nc 1.0.0:\nc 2.0.0:\n".to_owned();
    for number in 0..80 {
        writeln!(text, "b 1.{number}.0: d{number} ~> 1.0\nd{number} 1.0.0: c ~> 2.0").unwrap();
    }
    let closure = closure_of(&packages(&text), "a 1.0.0");
    let ClosureOutcome::Conflict { explanation } = &closure.outcome else {
        panic!("{:?}", closure.outcome)
    };
    assert!((20..=81).contains(&explanation.len()), "{}", explanation.len());
    let all = explanation.join("\n");
    assert!(all.contains("a 1.0.0 needs c \"~> 1.0\"."), "{all}");
}
