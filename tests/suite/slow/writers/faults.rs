//! Whichever operation of a verb fails, or is its last, nobody meets an index that names what is not there,
//! and the same verb makes the registry that it would have made at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hexreg::registry::{Names, Signed};
use rayon::prelude::*;

use crate::support::objects::{Fault, TestBucket, Wrong};
use crate::support::turn::{Item, file_name, tarball};
use crate::support::verbs::{Failed, Machine, Verb};
use crate::support::witness::{Files, Tree};

const FOO: Item<'_> = ("foo", "1.0.0", 0);
const FOO_2: Item<'_> = ("foo", "2.0.0", 0);
const FOO_REPLACED: Item<'_> = ("foo", "1.0.0", 1);
const BAR: Item<'_> = ("bar", "1.0.0", 0);
const BAZ: Item<'_> = ("baz", "1.0.0", 0);

/// A verb, and how things came to be as they are before it.
pub struct Case {
    pub name: &'static str,
    pub before: &'static [Verb<'static>],
    /// Tarballs that somebody puts there, and takes away, by hand.
    pub uploads: &'static [Item<'static>],
    pub withdraws: &'static [Item<'static>],
    pub verb: Verb<'static>,
}

const PLAIN: Case = Case { name: "", before: &[], uploads: &[], withdraws: &[], verb: Verb::Build };

pub const CASES: [Case; 16] = [
    Case { name: "first addition", verb: Verb::Add(&[FOO, BAR]), ..PLAIN },
    Case {
        name: "addition of a package",
        before: &[Verb::Push(&[FOO, BAR])],
        verb: Verb::Add(&[BAZ]),
        ..PLAIN
    },
    Case {
        name: "addition of a release",
        before: &[Verb::Push(&[FOO, BAR])],
        verb: Verb::Add(&[FOO_2]),
        ..PLAIN
    },
    Case {
        name: "replacement",
        before: &[Verb::Push(&[FOO, FOO_2, BAR])],
        verb: Verb::Replace(FOO_REPLACED),
        ..PLAIN
    },
    Case {
        name: "removal of one of two",
        before: &[Verb::Push(&[FOO, FOO_2, BAR])],
        verb: Verb::Remove(FOO),
        ..PLAIN
    },
    Case {
        name: "removal of a package",
        before: &[Verb::Push(&[FOO, BAR])],
        verb: Verb::Remove(FOO),
        ..PLAIN
    },
    Case {
        name: "removal of all",
        before: &[Verb::Push(&[FOO])],
        verb: Verb::Remove(FOO),
        ..PLAIN
    },
    Case {
        name: "retirement",
        before: &[Verb::Push(&[FOO, BAR])],
        verb: Verb::Retire(FOO),
        ..PLAIN
    },
    Case {
        name: "end of a retirement",
        before: &[Verb::Push(&[FOO, BAR]), Verb::Retire(FOO)],
        verb: Verb::Unretire(FOO),
        ..PLAIN
    },
    Case { name: "first push", verb: Verb::Push(&[FOO, BAR]), ..PLAIN },
    Case {
        name: "push of a change",
        before: &[Verb::Push(&[FOO, BAR])],
        verb: Verb::Push(&[FOO, FOO_2, BAR, BAZ]),
        ..PLAIN
    },
    Case {
        name: "push over what others did",
        before: &[Verb::Push(&[FOO, FOO_2, BAR]), Verb::Retire(FOO)],
        verb: Verb::Overwrite(&[FOO, BAZ]),
        ..PLAIN
    },
    Case { name: "first build", uploads: &[FOO, BAR], ..PLAIN },
    Case {
        name: "build of a change",
        before: &[Verb::Push(&[FOO, BAR]), Verb::Retire(FOO)],
        uploads: &[FOO_2, BAZ],
        ..PLAIN
    },
    Case {
        name: "build without a package",
        before: &[Verb::Push(&[FOO, BAR])],
        withdraws: &[FOO],
        ..PLAIN
    },
    Case {
        name: "build of an exchange",
        before: &[Verb::Push(&[FOO, BAR])],
        uploads: &[FOO_2],
        withdraws: &[FOO],
        ..PLAIN
    },
];

/// What may be answered in place of what should be. Whoever is told that it may not be gives up at once,
/// as if it were killed.
const ANSWERS: [(&str, Wrong, bool, bool); 6] = [
    ("fails before it is done", Wrong::Forbidden, false, false),
    ("fails after it is done", Wrong::Forbidden, true, false),
    ("and all after it fail before they are done", Wrong::Forbidden, false, true),
    ("is the last that is done", Wrong::Forbidden, true, true),
    ("gets lost", Wrong::Lost, false, false),
    ("loses its answer", Wrong::Lost, true, false),
];

