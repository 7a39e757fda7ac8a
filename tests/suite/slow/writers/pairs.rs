//! Two who change one registry in a bucket at the same time: wherever one of them stops for a while, and the
//! other after it, the registry is whole in the end.

use std::sync::Arc;
use std::time::Duration;

use super::history::{A1, A2, B1, OTHER_A1};
use super::races::Scene;
use crate::support::random::{Random, setting};
use crate::support::scheduler::Scheduler;
use crate::support::verbs::Verb;

const PAIRED: [Verb<'_>; 10] = [
    Verb::Add(&[A1]),
    Verb::Add(&[A2]),
    Verb::Replace(OTHER_A1),
    Verb::Remove(A1),
    Verb::Remove(A2),
    Verb::Retire(A1),
    Verb::Build,
    Verb::Push(&[A1, B1]),
    Verb::Overwrite(&[A1, B1]),
    Verb::Overwrite(&[A2]),
];

/// Two verbs on what stands at first, of whose races one is run of so many.
#[derive(Clone, Copy)]
struct Case<'a> {
    scene: &'a Scene,
    one: Verb<'static>,
    other: Verb<'static>,
    every: usize,
}

impl Case<'_> {
    /// How many races there were, and what went wrong. `seed` decides which are run.
    fn run(&self, seed: u64) -> (usize, Vec<String>) {
        let plans = [vec![self.one], vec![self.other]];
        let run = |script: &[usize]| {
            let scheduler: Arc<Scheduler> = Scheduler::of_two(script);
            // Who is too slow begins anew, and lets the other go first. A rotation must go on itself: it knows the
            // former key.
            let rotates = plans.iter().flatten().any(|verb| matches!(verb, Verb::Rotate));
            let patience = if rotates { Duration::from_secs(10) } else { Duration::ZERO };
            let end = self.scene.race(&scheduler, &plans, seed, patience);
            let told = |text| format!("{script:?} of {plans:?}, {text}");
            (end.map_err(told).err(), scheduler.counts())
        };
        let (first, counts) = run(&[usize::MAX]);
        let all = (1..=counts[0]).flat_map(|n| (1..=counts[1] + 8).map(move |m| vec![n, m]));
        let mut random = Random::new(seed);
        let mut scripts: Vec<_> = all.skip(random.below(self.every)).step_by(self.every).collect();
        // In as many others both stop, and more than once.
        let longer = scripts.iter().map(|_| (0..5).map(|_| 1 + random.below(9)).collect());
        scripts.extend(longer.collect::<Vec<_>>());
        let wrong = scripts.iter().filter_map(|script| run(script).0);
        (1 + scripts.len(), first.into_iter().chain(wrong).collect())
    }
}

/// Lets a verb race each of the others.
fn race_all(before: &'static [Verb<'static>], one: Verb<'static>) {
    let (scene, every) = (&Scene::after(before), setting("HEXREG_PAIRS_EVERY", 97));
    race_cases(PAIRED.map(|other| Case { scene, one, other, every }).into());
}

/// Lets two verbs race each other in one of so many ways.
fn race_two(
    before: &'static [Verb<'static>],
    one: Verb<'static>,
    other: Verb<'static>,
    every: usize,
) {
    race_cases(vec![Case { scene: &Scene::after(before), one, other, every }]);
}

fn race_cases(cases: Vec<Case<'_>>) {
    let seed: u64 = setting("HEXREG_SEED", 1);
    let (mut races, mut failures) = (0, Vec::new());
    for (case, seed) in cases.into_iter().zip(seed..) {
        let (many, wrong) = case.run(seed);
        races += many;
        failures.extend(wrong);
    }
    eprintln!("{races} races of two");
    // The shortest is the easiest to understand.
    if let Some(text) = failures.iter().min_by_key(|text| text.len()) {
        panic!("{} races went wrong, of which {text}", failures.len());
    }
}

/// A module of tests for each registry at first, and in it a test for each verb, which races all others.
macro_rules! wherever_two_verbs_interleave_the_registry_is_whole_in_the_end {
    ($($name:ident: $start:expr;)+) => {$(
        mod $name {
            use super::*;

            #[test]
            fn addition() {
                race_all($start, Verb::Add(&[A1]));
            }

            #[test]
            fn addition_of_another_release() {
                race_all($start, Verb::Add(&[A2]));
            }

            #[test]
            fn publication() {
                race_all($start, Verb::Publish(&[A1, A2]));
            }

            #[test]
            fn reversion() {
                race_all($start, Verb::Revert(A1));
            }

            #[test]
            fn replacement() {
                race_all($start, Verb::Replace(OTHER_A1));
            }

            #[test]
            fn removal() {
                race_all($start, Verb::Remove(A1));
            }

            #[test]
            fn removal_of_another_release() {
                race_all($start, Verb::Remove(A2));
            }

            #[test]
            fn retirement() {
                race_all($start, Verb::Retire(A1));
            }

            #[test]
            fn build() {
                race_all($start, Verb::Build);
            }

            #[test]
            fn push() {
                race_all($start, Verb::Push(&[A1, B1]));
            }

            #[test]
            fn overwriting_push() {
                race_all($start, Verb::Overwrite(&[A1, B1]));
            }

            #[test]
            fn overwriting_push_of_another_release() {
                race_all($start, Verb::Overwrite(&[A2]));
            }
        }
    )+};
}

