//! The same verbs on a store that is locked, as a directory is: there are no conditions, and nobody else.

use std::io::ErrorKind;
use std::time::Duration;

use super::faults::{CASES, Case, is_well, without_times};
use crate::support::faulty::{Fault, FaultyStore};
use crate::support::memory::MemoryStore;
use crate::support::turn::{file_name, tarball};
use crate::support::verbs::Machine;
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

#[test]
fn whichever_operation_in_a_directory_fails_no_client_is_harmed_and_the_same_again_makes_it_right()
{
    let machine = Machine::new(Duration::ZERO);
    let mut faults = 0;
    for case in &CASES {
        let start = start(case, &machine);
        let done = MemoryStore::of(&start);
        machine.run(case.verb, &done, &()).unwrap();
        assert!(machine.problems(&done).is_empty(), "{}", case.name);
        for (torn, lasting) in [(false, false), (true, false), (false, true), (true, true)] {
            for at in 1.. {
                let memory = MemoryStore::of(&start);
                let fault = Fault { at, kind: ErrorKind::Other, torn, lasting };
                let store = FaultyStore::new(&memory, fault);
                let ran = machine.run(case.verb, &store, &());
                let context = format!("{}: {fault:?}", case.name);
                if !store.has_failed() {
                    ran.unwrap();
                    break;
                }
                faults += 1;
                let failed = ran.expect_err("what failed is told");
                assert!(failed.is_write || memory.files() == start, "{context}: {failed:?}");
                case.examine(memory.files());
                is_well(&machine.run(case.verb, &memory, &()), &context);
                assert_eq!(without_times(memory.files()), without_times(done.files()), "{context}");
                assert!(machine.problems(&memory).is_empty(), "{context}");
            }
        }
    }
    eprintln!("{faults} operations in a directory failed");
}
