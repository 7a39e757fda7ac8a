//! Policies in a bucket, where no lock keeps other writers out.

use std::time::Duration;

use hexreg::ops::build;
use hexreg::ops::edit::{Error, Options};
use hexreg::ops::policy;
use hexreg::policy::{PolicyFile, read_policy};
use hexreg::registry::Signed;

use crate::support::objects::TestBucket;
use crate::support::signed::key;
use crate::support::tarball::Tarball;

/// A bucket with the registry `acme` of one release.
fn bucket() -> TestBucket {
    let bucket = TestBucket::default();
    bucket.set("acme/tarballs/foo-1.0.0.tar", &Tarball::new("foo", "1.0.0").build());
    build::build(&bucket.store(), &crate::support::options(), &()).unwrap();
    bucket
}

fn options(signer: &str) -> Options {
    Options {
        repository: "acme".parse().unwrap(),
        key: key(signer),
        lock_timeout: Duration::from_secs(5),
        dry_run: false,
    }
}

fn strict(rules: &str) -> PolicyFile {
    let text = format!("[[repository]]\nname = \"hexpm\"\n{rules}\n");
    read_policy(&text, &"acme".parse().unwrap(), &"strict".parse().unwrap()).unwrap()
}

const KEY: &str = "acme-2048.pem";
const POLICY: &str = "acme/policies/strict";
const OTHER_KEY: &str = "acme-4096.pem";

#[test]
fn a_policy_is_published_replaced_and_removed() {
    let bucket = bucket();
    let store = bucket.store();
    let made = policy::set(&store, &options(KEY), &strict("cooldown = \"7d\""), false, &());
    assert_eq!(made.unwrap().changes.len(), 1);
    let made = policy::set(&store, &options(KEY), &strict("cooldown = \"7d\""), false, &());
    assert_eq!(made.unwrap().changes, []);
    policy::set(&store, &options(KEY), &strict("cooldown = \"8d\""), false, &()).unwrap();
    let file = bucket.get(POLICY).unwrap();
    let signed = Signed::from_gzip(&file).unwrap();
    assert_eq!(signed.unverified().unwrap(), strict("cooldown = \"8d\"").policy.encode());
    let name = "strict".parse().unwrap();
    policy::remove(&store, &options(KEY), &name, &()).unwrap();
    assert_eq!(bucket.get(POLICY), None);
    let error = policy::remove(&store, &options(KEY), &name, &()).unwrap_err();
    assert!(matches!(error, Error::NoSuchPolicy { .. }), "{error}");
}

/// The first attempt meets a policy that another writer has just published.
#[test]
fn another_writer_that_was_faster_is_seen() {
    let theirs = strict("cooldown = \"9d\"").policy.encode().sign(&key(KEY)).unwrap();
    let theirs = theirs.to_gzip(&mut hexreg::registry::Gzip::new());
    for at in 1..8 {
        let bucket = bucket().fork().meanwhile(at, POLICY, &theirs);
        policy::set(&bucket.store(), &options(KEY), &strict("cooldown = \"7d\""), false, &())
            .unwrap();
        assert!(bucket.get(POLICY).is_some(), "{at}");
    }
}

#[test]
fn another_key_publishes_nothing() {
    let bucket = bucket();
    let store = bucket.store();
    let error = policy::set(&store, &options(OTHER_KEY), &strict("cooldown = \"7d\""), false, &());
    assert!(matches!(error, Err(Error::Signed { .. })), "{error:?}");
    assert_eq!(bucket.get(POLICY), None);
}

/// Another writer signs all anew with its key, after this one has looked: clients would refuse the policy, so it is
/// taken back.
#[test]
fn a_key_that_changes_meanwhile_is_seen() {
    let bucket = bucket();
    let rotated = TestBucket::default();
    rotated.set("acme/tarballs/foo-1.0.0.tar", &Tarball::new("foo", "1.0.0").build());
    let other = build::Options { key: key(OTHER_KEY), ..crate::support::options() };
    build::build(&rotated.store(), &other, &()).unwrap();
    let names = rotated.get("acme/names").unwrap();
    let seen = (1..8).filter(|at| {
        let bucket = bucket.fork().meanwhile(*at, "acme/names", &names);
        let set =
            policy::set(&bucket.store(), &options(KEY), &strict("cooldown = \"7d\""), false, &());
        assert_eq!(set.is_ok(), bucket.get(POLICY).is_some(), "{at}");
        set.is_err()
    });
    assert!(seen.count() > 1);
}
