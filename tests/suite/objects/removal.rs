//! Removing packages from a bucket while another writer may add releases to them.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use hexreg::ops::verify::Defect;
use hexreg::publish::observer::{Observer, Warning};
use hexreg::repository::Folder;

use super::{apply, asked_of, create, listed, read, remove, stamp, update};
use crate::support::gunzip;
use crate::support::items::Item;
use crate::support::objects::{Fault, Operation, PATIENCE, TestBucket, Wrong};
use crate::support::verbs::{Machine, Verb};

const FOO: Item<'_> = ("foo", "1.0.0", 0);
const FOO_2: Item<'_> = ("foo", "2.0.0", 0);
const BAR: Item<'_> = ("bar", "1.0.0", 0);

const KEY: &str = "acme/packages/foo";

/// A registry.
fn registry() -> TestBucket {
    let bucket = TestBucket::default();
    let machine = Machine::new(Duration::ZERO);
    machine.run(Verb::Push(&[FOO, BAR]), &bucket.store(), &()).unwrap();
    bucket
}

/// All requests from this one on are refused.
fn forbidden(at: usize, of: Operation) -> Fault {
    Fault { at, of: Some(of), kind: Wrong::Forbidden, torn: false, lasting: true }
}

/// The registry after a removal of foo that was interrupted when the tombstone was written: with the sixth write, after
/// those of the probe and of the indexes.
fn interrupted() -> TestBucket {
    let ended = [forbidden(1, Operation::Delete), forbidden(7, Operation::Put)];
    let bucket = ended.into_iter().fold(registry().fork(), TestBucket::failing);
    let machine = Machine::new(Duration::ZERO);
    let failed = machine.run(Verb::Remove(FOO), &bucket.store(), &()).unwrap_err();
    assert!(failed.is_write && !failed.is_conflict, "{failed:?}");
    bucket.fork()
}

#[test]
fn a_removal_without_the_right_to_it_leaves_the_package_as_it_was() {
    let start = registry();
    let bucket = start.fork().failing(forbidden(1, Operation::Delete));
    let machine = Machine::new(Duration::ZERO);
    for _ in 0..2 {
        let failed = machine.run(Verb::Remove(FOO), &bucket.store(), &()).unwrap_err();
        assert!(
            failed.text.ends_with("could not remove s3://bucket/acme/packages/foo"),
            "{failed:?}"
        );
        assert_eq!(bucket.get(KEY), start.get(KEY));
    }
}

#[test]
fn a_package_is_replaced_by_a_tombstone_and_then_removed() {
    let bucket = registry();
    let store = bucket.store();
    let over = stamp(&store, "packages/foo");
    bucket.asked();
    apply(&store, &[&[remove("packages/foo", over)]]).1.unwrap();
    let how = ["Get", "Put same", "Delete"].map(|how| format!("{how} {KEY}"));
    assert_eq!(asked_of(&bucket.asked(), KEY), how);
    assert_eq!(bucket.get(KEY), None);
    // A single writer sends no other request.
    let bucket = registry();
    let store = bucket.store().assume_single_writer(true);
    let over = stamp(&store, "packages/foo");
    bucket.asked();
    apply(&store, &[&[remove("packages/foo", over)]]).1.unwrap();
    assert_eq!(asked_of(&bucket.asked(), KEY), [format!("Delete {KEY}")]);
}

/// Clients do not notice the tombstone.
#[test]
fn clients_read_the_package_until_it_is_gone() {
    let (before, after) = (registry().get(KEY).unwrap(), interrupted().get(KEY).unwrap());
    assert_ne!(before, after);
    assert_eq!(gunzip(&before), gunzip(&after));
    // Any former content will do.
    let bucket = interrupted();
    for damaged in [&b""[..], b"x", &before[..40]] {
        bucket.set(KEY, damaged);
        let store = bucket.store();
        let over = stamp(&store, "packages/foo");
        apply(&store, &[&[remove("packages/foo", over)]]).1.unwrap();
        assert_eq!(bucket.get(KEY), None);
    }
}

