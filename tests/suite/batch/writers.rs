//! Batches in a bucket, where other writers come between any two requests.

use std::sync::Barrier;
use std::thread;

use super::{
    NO_REPLACE, Publisher, assert_sound, ends, field, foo, releases, replacing, retire, revert,
    word, words,
};
use crate::support::objects::{Fault, Operation, TestBucket, Wrong};
use crate::support::tarball::Tarball;
use crate::support::witness::Files;

const WRITERS: usize = 6;

/// A registry in a bucket.
fn bucket(publisher: &Publisher) -> TestBucket {
    let bucket = TestBucket::default();
    publisher.create(&bucket.store());
    bucket.asked();
    bucket
}

/// Its objects, by the paths of the repository.
fn files(bucket: &TestBucket) -> Files {
    let objects = bucket.objects().into_iter();
    objects
        .filter_map(|(key, bytes)| Some((key.strip_prefix("acme/")?.to_owned(), bytes)))
        .collect()
}

/// Which request of a batch, counted from one, writes this object. Until then another writer may write it.
fn place_of_write(bucket: &TestBucket, key: &str) -> usize {
    let is_write = |(operation, what): &(Operation, String)| {
        *operation == Operation::Put && what.ends_with(key)
    };
    bucket.asked().iter().position(is_write).unwrap() + 1
}

/// Another writer publishes `other` at any moment before a batch has written the indexes. Whatever the batch wrote before is its own in the attempt
/// after that, and not a release that exists already.
#[test]
fn what_an_earlier_attempt_wrote_is_not_there_already() {
    let publisher = Publisher::new();
    let original = bucket(&publisher);
    let changes = [
        publisher.publish(&foo("1.0.0", 1)),
        publisher.publish(&foo("1.0.0", 2)),
        replacing(publisher.publish(&foo("1.0.0", 3))),
        publisher.publish(&Tarball::new("bar", "1.0.0")),
        retire("base-1.0.0"),
        publisher.docs("foo-1.0.0", b"docs"),
    ];
    let expected = ["created", "inserted_at", "replaced", "created", "retired", "docs stored"];
    let trial = original.fork();
    assert_eq!(words(&publisher.apply(&trial.store(), &changes)), expected);
    let last = place_of_write(&trial, "versions");

    let other = original.fork();
    publisher.apply(&other.store(), &[publisher.publish(&Tarball::new("other", "1.0.0"))]);
    let (before, others) = (original.objects(), other.objects());
    let written: Vec<_> =
        others.iter().filter(|(key, bytes)| before.get(*key) != Some(*bytes)).collect();
    assert_eq!(written.len(), 4, "a tarball, a package, and two indexes");
    for at in 1..=last {
        let contended = written
            .iter()
            .fold(original.fork(), |bucket, (key, bytes)| bucket.meanwhile(at, key, bytes));
        let verdicts = publisher.apply(&contended.store(), &changes);
        assert_eq!(words(&verdicts), expected, "at request {at}");
        let files = files(&contended);
        assert_eq!(files["tarballs/foo-1.0.0.tar"], foo("1.0.0", 3).build(), "at request {at}");
        assert_eq!(files["docs/foo-1.0.0.tar.gz"], b"docs");
        assert_sound(&contended.store());
    }
}

/// Another writer publishes the same release before the batch has written the file of its package.
#[test]
fn a_release_of_a_faster_writer_is_there_already() {
    let publisher = Publisher::new();
    let original = bucket(&publisher);
    let change = [publisher.publish(&foo("1.0.0", 1)), publisher.publish(&foo("2.0.0", 1))];
    let trial = original.fork();
    publisher.apply(&trial.store(), &change);
    let written = place_of_write(&trial, "packages/foo");

    for edition in [1, 2] {
        let other = original.fork();
        publisher.apply(&other.store(), &[publisher.publish(&foo("1.0.0", edition))]);
        let (before, others) = (original.objects(), other.objects());
        for at in 1..=written {
            let changed = others.iter().filter(|(key, bytes)| before.get(*key) != Some(*bytes));
            let contended = changed
                .fold(original.fork(), |bucket, (key, bytes)| bucket.meanwhile(at, key, bytes));
            let verdicts = publisher.apply(&contended.store(), &change);
            // The same tarball may seem unfinished, if an index was read before the other writer named it there.
            if edition != 1 || word(&verdicts[0]) != "created" {
                assert_eq!(verdicts[0], field("inserted_at", NO_REPLACE), "at request {at}");
            }
            assert_eq!(word(&verdicts[1]), "created", "at request {at}");
            let files = files(&contended);
            assert_eq!(files["tarballs/foo-1.0.0.tar"], foo("1.0.0", edition).build());
            assert_eq!(releases(&files, "foo").len(), 2);
            assert_sound(&contended.store());
        }
    }
}

