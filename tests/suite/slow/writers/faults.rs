//! Whichever operation of a verb fails, or is its last, nobody meets an index that names what is not there,
//! and the same verb makes the registry that it would have made at once.

use std::collections::BTreeSet;
use std::time::Duration;

use hexreg::registry::{Names, Signed};
use rayon::prelude::*;

use crate::support::items::{Item, file_name, tarball};
use crate::support::objects::{Fault, TestBucket, Wrong};
use crate::support::verbs::{Failed, Machine, POLICY, Verb, policy_file};
use crate::support::witness::{Files, Tree};

pub const FOO: Item<'_> = ("foo", "1.0.0", 0);
pub const FOO_2: Item<'_> = ("foo", "2.0.0", 0);
pub const FOO_REPLACED: Item<'_> = ("foo", "1.0.0", 1);
pub const BAR: Item<'_> = ("bar", "1.0.0", 0);
pub const BAZ: Item<'_> = ("baz", "1.0.0", 0);

/// A verb, and what happened before it.
#[derive(Clone, Copy)]
pub struct Case {
    pub before: &'static [Verb<'static>],
    /// Tarballs that a user adds and removes by hand.
    pub uploads: &'static [Item<'static>],
    pub withdraws: &'static [Item<'static>],
    pub verb: Verb<'static>,
}

pub const PLAIN: Case = Case { before: &[], uploads: &[], withdraws: &[], verb: Verb::Build };

/// Calls a macro with each case and its name.
macro_rules! with_each_case {
    ($tests:ident) => {
        $tests! {
            first_addition: Case { verb: Verb::Add(&[FOO, BAR]), ..PLAIN };
            addition_of_a_package: Case {
                before: &[Verb::Push(&[FOO, BAR])],
                verb: Verb::Add(&[BAZ]),
                ..PLAIN
            };
            addition_of_a_release: Case {
                before: &[Verb::Push(&[FOO, BAR])],
                verb: Verb::Add(&[FOO_2]),
                ..PLAIN
            };
            replacement: Case {
                before: &[Verb::Push(&[FOO, FOO_2, BAR])],
                verb: Verb::Replace(FOO_REPLACED),
                ..PLAIN
            };
            publication: Case {
                before: &[Verb::Push(&[FOO, BAR])],
                verb: Verb::Publish(&[FOO_2, BAZ]),
                ..PLAIN
            };
            reversion_of_one_of_two: Case {
                before: &[Verb::Push(&[FOO, FOO_2, BAR])],
                verb: Verb::Revert(FOO),
                ..PLAIN
            };
            reversion_of_a_package: Case {
                before: &[Verb::Push(&[FOO, BAR])],
                verb: Verb::Revert(FOO),
                ..PLAIN
            };
            removal_of_one_of_two: Case {
                before: &[Verb::Push(&[FOO, FOO_2, BAR])],
                verb: Verb::Remove(FOO),
                ..PLAIN
            };
            removal_of_a_package: Case {
                before: &[Verb::Push(&[FOO, BAR])],
                verb: Verb::Remove(FOO),
                ..PLAIN
            };
            removal_of_all: Case {
                before: &[Verb::Push(&[FOO])],
                verb: Verb::Remove(FOO),
                ..PLAIN
            };
            retirement: Case {
                before: &[Verb::Push(&[FOO, BAR])],
                verb: Verb::Retire(FOO),
                ..PLAIN
            };
            end_of_a_retirement: Case {
                before: &[Verb::Push(&[FOO, BAR]), Verb::Retire(FOO)],
                verb: Verb::Unretire(FOO),
                ..PLAIN
            };
            first_push: Case { verb: Verb::Push(&[FOO, BAR]), ..PLAIN };
            push_of_a_change: Case {
                before: &[Verb::Push(&[FOO, BAR])],
                verb: Verb::Push(&[FOO, FOO_2, BAR, BAZ]),
                ..PLAIN
            };
            push_over_what_others_did: Case {
                before: &[Verb::Push(&[FOO, FOO_2, BAR]), Verb::Retire(FOO)],
                verb: Verb::Overwrite(&[FOO, BAZ]),
                ..PLAIN
            };
            first_build: Case { uploads: &[FOO, BAR], ..PLAIN };
            build_of_a_change: Case {
                before: &[Verb::Push(&[FOO, BAR]), Verb::Retire(FOO)],
                uploads: &[FOO_2, BAZ],
                ..PLAIN
            };
            build_without_a_package: Case {
                before: &[Verb::Push(&[FOO, BAR])],
                withdraws: &[FOO],
                ..PLAIN
            };
            build_of_an_exchange: Case {
                before: &[Verb::Push(&[FOO, BAR])],
                uploads: &[FOO_2],
                withdraws: &[FOO],
                ..PLAIN
            };
            build_with_another_key: Case {
                before: &[Verb::Push(&[FOO, FOO_2, BAR]), Verb::Retire(FOO), Verb::SetPolicy(1)],
                verb: Verb::Rotate,
                ..PLAIN
            };
            policy: Case {
                before: &[Verb::Push(&[FOO])],
                verb: Verb::SetPolicy(1),
                ..PLAIN
            };
            policy_in_place_of_another: Case {
                before: &[Verb::Push(&[FOO]), Verb::SetPolicy(1)],
                verb: Verb::SetPolicy(2),
                ..PLAIN
            };
            removal_of_a_policy: Case {
                before: &[Verb::Push(&[FOO]), Verb::SetPolicy(1)],
                verb: Verb::RemovePolicy,
                ..PLAIN
            };
        }
    };
}
pub(super) use with_each_case;

