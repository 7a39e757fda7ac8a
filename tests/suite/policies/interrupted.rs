//! What a killed `hexreg policy` has left is removed by the next one.

use hexreg::ops::batch::remove_leftovers;
use hexreg::store::{DirStore, LockOutcome, Store};

use super::company::{BOTH, ruled};
use crate::support::repository::TestRepository;

const LEFT: &str = "public/policies/.hexreg-abc.tmp";

fn run(repository: &TestRepository, arguments: &[&str]) -> String {
    let write = ["--to", "public", "--name=acme", "--private-key=key.pem"];
    repository.hexreg().run([&["policy"], arguments, &write].concat()).ok().stdout
}

#[test]
fn the_next_one_removes_what_is_left() {
    let repository = ruled(BOTH);
    let set = ["set", "strict", "--file=strict.toml"];
    for arguments in [&set[..], &["remove", "strict"], &set] {
        repository.write(LEFT, b"half");
        // A file of another program.
        repository.write("public/policies/.keep", b"");
        run(&repository, &[arguments, &["--dry-run"]].concat());
        assert!(repository.path(LEFT).exists());
        run(&repository, arguments);
        assert!(!repository.path(LEFT).exists(), "{arguments:?}");
        assert!(repository.path("public/policies/.keep").exists());
    }
}

#[test]
fn what_was_left_is_no_change() {
    let repository = ruled(BOTH);
    repository.write(LEFT, b"half");
    insta::assert_snapshot!(run(&repository, &["set", "strict", "--file=strict.toml"]), @r"
    * removing public/policies/.hexreg-abc.tmp
    acme: nothing has changed
    ");
}

/// It may be what a writer is at.
#[test]
fn nothing_is_removed_while_another_writer_has_the_lock() {
    let repository = ruled(BOTH);
    repository.write(LEFT, b"half");
    let store = DirStore::new(repository.path("public"));
    let Ok(LockOutcome::Held(_lock)) = store.lock() else { panic!("nobody else has it") };
    let set = ["policy", "set", "strict", "--file=strict.toml", "--to=public", "--name=acme"];
    let more = ["--private-key=key.pem", "--lock-timeout=0"];
    let ran = repository.hexreg().run([&set[..], &more].concat());
    assert_ne!(ran.code, 0, "{}", ran.transcript());
    assert!(repository.path(LEFT).exists());
}

/// A server removes what is left before it publishes.
#[test]
fn a_server_that_begins_to_publish_removes_it() {
    let repository = ruled(BOTH);
    repository.write(LEFT, b"half");
    assert_eq!(remove_leftovers(&DirStore::new(repository.path("public"))).unwrap(), 1);
    assert!(!repository.path(LEFT).exists());
}
