//! Commands that change a registry in a directory and are killed before any one of their system calls.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::commands::{
    ADDITION_OF_A_PACKAGE, ADDITION_OF_A_RELEASE, Case, FIRST_ADDITION, FIRST_PUSH, NEW_POLICY,
    POLICY_IN_PLACE_OF_ANOTHER, PUSH_THAT_OVERWRITES, REMOVAL_OF_A_PACKAGE, REMOVAL_OF_A_POLICY,
    REMOVAL_OF_A_RELEASE, RETIREMENT, with_each_command,
};
use crate::support::random::setting;
use crate::support::repository::TestRepository;
use crate::support::strace;
use crate::support::system_calls::{FOLDER, OPEN, REMOVAL, RENAME, killed_before_system_calls};
use crate::support::witness::{Tree, is_temporary};

/// All but what a killed command may leave and the same command does not take away: what it laid down beside. Beside
/// policies nothing may be left.
fn problems(repository: &TestRepository) -> Vec<String> {
    let found = repository.hexreg().run(["verify", "served", "--json"]).stdout;
    let found: Value = serde_json::from_str(&found).unwrap();
    let problems = found["problems"].as_array().unwrap().iter();
    let is_of_policy = |path: &Value| path.as_str().unwrap().contains("policies/");
    let problems =
        problems.filter(|problem| problem["kind"] != "leftover" || is_of_policy(&problem["path"]));
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

/// Kills a command before its system calls of one kind, one after the other, and runs it again.
fn kill(test: &str, case: &Case, calls: &str, step: usize) {
    if !strace::is_available(test) {
        return;
    }
    let repository = case.begin();
    fs::create_dir_all(repository.path("public")).unwrap();
    fs::create_dir(repository.path("before")).unwrap();
    if !case.before.is_empty() {
        repository.hexreg().run(["push", "public", "before"]).ok();
    }
    case.prepare(&repository);
    let arguments = case.arguments("served");
    let mut killed = 0;
    for n in (1..).step_by(step) {
        rewind(&repository);
        if !strace::kill(&repository, &arguments, calls, n) {
            break;
        }
        killed += 1;
        case.examine(&tree(&repository));
        let again = repository.hexreg().run(arguments.iter().map(String::as_str));
        let context = format!("killed before {calls} {n}: {}", again.transcript());
        assert!(again.code == 0 || Case::is_done(&again.stderr), "{context}");
        assert_eq!(problems(&repository), [""; 0], "{context}");
        let tree = tree(&repository);
        tree.agrees();
        case.has_its_policy(&tree);
        assert_eq!(tree.tarballs.into_keys().collect::<Vec<_>>(), case.tarballs(), "{context}");
    }
    eprintln!("{killed} commands killed before {calls}");
    // Each command asks for the lock. All but the removal of a policy flush files and rename them.
    let writes = case.policy_before.is_none() || case.policy_after.is_some();
    let certain = if writes { &["rename", "flock", "open"][..] } else { &["flock", "open"] };
    let is_certain = certain.iter().any(|call| calls.starts_with(call));
    assert!(killed > 0 || !is_certain, "no call was {calls}");
}

/// One in how many of the calls that are tried in part, as most of them come before anything has begun.
fn every() -> usize {
    setting("HEXREG_EVERY", 11)
}

/// A module of tests for each command, and in it a test for each kind of system call.
macro_rules! a_command_killed_before_a_system_call_is_made_right_by_the_next {
    ($($name:ident: $case:expr;)+) => {
        killed_before_system_calls!(kill, { $($name: $case;)+ }, {
            rename: RENAME, 1;
            removal: REMOVAL, 1;
            flush_of_a_file_or_folder: "fsync", 1;
            flush_of_a_file_system: "syncfs", 1;
            folder: FOLDER, 1;
            lock: "flock", 1;
            open: OPEN, every();
            write: "write", every();
        });
    };
}

with_each_command!(a_command_killed_before_a_system_call_is_made_right_by_the_next);