#[test]
fn a_tombstone_is_not_replaced_until_it_is_abandoned() {
    let changes = [update as fn(&str, &str, _) -> _, |at, _, over| remove(at, over)];
    for change in changes {
        let bucket = interrupted();
        let store = bucket.store();
        let (bytes, over) = read(&store, "packages/foo").unwrap();
        let refused = || {
            let change = change("packages/foo", "x", over);
            apply(&store, &[&[change]]).1.is_err_and(|error| error.is_being_removed())
        };
        assert!(refused() && refused());
        assert_eq!(bucket.get(KEY).unwrap(), bytes);
        assert!(apply(&store, &[&[create("packages/foo", "x")]]).1.unwrap_err().is_conflict());
        thread::sleep(PATIENCE);
        assert!(!refused());
        assert_ne!(bucket.get(KEY).unwrap_or_default(), bytes);
    }
}

#[test]
fn an_interrupted_removal_is_reported_and_completed_by_the_next_change() {
    let machine = Machine::new(Duration::from_secs(10));
    let problems = machine.problems(&interrupted().store());
    assert!(matches!(problems["packages/foo"], Defect::BeingRemoved), "{problems:?}");
    let verbs =
        [Verb::Add(&[FOO_2]), Verb::Remove(FOO), Verb::Build, Verb::Overwrite(&[FOO_2, BAR])];
    for verb in verbs {
        let bucket = interrupted();
        machine.run(verb, &bucket.store(), &()).unwrap_or_else(|failed| panic!("{failed:?}"));
        let mut problems = machine.problems(&bucket.store());
        // `build` would name the tarball again: only the package was removed.
        problems.remove("tarballs/foo-1.0.0.tar");
        assert!(problems.is_empty(), "{verb:?}: {problems:?}");
        let is_there = listed(&bucket.store(), Folder::Packages).contains_key("foo");
        assert_eq!(is_there, !matches!(verb, Verb::Remove(_)), "{verb:?}");
    }
}

#[test]
fn waiting_for_a_removal_is_reported() {
    let machine = Machine::new(Duration::from_secs(10));
    let warnings = RecordedWarnings::default();
    machine.run(Verb::Add(&[FOO_2]), &interrupted().store(), &warnings).unwrap();
    let warnings = warnings.0.into_inner().unwrap();
    let told = "a removal of s3://bucket/acme/packages/foo is in progress, or was interrupted";
    assert!(warnings.len() == 1 && warnings[0].starts_with(told), "{warnings:?}");
}

/// Records warnings.
#[derive(Default)]
struct RecordedWarnings(Mutex<Vec<String>>);

impl Observer for RecordedWarnings {
    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap().push(warning.to_string());
    }
}

/// A delayed DELETE may remove a file that another writer wrote since.
#[test]
fn a_removal_that_takes_too_long_starts_again() {
    let bucket = registry().slow_fork(PATIENCE.mul_f64(0.6));
    let store = bucket.store();
    let over = stamp(&store, "packages/foo");
    let error = apply(&store, &[&[remove("packages/foo", over)]]).1.unwrap_err();
    assert_eq!(error.kind.to_string(), "the server took too long to answer");
    let asked = asked_of(&bucket.asked(), KEY);
    assert!(!asked.iter().any(|one| one.starts_with("Delete")), "{asked:?}");
    assert_eq!(asked.iter().filter(|one| one.starts_with("Put")).count(), 5, "{asked:?}");
}

#[test]
fn a_removal_whose_response_gets_lost_removes_no_newer_file() {
    for torn in [false, true] {
        let lost =
            Fault { at: 1, of: Some(Operation::Delete), kind: Wrong::Lost, torn, lasting: false };
        let bucket = registry().fork().failing(lost);
        let store = bucket.store();
        let over = stamp(&store, "packages/foo");
        apply(&store, &[&[remove("packages/foo", over)]]).1.unwrap();
        assert_eq!(bucket.get(KEY), None);
        let asked = asked_of(&bucket.asked(), KEY);
        let deletes = asked.iter().filter(|one| one.starts_with("Delete")).count();
        assert_eq!(deletes, if torn { 1 } else { 2 }, "{asked:?}");
    }
    // A listing, the probe, three requests for foo, and then the HEAD.
    let lost =
        Fault { at: 1, of: Some(Operation::Delete), kind: Wrong::Lost, torn: true, lasting: false };
    let bucket = registry().fork().failing(lost).meanwhile(9, KEY, b"theirs");
    let store = bucket.store();
    let over = stamp(&store, "packages/foo");
    apply(&store, &[&[remove("packages/foo", over)]]).1.unwrap();
    assert_eq!(bucket.get(KEY).unwrap(), b"theirs");
}
