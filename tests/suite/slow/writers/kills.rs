//! Commands that change a registry in a directory and are killed before any one of their system calls.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde_json::Value;

use crate::support::commands::{CASES, Case};
use crate::support::random::setting;
use crate::support::repository::TestRepository;
use crate::support::strace;
use crate::support::witness::{Tree, is_temporary};

/// The calls by which a command changes a directory, and whether each of them is tried: of others there are
/// many more, most of them before anything is begun.
const CALLS: [(&str, bool); 8] = [
    ("rename,renameat,renameat2", true),
    ("unlink,unlinkat", true),
    ("fsync", true),
    ("syncfs", true),
    ("mkdir,mkdirat", true),
    ("flock", true),
    ("open,openat", false),
    ("write", false),
];

/// What a killed command may leave that the same command does not take away: what it laid down beside.
fn problems(repository: &TestRepository) -> Vec<String> {
    let found = repository.hexreg().run(["verify", "served", "--json"]).stdout;
    let found: Value = serde_json::from_str(&found).unwrap();
    let problems = found["problems"].as_array().unwrap().iter();
    let problems = problems.filter(|problem| problem["kind"] != "leftover");
    problems.map(ToString::to_string).collect()
}

fn tree(repository: &TestRepository) -> Tree {
    let mut files = repository.files("served", |_| true);
    files.retain(|path, _| !is_temporary(path));
    Tree::of(files)
}

/// Puts there what stood before.
fn rewind(repository: &TestRepository) {
    let served = repository.path("served");
    let _ = fs::remove_dir_all(&served);
    let copy = ["-a", "before", "served"];
    let copied = Command::new("cp").args(copy).current_dir(repository.root()).status().unwrap();
    assert!(copied.success());
}

/// How often it was killed.
fn kill(case: &Case, every: usize) -> usize {
    let repository = case.begin();
    fs::create_dir_all(repository.path("public")).unwrap();
    fs::create_dir(repository.path("before")).unwrap();
    if !case.before.is_empty() {
        repository.hexreg().run(["push", "public", "before"]).ok();
    }
    case.prepare(&repository);
    let arguments = case.arguments("served");
    let mut killed = 0;
    for (calls, is_each_tried) in CALLS {
        for n in (1..).step_by(if is_each_tried { 1 } else { every }) {
            rewind(&repository);
            if !strace::kill(&repository, &arguments, calls, n) {
                break;
            }
            killed += 1;
            tree(&repository).follow(&|_| false);
            let again = repository.hexreg().run(arguments.iter().map(String::as_str));
            let context =
                format!("{:?}, killed before {calls} {n}: {}", case.command, again.transcript());
            assert!(again.code == 0 || again.stderr.contains("acme has no foo"), "{context}");
            assert_eq!(problems(&repository), [""; 0], "{context}");
            let tree = tree(&repository);
            tree.agrees();
            assert_eq!(tree.tarballs.into_keys().collect::<Vec<_>>(), case.tarballs(), "{context}");
        }
    }
    killed
}

#[test]
fn a_command_killed_before_any_one_of_its_system_calls_is_made_right_by_the_next() {
    let test = "a_command_killed_before_any_one_of_its_system_calls_is_made_right_by_the_next";
    if !strace::is_available(test) {
        return;
    }
    let every = setting("HEXREG_EVERY", 11);
    let killed = AtomicUsize::new(0);
    CASES.par_iter().for_each(|case| {
        let times = kill(case, every);
        // A retirement alone renames two files, flushes them and their folders, and asks for the lock.
        assert!(times >= 5, "{:?} was killed {times} times", case.command);
        killed.fetch_add(times, Ordering::SeqCst);
    });
    eprintln!("{} commands killed before a call", killed.into_inner());
}