/// What an operation gets in place of its answer. A verb that gets `Forbidden` gives up at once, as if it were killed.
#[derive(Clone, Copy, Debug)]
struct Answer {
    kind: Wrong,
    /// Whether the operation is done all the same.
    is_done: bool,
    /// Whether all operations after it get the same.
    is_lasting: bool,
}

/// How many operations fail at once, each in a bucket of its own.
const WORKERS: usize = 8;

/// The files of the registry below the prefix.
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
        // What was removed by the last operation is not there any more, and what was published by it is.
        let told = ["acme has no", "there is no", "inserted_at: must include the --replace flag"];
        assert!(told.iter().any(|text| failed.text.starts_with(text)), "{context}: {failed:?}");
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

    /// No reader meets a missing file, except where a tarball is replaced or was removed by hand. While the key is
    /// replaced, no file can be read by all.
    pub fn examine(&self, files: Files) {
        if let Verb::Rotate = self.verb {
            return;
        }
        let replaced = match self.verb {
            Verb::Replace(item) => vec![item],
            _ => Vec::new(),
        };
        let gone: Vec<_> =
            replaced.iter().chain(self.withdraws).map(|one| file_name(*one)).collect();
        let tree = Tree::of(files);
        tree.follow(&|tarball| gone.iter().any(|one| one == tarball));
        if let Some(found) = tree.policy(POLICY) {
            let is_found = |verb: &Verb<'_>| match verb {
                Verb::SetPolicy(days) => policy_file(*days).policy == found,
                _ => false,
            };
            assert!(self.before.iter().chain([&self.verb]).any(is_found), "{found:?}");
        }
    }

    /// Runs the verb once for each of its operations, which gets this answer, and then again without a fault.
    fn fail(&self, answer: Answer) {
        let machine = Machine::new(Duration::from_secs(10));
        let start = self.bucket(&machine);
        let done = start.fork();
        machine.run(self.verb, &done.store().jobs(1), &()).unwrap();
        let problems = machine.problems(&done.store());
        assert!(problems.is_empty(), "{problems:?}");
        // Most of the time is spent waiting before a second try.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(WORKERS).build().unwrap();
        let failed: usize = pool.install(|| {
            let workers = (1..=WORKERS).into_par_iter().map(|first| {
                let machine = machine.beside(Duration::from_secs(10));
                let each = (first..).step_by(WORKERS);
                each.take_while(|at| self.fail_at(*at, answer, &machine, &start, &done)).count()
            });
            workers.sum()
        });
        assert!(failed > 5, "{failed} operations failed");
        eprintln!("{failed} operations in a bucket failed");
    }

    /// Whether the verb has that many operations.
    fn fail_at(
        &self,
        at: usize,
        answer: Answer,
        machine: &Machine,
        start: &TestBucket,
        done: &TestBucket,
    ) -> bool {
        let Answer { kind, is_done: torn, is_lasting: lasting } = answer;
        let bucket = start.fork().failing(Fault { at, of: None, kind, torn, lasting });
        let ran = machine.run(self.verb, &bucket.store().jobs(1), &());
        let context = format!("operation {at}, {answer:?}");
        if !bucket.has_failed() {
            ran.unwrap_or_else(|failed| panic!("{context}: {failed:?}"));
            return false;
        }
        self.examine(files(&bucket));
        let asked = bucket.asked();
        if let Err(failed) = &ran {
            let is_untouched = failed.is_write || files(&bucket) == files(start);
            assert!(is_untouched, "{context}: it reports that nothing was written: {failed:?}");
            assert!(!failed.is_conflict, "{context}: there is no other writer: {failed:?}");
        }
        let bucket = bucket.fork();
        is_well(&machine.run(self.verb, &bucket.store(), &()), &context);
        let again = without_times(files(&bucket));
        assert_eq!(again, without_times(files(done)), "{context}: {:?}", asked.last());
        let problems = machine.problems(&bucket.store());
        assert!(problems.is_empty(), "{context}: {problems:?}");
        true
    }
}

/// A module of tests for each case, and in it a test for each answer.
macro_rules! an_operation_in_a_bucket_that_fails_harms_no_client_and_the_same_again_makes_it_right {
    ($($name:ident: $case:expr;)+) => {$(
        mod $name {
            use super::*;

            const CASE: Case = $case;

            #[test]
            fn fails_before_it_is_done() {
                let kind = Wrong::Forbidden;
                CASE.fail(Answer { kind, is_done: false, is_lasting: false });
            }

            #[test]
            fn fails_after_it_is_done() {
                let kind = Wrong::Forbidden;
                CASE.fail(Answer { kind, is_done: true, is_lasting: false });
            }

            #[test]
            fn fails_with_all_after_it() {
                let kind = Wrong::Forbidden;
                CASE.fail(Answer { kind, is_done: false, is_lasting: true });
            }

            #[test]
            fn is_the_last_that_is_done() {
                let kind = Wrong::Forbidden;
                CASE.fail(Answer { kind, is_done: true, is_lasting: true });
            }

            #[test]
            fn gets_lost() {
                CASE.fail(Answer { kind: Wrong::Lost, is_done: false, is_lasting: false });
            }

            #[test]
            fn loses_its_answer() {
                CASE.fail(Answer { kind: Wrong::Lost, is_done: true, is_lasting: false });
            }
        }
    )+};
}

with_each_case!(
    an_operation_in_a_bucket_that_fails_harms_no_client_and_the_same_again_makes_it_right
);
