//! Several who change one registry in a bucket. Nobody is locked out, so any operation of one may come
//! between any two of another; and still each is told the truth, and when all are done the registry is
//! whole.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_util::TryStreamExt;
use hexreg::store::{BucketStore, Store};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};

use super::history::{A1, A2, B1, B2, Done, ITEMS, OTHER_A1, wrong};
use crate::support::bucket::PROBE;
use crate::support::objects::TestBucket;
use crate::support::random::{Random, setting};
use crate::support::scheduler::{Scheduled, Scheduler};
use crate::support::shuffled::Shuffled;
use crate::support::verbs::{Failed, Machine, Verb};
use crate::support::witness::{Files, Tree};

/// A verb at random; half of all are about one release.
fn verb(random: &mut Random) -> Verb<'static> {
    let item = ITEMS[if random.below(2) == 0 { 0 } else { random.below(4) }];
    match random.below(31) {
        0..=5 => match item.0 {
            _ if item == A1 => Verb::Add(&[A1]),
            _ if item == A2 => Verb::Add(&[A2]),
            _ if item == B1 => Verb::Add(&[B1]),
            _ => Verb::Add(&[B2, A2]),
        },
        6..=11 => Verb::Remove(item),
        12..=14 => Verb::Retire(item),
        15 => Verb::Unretire(item),
        16 => Verb::Replace(A1),
        17 => Verb::Replace(OTHER_A1),
        18..=20 => Verb::Build,
        21 => Verb::Push(&[A1, B1]),
        22 => Verb::Overwrite(&[A1, B1]),
        23 => Verb::Publish(&[A1, B1]),
        24 => Verb::Publish(&[OTHER_A1]),
        25..=26 => Verb::Revert(item),
        27..=28 => Verb::SetPolicy(2 + u8::try_from(random.below(2)).unwrap()),
        29 => Verb::RemovePolicy,
        _ => Verb::Overwrite(&[A2]),
    }
}

fn files(inner: &Arc<InMemory>) -> Files {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let found: Vec<_> = inner.list(None).try_collect().await.unwrap();
        let mut files = Files::new();
        for one in found {
            let bytes = inner.get(&one.location).await.unwrap().bytes().await.unwrap();
            let path = one.location.to_string().strip_prefix("acme/").unwrap().to_owned();
            if path != PROBE {
                files.insert(path, bytes.to_vec());
            }
        }
        files
    })
}

/// How many of each there are.
struct Race {
    writers: usize,
    turns: usize,
}

impl Race {
    /// What is wrong in the end, if anything.
    fn run(&self, scenes: &[Scene], seed: u64) -> Result<[usize; 3], String> {
        let mut random = Random::new(seed);
        let scene = &scenes[random.below(scenes.len())];
        let scheduler = Scheduler::new(random.next(), self.writers);
        let plans: Vec<Vec<_>> = (0..self.writers)
            .map(|_| (0..self.turns).map(|_| verb(&mut random)).collect())
            .collect();
        let patience = Duration::from_secs(10);
        scene
            .race(&scheduler, &plans, random.next(), patience)
            .map_err(|text| format!("seed {seed} {text}"))
    }
}

/// A registry before races, which is made once. Each race has a copy of its own.
pub struct Scene {
    before: &'static [Verb<'static>],
    inner: InMemory,
    machine: Machine,
}

impl Scene {
    /// After these verbs.
    pub fn after(before: &'static [Verb<'static>]) -> Self {
        let inner = Arc::new(InMemory::new());
        let machine = Machine::new(Duration::ZERO);
        for verb in before {
            machine.run(*verb, &plain(&inner), &()).unwrap();
        }
        let inner = inner.fork();
        Self { before, inner, machine }
    }

    /// Each writer does its verbs, one after the other; what is wrong in the end, if anything. Who has no patience any
    /// more runs the same once again, as a person would.
    pub fn race(
        &self,
        scheduler: &Arc<Scheduler>,
        plans: &[Vec<Verb<'static>>],
        seed: u64,
        patience: Duration,
    ) -> Result<[usize; 3], String> {
        let inner = Arc::new(self.inner.fork());
        let history = Mutex::new(Vec::<Done>::new());
        let conflicts = Mutex::new(0);
        thread::scope(|scope| {
            for (who, plan) in plans.iter().enumerate() {
                let (inner, history, conflicts) = (&inner, &history, &conflicts);
                scope.spawn(move || {
                    let machine = self.machine.beside(patience);
                    let mut random = Random::new(seed ^ u64::try_from(who).unwrap());
                    for verb in plan {
                        let store = Scheduled::store(inner, scheduler, who);
                        // These read all at once; the others one after the other.
                        let store: Box<dyn Store> = match verb {
                            Verb::Build | Verb::Rotate | Verb::Push(_) | Verb::Overwrite(_) => {
                                Box::new(store)
                            }
                            _ => Box::new(Shuffled::new(store, &mut random)),
                        };
                        let from = scheduler.time();
                        scheduler.note(who, &format!("begins {verb:?}"));
                        let mut tries = 0;
                        let result = loop {
                            match machine.run(*verb, store.as_ref(), &()) {
                                Err(failed) if is_worth_it(&failed) && tries < 300 => {
                                    tries += 1;
                                    *conflicts.lock().unwrap() += 1;
                                    scheduler.note(who, &format!("again: {}", failed.text));
                                    scheduler.give_way(who);
                                }
                                result => break result,
                            }
                        };
                        let told = result.as_ref().err().map(|failed| failed.text.clone());
                        scheduler.note(who, &format!("ends {verb:?}: {told:?}"));
                        let (to, is_ok) = (scheduler.time(), result.is_ok());
                        history.lock().unwrap().push(Done { verb: *verb, from, to, is_ok });
                    }
                    scheduler.leave(who);
                });
            }
        });
        let history = history.into_inner().unwrap();
        let wrong = wrong(&self.machine, files(&inner), &plain(&inner), self.before, &history);
        if wrong.is_empty() {
            let ok = history.iter().filter(|done| done.is_ok).count();
            return Ok([history.len() - ok, ok, conflicts.into_inner().unwrap()]);
        }
        let (before, log) = (self.before, scheduler.log());
        Err(format!("{before:?}: {wrong:#?}\n{}", log.join("\n")))
    }
}