wherever_two_verbs_interleave_the_registry_is_whole_in_the_end! {
    of_nothing: &[];
    of_two_packages: &[Verb::Push(&[A1, B1])];
    of_two_releases: &[Verb::Push(&[A1, A2])];
}

/// Batches of the server race each other.
macro_rules! batches {
    ($($name:ident: $start:expr, $one:expr, $other:expr;)+) => {
        mod batches {
            use super::*;

            $(
                #[test]
                fn $name() {
                    race_two($start, $one, $other, 11);
                }
            )+
        }
    };
}

batches! {
    two_of_one_release: &[Verb::Push(&[B1])], Verb::Publish(&[A1]), Verb::Publish(&[OTHER_A1]);
    two_of_two_releases: &[Verb::Push(&[B1])], Verb::Publish(&[A1]), Verb::Publish(&[A2, OTHER_A1]);
    a_reversion_and_another_release: &[Verb::Push(&[A1, B1])], Verb::Revert(A1), Verb::Publish(&[A2]);
    a_reversion_and_the_release_again: &[Verb::Push(&[A1, B1])], Verb::Revert(A1), Verb::Publish(&[OTHER_A1]);
    two_reversions: &[Verb::Push(&[A1, B1])], Verb::Revert(A1), Verb::Revert(A1);
}

/// Races that have been lost some time: they are tried wherever the two verbs stop.
macro_rules! delicate {
    ($($name:ident: $start:expr, $one:expr, $other:expr;)+) => {
        mod delicate {
            use super::*;

            $(
                #[test]
                fn $name() {
                    race_two($start, $one, $other, 1);
                }
            )+
        }
    };
}

delicate! {
    addition_and_retirement: &[Verb::Push(&[A1, B1])], Verb::Add(&[A1]), Verb::Retire(A1);
    retirement_and_replacement: &[Verb::Push(&[A1, B1])], Verb::Retire(A1), Verb::Replace(OTHER_A1);
    removal_and_push: &[Verb::Push(&[A1, B1])], Verb::Remove(A1), Verb::Push(&[A1, B1]);
    removal_and_overwriting_push: &[Verb::Push(&[A1])], Verb::Remove(A1), Verb::Overwrite(&[A2]);
    removal_and_addition: &[Verb::Push(&[A1, B1])], Verb::Remove(A1), Verb::Add(&[A2]);
}

/// Writers of a policy race each other, and those of releases, wherever the two stop.
macro_rules! policies {
    ($($name:ident: $start:expr, $one:expr, $other:expr, $every:literal;)+) => {
        mod policies {
            use super::*;

            $(
                #[test]
                fn $name() {
                    race_two($start, $one, $other, $every);
                }
            )+
        }
    };
}

policies! {
    two_new_ones: &[Verb::Push(&[A1])], Verb::SetPolicy(1), Verb::SetPolicy(2), 1;
    two_in_place_of_one: &[Verb::Push(&[A1]), Verb::SetPolicy(3)], Verb::SetPolicy(1), Verb::SetPolicy(2), 1;
    a_new_one_and_a_removal: &[Verb::Push(&[A1]), Verb::SetPolicy(3)], Verb::SetPolicy(1), Verb::RemovePolicy, 1;
    two_removals: &[Verb::Push(&[A1]), Verb::SetPolicy(3)], Verb::RemovePolicy, Verb::RemovePolicy, 1;
    the_first_policy_and_the_first_release: &[], Verb::SetPolicy(1), Verb::Add(&[A1]), 3;
    a_policy_and_a_release: &[Verb::Push(&[B1])], Verb::SetPolicy(1), Verb::Add(&[A1]), 3;
    a_policy_and_a_build: &[Verb::Push(&[A1])], Verb::SetPolicy(1), Verb::Build, 3;
    a_policy_and_an_overwriting_push: &[Verb::Push(&[A1])], Verb::SetPolicy(1), Verb::Overwrite(&[A2]), 5;
    a_removal_and_a_push: &[Verb::Push(&[A1]), Verb::SetPolicy(3)], Verb::RemovePolicy, Verb::Push(&[A1, B1]), 5;
    a_policy_and_a_reader: &[Verb::Push(&[A1]), Verb::SetPolicy(3)], Verb::SetPolicy(1), Verb::Verify, 1;
    a_new_one_and_another_key: &[Verb::Push(&[A1])], Verb::SetPolicy(1), Verb::Rotate, 3;
    another_key_and_a_new_one: &[Verb::Push(&[A1])], Verb::Rotate, Verb::SetPolicy(1), 3;
    one_in_place_of_one_and_another_key: &[Verb::Push(&[A1]), Verb::SetPolicy(3)], Verb::SetPolicy(1), Verb::Rotate, 3;
    a_removal_and_another_key: &[Verb::Push(&[A1]), Verb::SetPolicy(3)], Verb::RemovePolicy, Verb::Rotate, 3;
    a_removal_and_a_reader: &[Verb::Push(&[A1]), Verb::SetPolicy(3)], Verb::RemovePolicy, Verb::Verify, 1;
}
