//! Packages that go, while somebody may add to them.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use hexreg::ops::verify::Defect;
use hexreg::publish::observer::{Observer, Warning};
use hexreg::repository::Folder;

use super::{apply, asked_of, create, listed, read, remove, stamp, update};
use crate::support::gunzip;
use crate::support::objects::{Fault, Operation, PATIENCE, TestBucket, Wrong};
use crate::support::turn::Item;
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

/// What is asked from then on is refused.
fn forbidden(at: usize, of: Operation) -> Fault {
    Fault { at, of: Some(of), kind: Wrong::Forbidden, torn: false, lasting: true }
}

/// The same after a removal of foo that came to its end when its file was written over: with the sixth write,
/// after those that try conditions, and the indexes.
fn cut_short() -> TestBucket {
    let ended = [forbidden(1, Operation::Delete), forbidden(7, Operation::Put)];
    let bucket = ended.into_iter().fold(registry().fork(), TestBucket::failing);
    let machine = Machine::new(Duration::ZERO);
    let failed = machine.run(Verb::Remove(FOO), &bucket.store(), &()).unwrap_err();
    assert!(failed.is_write && !failed.is_conflict, "{failed:?}");
    bucket.fork()
}

#[test]
fn whoever_may_not_remove_a_package_leaves_it_as_it_was() {
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
fn a_package_is_written_over_where_it_still_is_the_same_and_removed_then() {
    let bucket = registry();
    let store = bucket.store();
    let over = stamp(&store, "packages/foo");
    bucket.asked();
    apply(&store, &[&[remove("packages/foo", over)]]).1.unwrap();
    let how = ["Get", "Put same", "Delete"].map(|how| format!("{how} {KEY}"));
    assert_eq!(asked_of(&bucket.asked(), KEY), how);
    assert_eq!(bucket.get(KEY), None);
    // Of a lone writer nothing else is asked.
    let bucket = registry();
    let store = bucket.store().assume_single_writer(true);
    let over = stamp(&store, "packages/foo");
    bucket.asked();
    apply(&store, &[&[remove("packages/foo", over)]]).1.unwrap();
    assert_eq!(asked_of(&bucket.asked(), KEY), [format!("Delete {KEY}")]);
}

/// Whoever asks for it meanwhile is none the wiser.
#[test]
fn clients_read_what_stood_there_until_it_is_gone() {
    let (before, after) = (registry().get(KEY).unwrap(), cut_short().get(KEY).unwrap());
    assert_ne!(before, after);
    assert_eq!(gunzip(&before), gunzip(&after));
    // Nor does it matter what stood there.
    let bucket = cut_short();
    for damaged in [&b""[..], b"x", &before[..40]] {
        bucket.set(KEY, damaged);
        let store = bucket.store();
        let over = stamp(&store, "packages/foo");
        apply(&store, &[&[remove("packages/foo", over)]]).1.unwrap();
        assert_eq!(bucket.get(KEY), None);
    }
}

#[test]
fn nobody_writes_where_something_is_being_removed_until_that_must_have_ended() {
    let changes = [update as fn(&str, &str, _) -> _, |at, _, over| remove(at, over)];
    for change in changes {
        let bucket = cut_short();
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
fn a_removal_that_was_cut_short_is_told_of_and_ended_by_whoever_changes_the_package_next() {
    let machine = Machine::new(Duration::from_secs(10));
    let problems = machine.problems(&cut_short().store());
    assert!(matches!(problems["packages/foo"], Defect::BeingRemoved), "{problems:?}");
    let verbs =
        [Verb::Add(&[FOO_2]), Verb::Remove(FOO), Verb::Build, Verb::Overwrite(&[FOO_2, BAR])];
    for verb in verbs {
        let bucket = cut_short();
        machine.run(verb, &bucket.store(), &()).unwrap_or_else(|failed| panic!("{failed:?}"));
        let mut problems = machine.problems(&bucket.store());
        // Which `build` would name again: only its package was removed.
        problems.remove("tarballs/foo-1.0.0.tar");
        assert!(problems.is_empty(), "{verb:?}: {problems:?}");
        let stands = listed(&bucket.store(), Folder::Packages).contains_key("foo");
        assert_eq!(stands, !matches!(verb, Verb::Remove(_)), "{verb:?}");
    }
}

#[test]
fn whoever_waits_for_a_removal_says_so() {
    let machine = Machine::new(Duration::from_secs(10));
    let heard = Heard::default();
    machine.run(Verb::Add(&[FOO_2]), &cut_short().store(), &heard).unwrap();
    let heard = heard.0.into_inner().unwrap();
    let told = "a removal of s3://bucket/acme/packages/foo is in progress, or was interrupted";
    assert!(heard.len() == 1 && heard[0].starts_with(told), "{heard:?}");
}

/// What is warned of.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap().push(warning.to_string());
    }
}

/// What comes of a request that was held up may hit what somebody wrote since.
#[test]
fn a_removal_that_takes_too_long_begins_again() {
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
fn a_removal_whose_answer_gets_lost_takes_away_nothing_that_came_since() {
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
    // A listing, the probe, three requests for foo, and then it is looked at.
    let lost =
        Fault { at: 1, of: Some(Operation::Delete), kind: Wrong::Lost, torn: true, lasting: false };
    let bucket = registry().fork().failing(lost).meanwhile(9, KEY, b"theirs");
    let store = bucket.store();
    let over = stamp(&store, "packages/foo");
    apply(&store, &[&[remove("packages/foo", over)]]).1.unwrap();
    assert_eq!(bucket.get(KEY).unwrap(), b"theirs");
}