/// What is below the prefix, and of a registry.
fn files(bucket: &TestBucket) -> Files {
    let files = bucket.objects().into_iter().filter_map(|(key, bytes)| {
        let path = key.strip_prefix("acme/")?.to_owned();
        (path != ".hexreg-probe").then_some((path, bytes))
    });
    files.collect()
}

/// Whether it went well, the second time.
#[track_caller]
pub fn is_well(again: &Result<(), Failed>, context: &str) {
    if let Err(failed) = again {
        // What was removed by the last operation is not there any more.
        assert!(failed.text.starts_with("acme has no"), "{context}: {failed:?}");
    }
}

/// What tells two registries apart, but for when packages were changed: a second try finds done what the
/// first one did.
pub fn without_times(mut files: Files) -> (Files, BTreeSet<String>) {
    let names = files.remove("names").map(|names| {
        let names = Signed::from_gzip(&names).unwrap().unverified().unwrap();
        Names::decode(&names).unwrap().packages
    });
    (files, names.into_iter().flatten().map(|(name, _)| name.to_string()).collect())
}

impl Case {
    fn bucket(&self, machine: &Machine) -> TestBucket {
        let bucket = TestBucket::default();
        for verb in self.before {
            machine.run(*verb, &bucket.store(), &()).unwrap();
        }
        for item in self.uploads {
            bucket.set(&format!("acme/tarballs/{}", file_name(*item)), &tarball(*item));
        }
        for item in self.withdraws {
            bucket.remove(&format!("acme/tarballs/{}", file_name(*item)));
        }
        bucket
    }

    /// Nobody meets what is missing, but where a tarball is replaced or was taken away by hand.
    pub fn examine(&self, files: Files) {
        let replaced = match self.verb {
            Verb::Replace(item) => vec![item],
            _ => Vec::new(),
        };
        let gone: Vec<_> =
            replaced.iter().chain(self.withdraws).map(|one| file_name(*one)).collect();
        Tree::of(files).follow(&|tarball| gone.iter().any(|one| one == tarball));
    }

    /// With this answer at every operation, one after the other; how many those were.
    fn fail(&self, (how, kind, torn, lasting): (&str, Wrong, bool, bool)) -> usize {
        let machine = Machine::new(Duration::from_secs(10));
        let start = self.bucket(&machine);
        let done = start.fork();
        machine.run(self.verb, &done.store().jobs(1), &()).unwrap();
        let problems = machine.problems(&done.store());
        assert!(problems.is_empty(), "{}: {problems:?}", self.name);
        for at in 1.. {
            let bucket = start.fork().failing(Fault { at, of: None, kind, torn, lasting });
            let ran = machine.run(self.verb, &bucket.store().jobs(1), &());
            let context = format!("{}: operation {at} {how}", self.name);
            if !bucket.has_failed() {
                ran.unwrap_or_else(|failed| panic!("{context}: {failed:?}"));
                return at - 1;
            }
            self.examine(files(&bucket));
            let asked = bucket.asked();
            if let Err(failed) = &ran {
                let is_untouched = failed.is_write || files(&bucket) == files(&start);
                assert!(is_untouched, "{context}: it says that nothing was written: {failed:?}");
                assert!(!failed.is_conflict, "{context}: nobody else is there: {failed:?}");
            }
            let bucket = bucket.fork();
            is_well(&machine.run(self.verb, &bucket.store(), &()), &context);
            assert_eq!(
                without_times(files(&bucket)),
                without_times(files(&done)),
                "{context}: {:?}",
                asked.last()
            );
            let problems = machine.problems(&bucket.store());
            assert!(problems.is_empty(), "{context}: {problems:?}");
        }
        unreachable!("it came to an end")
    }
}

#[test]
fn whichever_operation_in_a_bucket_fails_no_client_is_harmed_and_the_same_again_makes_it_right() {
    let faults = AtomicUsize::new(0);
    let all: Vec<_> = CASES.iter().flat_map(|case| ANSWERS.map(|answer| (case, answer))).collect();
    // Most of the time is spent waiting before a second try.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(16).build().unwrap();
    pool.install(|| {
        all.par_iter().for_each(|(case, answer)| {
            let times = case.fail(*answer);
            assert!(times > 5, "{}: {times} operations failed", case.name);
            faults.fetch_add(times, Ordering::SeqCst);
        });
    });
    eprintln!("{} operations in a bucket failed", faults.into_inner());
}
