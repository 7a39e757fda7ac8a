//! What others do at one moment, at each moment in turn: what is about to be named is not written over, and
//! what comes back is not left out.

use std::time::Duration;

use hexreg::registry::{Names, Signed};

use crate::support::items::{Item, file_name, tarball};
use crate::support::objects::{Operation, TestBucket};
use crate::support::verbs::{Machine, Verb};
use crate::support::witness::Tree;

const FOO: Item<'_> = ("foo", "1.0.0", 0);
const FOO_2: Item<'_> = ("foo", "2.0.0", 0);
const OTHER_FOO: Item<'_> = ("foo", "1.0.0", 1);
const BAR: Item<'_> = ("bar", "1.0.0", 0);

fn key(item: Item<'_>) -> String {
    format!("acme/tarballs/{}", file_name(item))
}

fn releases(bucket: &TestBucket) -> Vec<String> {
    let files = bucket.objects().into_iter();
    let files = files.filter_map(|(key, bytes)| Some((key.strip_prefix("acme/")?.into(), bytes)));
    Tree::of(files.collect()).releases()
}

fn names(bucket: &TestBucket) -> Vec<String> {
    let names =
        Signed::from_gzip(&bucket.get("acme/names").unwrap()).unwrap().unverified().unwrap();
    let names = Names::decode(&names).unwrap().packages;
    names.into_iter().map(|(name, _)| name.to_string()).collect()
}

/// A release comes to a package that `names` has, so that it is not written; and just then somebody writes it
/// without that package, having taken it for one whose last release goes.
fn lose_the_name(start: &TestBucket, verb: Verb<'_>) {
    let machine = Machine::new(Duration::from_secs(10));
    let without = TestBucket::default();
    machine.run(Verb::Push(&[BAR]), &without.store(), &()).unwrap();
    let without = without.get("acme/names").unwrap();
    let alone = start.fork();
    machine.run(verb, &alone.store(), &()).unwrap();
    let asked = alone.asked();
    assert!(!asked.contains(&(Operation::Put, "same acme/names".to_owned())), "{asked:?}");
    for at in 1.. {
        let bucket = start.fork().meanwhile(at, "acme/names", &without);
        machine.run(verb, &bucket.store(), &()).unwrap();
        let asked = bucket.asked();
        let tells = |(operation, what): &(Operation, String)| {
            what == "acme/names" || (*operation == Operation::List && what == "acme")
        };
        let last = asked.iter().rposition(tells).unwrap();
        let is_named = names(&bucket).contains(&"foo".to_owned());
        assert_eq!(is_named, at <= last + 1, "{verb:?}, {at}: {asked:?}");
        if !is_named {
            assert!(at > 8, "{verb:?}: {asked:?}");
            break;
        }
    }
}

#[test]
fn a_name_that_goes_while_a_release_comes_is_put_back() {
    let machine = Machine::new(Duration::ZERO);
    let bucket = TestBucket::default();
    machine.run(Verb::Push(&[BAR]), &bucket.store(), &()).unwrap();
    let versions = bucket.get("acme/versions").unwrap();
    machine.run(Verb::Add(&[FOO]), &bucket.store(), &()).unwrap();
    lose_the_name(&bucket, Verb::Add(&[FOO_2]));

    // As where a removal has come half way.
    let bucket = TestBucket::default();
    machine.run(Verb::Push(&[FOO, BAR]), &bucket.store(), &()).unwrap();
    bucket.set("acme/versions", &versions);
    bucket.remove("acme/packages/foo");
    bucket.remove(&key(FOO));
    lose_the_name(&bucket, Verb::Push(&[FOO, BAR]));
}

#[test]
fn a_push_writes_over_no_tarball_that_somebody_is_about_to_name() {
    let machine = Machine::new(Duration::ZERO);
    let bucket = TestBucket::default();
    machine.run(Verb::Push(&[BAR]), &bucket.store(), &()).unwrap();
    bucket.set(&key(FOO), &tarball(OTHER_FOO));
    let failed = machine.run(Verb::Push(&[FOO, BAR]), &bucket.store(), &()).unwrap_err();
    assert!(failed.text.ends_with("is another tarball, and no release names it"), "{failed:?}");
    assert_eq!(bucket.get(&key(FOO)).unwrap(), tarball(OTHER_FOO));
    assert_eq!(releases(&bucket), ["bar-1.0.0.tar"]);
    // The user does what the message says.
    machine.run(Verb::Overwrite(&[FOO, BAR]), &bucket.store(), &()).unwrap();
    assert_eq!(bucket.get(&key(FOO)).unwrap(), tarball(FOO));

    // It may come at any moment.
    let start = TestBucket::default();
    machine.run(Verb::Push(&[BAR]), &start.store(), &()).unwrap();
    for at in 1.. {
        let bucket = start.fork().meanwhile(at, &key(FOO), &tarball(OTHER_FOO));
        let pushed = machine.run(Verb::Push(&[FOO, BAR]), &bucket.store(), &());
        let asked = bucket.asked();
        if asked.len() < at {
            assert!(at > 8, "{asked:?}");
            break;
        }
        let what = format!("new {}", key(FOO));
        let wrote = asked.iter().position(|one| *one == (Operation::Put, what.clone()));
        if wrote.is_none_or(|place| at <= place + 1) {
            assert!(pushed.is_err(), "{at}: {asked:?}");
            assert_eq!(bucket.get(&key(FOO)).unwrap(), tarball(OTHER_FOO), "{at}: {asked:?}");
            assert_eq!(releases(&bucket), ["bar-1.0.0.tar"], "{at}: {asked:?}");
        }
    }
}

#[test]
fn a_tarball_that_comes_back_while_its_release_is_taken_away_is_named_again() {
    let machine = Machine::new(Duration::from_secs(10));
    let start = TestBucket::default();
    machine.run(Verb::Push(&[FOO, BAR]), &start.store(), &()).unwrap();
    start.remove(&key(FOO));
    let mut came_back = 0;
    for at in 1.. {
        let bucket = start.fork().meanwhile(at, &key(FOO), &tarball(FOO));
        machine.run(Verb::Build, &bucket.store(), &()).unwrap();
        let asked = bucket.asked();
        let listing = (Operation::List, "acme/tarballs".to_owned());
        let last = asked.iter().rposition(|one| *one == listing).unwrap();
        let named = releases(&bucket).contains(&file_name(FOO));
        assert_eq!(named, at <= last + 1, "{at}: {asked:?}");
        if !named {
            break;
        }
        came_back += 1;
    }
    assert!(came_back > 8, "{came_back}");
}
