//! The same verbs on a store that is locked, as a directory is: there are no conditions, and no other writer.

use std::io::ErrorKind;
use std::time::Duration;

use super::faults::{
    BAR, BAZ, Case, FOO, FOO_2, FOO_REPLACED, PLAIN, is_well, with_each_case, without_times,
};
use crate::support::faulty::{Fault, FaultyStore};
use crate::support::items::{file_name, tarball};
use crate::support::memory::MemoryStore;
use crate::support::verbs::{Machine, Verb};
use crate::support::witness::Files;

fn start(case: &Case, machine: &Machine) -> Files {
    let store = MemoryStore::default();
    for verb in case.before {
        machine.run(*verb, &store, &()).unwrap();
    }
    let mut files = store.files();
    for item in case.uploads {
        files.insert(format!("tarballs/{}", file_name(*item)), tarball(*item));
    }
    for item in case.withdraws {
        files.remove(&format!("tarballs/{}", file_name(*item)));
    }
    files
}

/// Runs the verb with each operation failing in turn, and then again without a fault.
fn fail(case: &Case, torn: bool, lasting: bool) {
    let machine = Machine::new(Duration::ZERO);
    let start = start(case, &machine);
    let done = MemoryStore::of(&start);
    machine.run(case.verb, &done, &()).unwrap();
    assert!(machine.problems(&done).is_empty());
    let mut faults = 0;
    for at in 1.. {
        let memory = MemoryStore::of(&start);
        let fault = Fault { at, kind: ErrorKind::Other, torn, lasting };
        let store = FaultyStore::new(&memory, fault);
        let ran = machine.run(case.verb, &store, &());
        let context = format!("{fault:?}");
        if !store.has_failed() {
            ran.unwrap();
            break;
        }
        faults += 1;
        // Changes of a batch are tried again by themselves, and a fault that is over by then is none.
        let is_batch = matches!(case.verb, Verb::Publish(items) if items.len() > 1);
        if lasting || !is_batch {
            let failed = ran.expect_err("the fault is reported");
            let is_known = failed.is_write || is_batch || memory.files() == start;
            assert!(is_known, "{context}: {failed:?}");
        }
        case.examine(memory.files());
        is_well(&machine.run(case.verb, &memory, &()), &context);
        assert_eq!(without_times(memory.files()), without_times(done.files()), "{context}");
        assert!(machine.problems(&memory).is_empty(), "{context}");
    }
    eprintln!("{faults} operations in a directory failed");
    assert!(faults > 5, "{faults}");
}

/// A module of tests for each case, and in it a test for each kind of fault.
macro_rules! an_operation_in_a_directory_that_fails_harms_no_client_and_the_same_again_makes_it_right {
    ($($name:ident: $case:expr;)+) => {$(
        mod $name {
            use super::*;

            const CASE: Case = $case;

            #[test]
            fn fails() {
                fail(&CASE, false, false);
            }

            #[test]
            fn fails_half_done() {
                fail(&CASE, true, false);
            }

            #[test]
            fn fails_with_all_after_it() {
                fail(&CASE, false, true);
            }

            #[test]
            fn fails_half_done_with_all_after_it() {
                fail(&CASE, true, true);
            }
        }
    )+};
}

with_each_case!(
    an_operation_in_a_directory_that_fails_harms_no_client_and_the_same_again_makes_it_right
);