/// Also where a package loses its last release, and another writer changes the indexes meanwhile.
#[test]
fn a_reverted_release_is_gone_whoever_writes_meanwhile() {
    let publisher = Publisher::new();
    let original = bucket(&publisher);
    let all = [
        publisher.publish(&foo("1.0.0", 1)),
        publisher.publish(&foo("1.1.0", 1)),
        publisher.publish(&Tarball::new("bar", "1.0.0")),
        publisher.docs("foo-1.0.0", b"docs"),
    ];
    publisher.apply(&original.store(), &all);
    let changes = [revert("foo-1.0.0"), revert("bar-1.0.0"), revert("bar-1.0.0")];
    let expected = ["reverted", "reverted", "no such release"];
    let trial = original.fork();
    assert_eq!(words(&publisher.apply(&trial.store(), &changes)), expected);
    let last = place_of_write(&trial, "versions");
    let other = original.fork();
    publisher.apply(&other.store(), &[publisher.publish(&Tarball::new("other", "1.0.0"))]);
    let (before, others) = (original.objects(), other.objects());
    let written: Vec<_> =
        others.iter().filter(|(key, bytes)| before.get(*key) != Some(*bytes)).collect();
    for at in 1..=last {
        let contended = written
            .iter()
            .fold(original.fork(), |bucket, (key, bytes)| bucket.meanwhile(at, key, bytes));
        let verdicts = publisher.apply(&contended.store(), &changes);
        assert_eq!(words(&verdicts), expected, "at request {at}");
        let files = files(&contended);
        let gone = ["tarballs/foo-1.0.0.tar", "docs/foo-1.0.0.tar.gz", "tarballs/bar-1.0.0.tar"];
        assert!(gone.iter().all(|path| !files.contains_key(*path)), "at request {at}");
        assert_eq!(releases(&files, "bar"), []);
        assert_sound(&contended.store());
    }
}

/// What a server answers is what happened, also where the answer of the bucket got lost.
#[test]
fn nothing_is_said_of_a_batch_that_could_not_be_written() {
    let publisher = Publisher::new();
    let original = bucket(&publisher);
    let changes = [publisher.publish(&foo("1.0.0", 1)), retire("base-1.0.0")];
    let trial = original.fork();
    publisher.apply(&trial.store(), &changes);
    let requests = trial.asked().len();
    for at in 1..=requests {
        let fault = Fault { at, of: None, kind: Wrong::Forbidden, torn: false, lasting: true };
        let failing = original.fork().failing(fault);
        let failed = ends(&publisher.try_apply(&failing.store(), &changes));
        let is_failure = |end: &str| ["failed", "unknown"].contains(&end);
        assert!(failed.iter().all(|end| is_failure(end)), "at request {at}: {failed:?}");
        let lost = Fault { at, of: None, kind: Wrong::Lost, torn: true, lasting: false };
        let torn = original.fork().failing(lost);
        let torn_ends = ends(&publisher.try_apply(&torn.store(), &changes));
        if torn_ends.iter().any(|end| is_failure(end)) {
            assert!(torn_ends.iter().all(|end| is_failure(end)), "at request {at}: {torn_ends:?}");
        } else {
            assert_eq!(torn_ends, ["created", "retired"], "at request {at}");
            assert_sound(&torn.store());
        }
    }
}

/// Runs a change of each writer at once.
fn at_once(
    bucket: &TestBucket,
    publisher: &Publisher,
    change: impl Fn(u8) -> hexreg::ops::batch::RequestedChange + Sync,
) -> Vec<super::Verdict> {
    let begin = Barrier::new(WRITERS);
    thread::scope(|scope| {
        let writers = (0..WRITERS).map(|writer| {
            let (begin, change) = (&begin, &change);
            scope.spawn(move || {
                let edition = u8::try_from(writer).unwrap() + 1;
                let (store, change) = (bucket.store(), change(edition));
                begin.wait();
                publisher.apply_one(&store, change)
            })
        });
        let writers: Vec<_> = writers.collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    })
}

#[test]
fn of_many_that_publish_one_release_at_once_one_creates_it() {
    let publisher = Publisher::new();
    let bucket = bucket(&publisher);
    let changes: Vec<_> =
        (1..=6).map(|edition| publisher.publish(&foo("1.0.0", edition))).collect();
    let verdicts =
        at_once(&bucket, &publisher, |edition| changes[usize::from(edition) - 1].clone());
    let winner = verdicts.iter().position(Result::is_ok).unwrap();
    assert_eq!(word(&verdicts[winner]), "created");
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 1, "{verdicts:?}");
    let others = verdicts.iter().filter(|verdict| verdict.is_err());
    others.for_each(|other| assert_eq!(*other, field("inserted_at", NO_REPLACE)));
    let tarball = foo("1.0.0", u8::try_from(winner).unwrap() + 1).build();
    assert_eq!(files(&bucket)["tarballs/foo-1.0.0.tar"], tarball);
    assert_sound(&bucket.store());
}

#[test]
fn all_that_replace_one_release_at_once_replace_it() {
    let publisher = Publisher::new();
    let bucket = bucket(&publisher);
    publisher.apply_one(&bucket.store(), publisher.publish(&foo("1.0.0", 0))).unwrap();
    let changes: Vec<_> =
        (1..=6).map(|edition| replacing(publisher.publish(&foo("1.0.0", edition)))).collect();
    let verdicts =
        at_once(&bucket, &publisher, |edition| changes[usize::from(edition) - 1].clone());
    assert_eq!(words(&verdicts), ["replaced"; WRITERS]);
    let files = files(&bucket);
    let tarball = &files["tarballs/foo-1.0.0.tar"];
    assert!((1..=6).any(|edition| foo("1.0.0", edition).build() == *tarball));
    assert_sound(&bucket.store());
}