/// The bucket of a race, after it and before it.
fn plain(inner: &Arc<InMemory>) -> BucketStore {
    BucketStore::new(Arc::clone(inner) as _, "acme", "s3://bucket/acme").unwrap()
}

/// Whether the program would try again of itself.
fn is_worth_it(failed: &Failed) -> bool {
    let told =
        ["is missing, and there are packages", "which versions names", "no release names it"];
    failed.is_conflict || told.iter().any(|text| failed.text.contains(text))
}

/// Runs a quarter of the races, each with a seed of its own.
fn race_quarter(quarter: u64) {
    const BEFORE: [&[Verb<'_>]; 4] = [
        &[],
        &[Verb::Push(&[A1])],
        &[Verb::Push(&[A1, B1])],
        &[Verb::Push(&[A1, A2, B1]), Verb::SetPolicy(1)],
    ];
    let races: u64 = setting("HEXREG_RACES", 40);
    let first = setting("HEXREG_SEED", 1) + quarter;
    let race = Race { writers: setting("HEXREG_WRITERS", 3), turns: setting("HEXREG_TURNS", 3) };
    let scenes = BEFORE.map(Scene::after);
    let (mut sums, mut failures) = ([0; 3], Vec::new());
    for seed in (first..first + races.saturating_sub(quarter)).step_by(4) {
        match race.run(&scenes, seed) {
            Err(text) => failures.push(text),
            Ok(ends) => sums.iter_mut().zip(ends).for_each(|(sum, end)| *sum += end),
        }
    }
    let [failed, well, conflicts] = sums;
    eprintln!("{well} verbs succeeded, {failed} failed, {conflicts} met a conflict");
    // The shortest is the easiest to understand.
    if let Some(text) = failures.iter().min_by_key(|text| text.len()) {
        panic!("{} races went wrong, of which {text}", failures.len());
    }
}

macro_rules! whatever_order_operations_come_in_the_registry_is_whole_in_the_end {
    ($($name:ident: $quarter:literal;)+) => {
        mod random_orders {
            $(#[test] fn $name() { super::race_quarter($quarter); })+
        }
    };
}

whatever_order_operations_come_in_the_registry_is_whole_in_the_end! {
    first_quarter: 0;
    second_quarter: 1;
    third_quarter: 2;
    fourth_quarter: 3;
}

/// How many add at once, and how many releases each brings, one at a time.
const MANY: (usize, usize) = (8, 25);

#[test]
fn every_release_that_many_add_to_a_bucket_that_is_empty_at_first_is_there() {
    let (writers, releases) = MANY;
    let bucket = TestBucket::default();
    // At any time most are at different packages, and each comes to all.
    let names: Vec<Vec<_>> = (0..writers)
        .map(|writer| {
            let name = |turn| (format!("p{}", (writer + turn) % 4), format!("1.{writer}.{turn}"));
            (0..releases).map(name).collect()
        })
        .collect();
    thread::scope(|scope| {
        for own in &names {
            let bucket = &bucket;
            scope.spawn(move || {
                let machine = Machine::new(Duration::from_secs(60));
                for (name, version) in own {
                    machine.run(Verb::Add(&[(name, version, 0)]), &bucket.store(), &()).unwrap();
                }
            });
        }
    });
    let files = bucket.objects().into_iter();
    let files =
        files.filter_map(|(key, bytes)| Some((key.strip_prefix("acme/")?.to_owned(), bytes)));
    let tree = Tree::of(files.filter(|(path, _)| path != PROBE).collect());
    tree.follow(&|_| false);
    tree.agrees();
    let added = names.iter().flatten().map(|(name, version)| format!("{name}-{version}.tar"));
    assert_eq!(tree.releases().into_iter().collect::<BTreeSet<_>>(), added.collect());
    let problems = Machine::new(Duration::ZERO).problems(&bucket.store());
    assert!(problems.is_empty(), "{problems:?}");
}
