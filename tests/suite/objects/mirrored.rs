//! A bucket with a copy of a mirror of tarballs, and of the mirror's record of upstream.

use std::time::Duration;

use hexreg::key::PrivateKey;
use hexreg::package::{Retirement, RetirementReason};
use hexreg::registry::{Gzip, Releases, Signed};

use crate::support::items::Item;
use crate::support::objects::TestBucket;
use crate::support::signed;
use crate::support::verbs::{Machine, Verb};

const FOO: Item<'_> = ("foo", "1.0.0", 0);

const KEY: &str = "acme/packages/foo";

fn releases(bucket: &TestBucket) -> Releases {
    let file = bucket.get(KEY).unwrap();
    let signed = Signed::from_gzip(&file).unwrap();
    Releases::decode(&signed.unverified().unwrap()).unwrap()
}

/// Upstream's file of the package, whose release is retired or not.
fn upstream(bucket: &TestBucket, key: &PrivateKey, is_retired: bool) {
    let mut says = releases(bucket);
    let retirement = Retirement::new(RetirementReason::Security, None);
    says.releases[0].remarks.retired = is_retired.then_some(retirement);
    let file = says.encode().sign(key).unwrap().to_gzip(&mut Gzip::new());
    bucket.set("acme/.hexreg-mirror/packages/foo", &file);
}

#[test]
fn upstreams_retirements_are_carried_over_and_taken_back() {
    let (bucket, machine) = (TestBucket::default(), Machine::new(Duration::ZERO));
    let build = || machine.run(Verb::Build, &bucket.store(), &()).unwrap();
    machine.run(Verb::Push(&[FOO]), &bucket.store(), &()).unwrap();
    let key = signed::key("acme-4096.pem");
    let pem = key.public_key().to_pem();
    bucket.set("acme/.hexreg-mirror/public_key", pem.as_bytes());
    for is_retired in [true, false, true] {
        upstream(&bucket, &key, is_retired);
        for _ in 0..2 {
            build();
            assert_eq!(releases(&bucket).releases[0].remarks.retired.is_some(), is_retired);
        }
        assert_eq!(machine.problems(&bucket.store()).len(), 0);
    }
    let before = bucket.objects();
    bucket.asked();
    build();
    assert_eq!(bucket.objects(), before);
    // In a bucket without a mirror the missing record costs one listing.
    let bucket = TestBucket::default();
    machine.run(Verb::Push(&[FOO]), &bucket.store(), &()).unwrap();
    bucket.asked();
    machine.run(Verb::Build, &bucket.store(), &()).unwrap();
    let asked = bucket.asked();
    let of_mirror: Vec<_> =
        asked.iter().filter(|(_, what)| what.contains("hexreg-mirror")).collect();
    assert_eq!(of_mirror.len(), 1, "{asked:?}");
}
