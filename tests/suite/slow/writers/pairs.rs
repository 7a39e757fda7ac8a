//! Two who change one registry in a bucket at the same time: wherever one of them stops for a while, and the
//! other after it, the registry is whole in the end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::races::{A1, A2, B1, OTHER_A1, race};
use crate::support::random::{Random, setting};
use crate::support::scheduler::Scheduler;
use crate::support::turn::Item;
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

const STARTS: [&[Item<'_>]; 3] = [&[], &[A1, B1], &[A1, A2]];

/// What is tried wherever they stop: each of these came to harm some time, and few of their races did.
const DELICATE: [Case; 5] = [
    Case { start: &[A1, B1], one: Verb::Add(&[A1]), other: Verb::Retire(A1), every: 1 },
    Case { start: &[A1, B1], one: Verb::Retire(A1), other: Verb::Replace(OTHER_A1), every: 1 },
    Case { start: &[A1, B1], one: Verb::Remove(A1), other: Verb::Push(&[A1, B1]), every: 1 },
    Case { start: &[A1], one: Verb::Remove(A1), other: Verb::Overwrite(&[A2]), every: 1 },
    Case { start: &[A1, B1], one: Verb::Remove(A1), other: Verb::Add(&[A2]), every: 1 },
];

/// Two verbs on what stands at first, of whose races one is run of so many.
#[derive(Clone, Copy)]
struct Case {
    start: &'static [Item<'static>],
    one: Verb<'static>,
    other: Verb<'static>,
    every: usize,
}

impl Case {
    /// How many races there were, and what went wrong. `seed` decides which are run.
    fn run(&self, seed: u64) -> (usize, Vec<String>) {
        let plans = [vec![self.one], vec![self.other]];
        let run = |script: &[usize]| {
            let scheduler: Arc<Scheduler> = Scheduler::of_two(script);
            // Who is too slow begins anew, and lets the other go first.
            let end = race(self.start, &scheduler, &plans, seed, Duration::ZERO);
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

#[test]
fn wherever_one_comes_between_two_operations_of_another_the_registry_is_whole_in_the_end() {
    let every: usize = setting("HEXREG_PAIRS_EVERY", 97);
    let seed: u64 = setting("HEXREG_SEED", 1);
    let pairs = PAIRED.iter().flat_map(|one| PAIRED.iter().map(move |other| (*one, *other)));
    let cases = STARTS
        .iter()
        .flat_map(|start| pairs.clone().map(|(one, other)| Case { start, one, other, every }));
    let cases: Vec<_> = DELICATE.into_iter().chain(cases).zip(seed..).collect();
    let (races, next) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = Mutex::new(Vec::new());
    let some = || {
        while let Some((case, seed)) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
            let (many, wrong) = case.run(*seed);
            races.fetch_add(many, Ordering::SeqCst);
            failures.lock().unwrap().extend(wrong);
        }
    };
    thread::scope(|scope| {
        scope.spawn(some);
        scope.spawn(some);
    });
    eprintln!("{} races of two", races.into_inner());
    // The shortest tells most.
    let failures = failures.into_inner().unwrap();
    if let Some(text) = failures.iter().min_by_key(|text| text.len()) {
        panic!("{} races went wrong, of which {text}", failures.len());
    }
}
