//! Several who change one registry in a bucket. Nobody is locked out, so any operation of one may come
//! between any two of another; and still each is told the truth, and when all are done the registry is
//! whole.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_util::TryStreamExt;
use hexreg::ops::verify::Defect;
use hexreg::store::{BucketStore, Store};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::support::bucket::PROBE;
use crate::support::items::{Item, file_name};
use crate::support::objects::TestBucket;
use crate::support::random::{Random, setting};
use crate::support::scheduler::{Scheduled, Scheduler};
use crate::support::shuffled::Shuffled;
use crate::support::verbs::{Failed, Machine, Verb};
use crate::support::witness::{Files, Tree};

/// What was done to a release, from when to when, and what came of it.
#[derive(Clone, Debug)]
struct Done {
    verb: Verb<'static>,
    from: usize,
    to: usize,
    is_ok: bool,
}

pub const A1: Item<'_> = ("a", "1.0.0", 0);
pub const A2: Item<'_> = ("a", "2.0.0", 0);
pub const B1: Item<'_> = ("b", "1.0.0", 0);
const B2: Item<'_> = ("b", "2.0.0", 0);
pub const OTHER_A1: Item<'_> = ("a", "1.0.0", 1);

const ITEMS: [Item<'_>; 4] = [A1, A2, B1, B2];

/// A verb at random; half of all are about one release.
fn verb(random: &mut Random) -> Verb<'static> {
    let item = ITEMS[if random.below(2) == 0 { 0 } else { random.below(4) }];
    match random.below(28) {
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
    fn run(&self, seed: u64) -> Result<[usize; 3], String> {
        let mut random = Random::new(seed);
        let start: [&[Item<'static>]; 4] = [&[], &[A1], &[A1, B1], &[A1, A2, B1]];
        let start = start[random.below(4)];
        let scheduler = Scheduler::new(random.next(), self.writers);
        let plans: Vec<Vec<_>> = (0..self.writers)
            .map(|_| (0..self.turns).map(|_| verb(&mut random)).collect())
            .collect();
        let patience = Duration::from_secs(10);
        race(start, &scheduler, &plans, random.next(), patience)
            .map_err(|text| format!("seed {seed} {text}"))
    }
}

/// Each does its verbs, one after the other; what is wrong in the end, if anything. Who has no patience any more
/// runs the same once again, as a person would.
pub fn race(
    start: &[Item<'static>],
    scheduler: &Arc<Scheduler>,
    plans: &[Vec<Verb<'static>>],
    seed: u64,
    patience: Duration,
) -> Result<[usize; 3], String> {
    let inner = Arc::new(InMemory::new());
    let plain = || BucketStore::new(Arc::clone(&inner) as _, "acme", "s3://bucket/acme").unwrap();
    let machine = Machine::new(Duration::ZERO);
    if !start.is_empty() {
        machine.run(Verb::Push(start), &plain(), &()).unwrap();
    }
    let history = Mutex::new(Vec::<Done>::new());
    let conflicts = Mutex::new(0);
    thread::scope(|scope| {
        for (who, plan) in plans.iter().enumerate() {
            let (inner, scheduler, history, conflicts) = (&inner, scheduler, &history, &conflicts);
            scope.spawn(move || {
                let machine = Machine::new(patience);
                let mut random = Random::new(seed ^ u64::try_from(who).unwrap());
                for verb in plan {
                    let store = Scheduled::store(inner, scheduler, who);
                    // These read all at once; the others one after the other.
                    let store: Box<dyn Store> = match verb {
                        Verb::Build | Verb::Push(_) | Verb::Overwrite(_) => Box::new(store),
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
    let wrong = wrong(&machine, &inner, &plain(), &history);
    if wrong.is_empty() {
        let ok = history.iter().filter(|done| done.is_ok).count();
        return Ok([history.len() - ok, ok, conflicts.into_inner().unwrap()]);
    }
    let log = scheduler.log();
    Err(format!("{start:?}: {wrong:#?}\n{}", log.join("\n")))
}

/// Whether the program would try again of itself.
fn is_worth_it(failed: &Failed) -> bool {
    let told =
        ["is missing, and there are packages", "which versions names", "no release names it"];
    failed.is_conflict || told.iter().any(|text| failed.text.contains(text))
}

fn wrong(
    machine: &Machine,
    inner: &Arc<InMemory>,
    store: &BucketStore,
    history: &[Done],
) -> Vec<String> {
    let mut wrong = Vec::new();
    // What was told that something would be lost had begun, perhaps; as if it were killed.
    let has_refused = history.iter().any(|done| !done.is_ok && matches!(done.verb, Verb::Push(_)));
    let files = files(inner);
    if !files.contains_key("names") {
        // It is written last: until then no client was told that there is a registry.
        let makes = |done: &&Done| done.is_ok && !matches!(done.verb, Verb::Build);
        wrong.extend(history.iter().find(makes).map(|done| format!("{done:?} made no registry")));
        return wrong;
    }
    let tree = Tree::of(files);
    let named: BTreeSet<_> = tree.releases().into_iter().collect();
    for (path, problem) in machine.problems(store) {
        let is_left = match problem {
            Defect::Unnamed => true,
            Defect::NotInVersions(_) | Defect::NotInNames(_) | Defect::VersionMissing { .. } => {
                has_refused
            }
            Defect::Missing => {
                let is_named = named.iter().any(|file| path == format!("tarballs/{file}"));
                has_refused && !is_named
            }
            _ => false,
        };
        if !is_left {
            wrong.push(format!("{path}: {problem}"));
        }
    }
    let marked = tree.versions().unwrap().packages.into_iter().flat_map(|(name, all)| {
        let marked = all.into_iter().filter(|one| one.marks.retired);
        marked.map(move |one| format!("{name}-{}.tar", one.version))
    });
    let marked: BTreeSet<_> = marked.collect();
    wrong.extend(created_twice(history));
    for item in ITEMS {
        let about = |done: &Done, adds: bool| match done.verb {
            Verb::Add(items) | Verb::Publish(items) => {
                adds && items.iter().any(|other| (other.0, other.1) == (item.0, item.1))
            }
            Verb::Replace(other) => adds && other.1 == item.1 && other.0 == item.0,
            Verb::Remove(other) | Verb::Revert(other) => {
                !adds && (other.0, other.1) == (item.0, item.1)
            }
            Verb::Overwrite(items) | Verb::Push(items) => adds == items.contains(&item),
            // Makes of what it finds, when others are half done, what they are about to.
            Verb::Build => true,
            Verb::Retire(_) | Verb::Unretire(_) => false,
        };
        let adds: Vec<_> = history.iter().filter(|one| about(one, true)).collect();
        let removes: Vec<_> = history.iter().filter(|one| about(one, false)).collect();
        let sure = |these: &[&Done], others: &[&Done]| {
            these.iter().any(|one| {
                let is_told = one.is_ok && !matches!(one.verb, Verb::Build);
                is_told && others.iter().all(|other| other.to < one.from)
            })
        };
        let is_named = named.contains(&file_name(item));
        if sure(&adds, &removes) && !is_named {
            wrong.push(format!("{item:?} was added and is not there"));
        }
        if sure(&removes, &adds) && is_named {
            wrong.push(format!("{item:?} was removed and is there"));
        }
        let retires = |done: &&Done| matches!(done.verb, Verb::Retire(other) if other == item);
        let undoes = |done: &&Done| match done.verb {
            Verb::Unretire(other) | Verb::Remove(other) | Verb::Revert(other) => other == item,
            Verb::Replace(other) => (other.0, other.1) == (item.0, item.1),
            Verb::Overwrite(_) => true,
            _ => false,
        };
        let retires: Vec<_> = history.iter().filter(retires).collect();
        let undoes: Vec<_> = history.iter().filter(undoes).collect();
        let is_unmarked = is_named && !marked.contains(&file_name(item));
        if sure(&retires, &undoes) && is_unmarked {
            wrong.push(format!("{item:?} was retired and is not marked"));
        }
    }
    wrong
}

/// Two publications of one release, with different tarballs, that were both told that they created it, though nothing may
/// have removed it.
fn created_twice(history: &[Done]) -> Option<String> {
    let creates = |wanted: Item<'_>| {
        history.iter().find(|done| {
            done.is_ok && matches!(done.verb, Verb::Publish(items) if items.contains(&wanted))
        })
    };
    let (one, other) = (creates(A1)?, creates(OTHER_A1)?);
    let is_kept = history.iter().all(|done| match done.verb {
        Verb::Remove(item) | Verb::Revert(item) => (item.0, item.1) != (A1.0, A1.1),
        Verb::Overwrite(_) | Verb::Build => false,
        _ => true,
    });
    is_kept.then(|| format!("{one:?} and {other:?} both created it"))
}

/// Runs a quarter of the races, each with a seed of its own.
fn race_quarter(quarter: u64) {
    let races: u64 = setting("HEXREG_RACES", 40);
    let first = setting("HEXREG_SEED", 1) + quarter;
    let race = Race { writers: setting("HEXREG_WRITERS", 3), turns: setting("HEXREG_TURNS", 3) };
    let (mut sums, mut failures) = ([0; 3], Vec::new());
    for seed in (first..first + races.saturating_sub(quarter)).step_by(4) {
        match race.run(seed) {
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
