//! Servers that honour conditions, and servers that do not. Of many writers over the same object, the first tell exactly
//! one that it succeeded; with the others no writer would learn of the loss.

use std::thread;

use super::{PREFIX, Writer, samples};
use crate::support::azurite::{ACCOUNT, Azurite, KEY};
use crate::support::bucket::{Bucket, PROBE};
use crate::support::gateway::{Asked, Gateway, Manner};
use crate::support::moto::Moto;
use crate::support::repository::TestRepository;
use crate::support::s3rver::S3rver;
use crate::support::tarball::Tarball;

/// How many writers write to the same key at once.
const RACERS: usize = 16;

/// How many of the writers are told that they succeeded.
fn winners(bucket: &Bucket, key: &str, condition: &str) -> usize {
    let statuses: Vec<u16> = thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                let body = format!("{condition} {racer}").into_bytes();
                scope.spawn(move || bucket.put(key, &[condition], &body).status)
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| matches!(status, 200 | 412)), "{statuses:?}");
    statuses.into_iter().filter(|status| *status == 200).count()
}

/// moto itself would let several succeed: `moto_server.py` makes it handle one request at a time.
#[test]
fn of_many_writers_at_once_moto_lets_one_succeed() {
    let Some(moto) = Moto::start("of_many_writers_at_once_moto_lets_one_succeed") else { return };
    let bucket = moto.bucket("registry");
    for round in 0..10 {
        let key = format!("key{round}");
        assert_eq!(winners(&bucket, &key, "If-None-Match: *"), 1);
        let etag = bucket.list()[&key].etag.clone();
        assert_eq!(winners(&bucket, &key, &format!("If-Match: {etag}")), 1);
    }
}

#[test]
fn s3rver_lets_all_writers_succeed() {
    let Some(s3rver) = S3rver::start("s3rver_lets_all_writers_succeed") else { return };
    let bucket = s3rver.bucket("registry");
    assert_eq!(winners(&bucket, "key", "If-None-Match: *"), RACERS);
    assert_eq!(winners(&bucket, "key", "If-Match: \"of no object\""), RACERS);
}

/// A writer of the samples to a server that ignores conditions.
fn ignoring_conditions(s3rver: &S3rver) -> (Writer, Vec<String>) {
    let writer = Writer::of(s3rver.bucket("registry"));
    let samples = samples();
    for (file, bytes) in &samples {
        writer.write(file, bytes);
    }
    (writer, samples.into_iter().map(|(file, _)| file).collect())
}

#[test]
fn if_conditions_are_ignored_only_a_single_writer_adds() {
    let test = "if_conditions_are_ignored_only_a_single_writer_adds";
    let Some(s3rver) = S3rver::start(test) else { return };
    let (writer, files) = ignoring_conditions(&s3rver);
    let refused = writer.add(&files, &[]);
    let said = refused.transcript();
    assert_eq!(refused.code, 2, "{said}");
    assert!(refused.stderr.contains("--assume-single-writer"), "{said}");
    // The same store under both of its names.
    let names = [writer.destination(), writer.bucket.endpoint()];
    assert!(names.iter().any(|name| refused.stderr.contains(name)), "{said}");
    let mut keys = writer.bucket.keys();
    keys.retain(|key| !key.rsplit('/').next().unwrap().starts_with(".hexreg-probe"));
    assert_eq!(keys, Vec::<String>::new(), "{said}");

    writer.add(&files, &["--assume-single-writer"]).ok();
    writer.stands(files.clone());
    let again = writer.add(&files, &["--assume-single-writer"]).ok().stdout;
    assert!(again.contains("nothing has changed"), "{again}");
}

/// A writer of the samples to a server that imitates another one.
fn before(moto: &Moto, manner: Manner) -> (Writer, Vec<String>, Gateway) {
    let bucket = moto.bucket("registry");
    let gateway = Gateway::before(bucket.address(), manner);
    let writer = Writer::of(bucket.behind(gateway.address()));
    let samples = samples();
    for (file, bytes) in &samples {
        writer.write(file, bytes);
    }
    (writer, samples.into_iter().map(|(file, _)| file).collect(), gateway)
}

/// If conditions are unreliable, an error says so before anything is written: for each store its error, and the number of
/// requests for the probe.
#[test]
fn unreliable_conditions_are_reported_before_anything_is_written() {
    let test = "unreliable_conditions_are_reported_before_anything_is_written";
    let said = [
        (Manner::WeakTags, "refuses `If-Match` with the tag that it gave", "check for a proxy", 7),
        (Manner::NoConditions, "refuses every write with `If-None-Match`", "no other process", 1),
        (Manner::IgnoresAbsence, "ignores `If-None-Match`", "Ceph ignores it in buckets with", 2),
    ];
    for (manner, reason, hint, tries) in said {
        let Some(moto) = Moto::start(test) else { return };
        let (writer, files, gateway) = before(&moto, manner);
        let mut refused = None;
        let asked = gateway.asked_for(|| refused = Some(writer.add(&files, &[])));
        let refused = refused.unwrap();
        let said = refused.transcript();
        assert_eq!(refused.code, 2, "{said}");
        assert!(refused.stderr.contains(reason) && refused.stderr.contains(hint), "{said}");
        assert!(refused.stderr.contains("--assume-single-writer"), "{said}");
        let keys = writer.bucket.keys();
        assert!(keys.iter().all(|key| key.ends_with(PROBE)), "{keys:?}");
        let of_probe = asked.iter().filter(|asked| asked.path.ends_with(PROBE)).count();
        assert!(of_probe <= tries, "{manner:?}: {of_probe} requests: {asked:#?}");

        writer.add(&files, &["--assume-single-writer"]).ok();
        writer.stands(files);
    }
}

/// The same for Azure's storage.
#[test]
fn azure_behind_a_proxy_that_changes_tags_is_reported_before_anything_is_written() {
    let test = "azure_behind_a_proxy_that_changes_tags_is_reported_before_anything_is_written";
    let Some(azurite) = Azurite::start(test) else { return };
    azurite.container("registry");
    let gateway = Gateway::before(azurite.address(), Manner::WeakTags);
    let repository = TestRepository::new();
    repository.write("foo-1.0.0.tar", &Tarball::new("foo", "1.0.0").build());
    let mut refused = None;
    let asked = gateway.asked_for(|| {
        let hexreg = repository.hexreg().env("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT);
        let hexreg = hexreg.env("AZURE_STORAGE_ACCOUNT_KEY", KEY);
        let endpoint = format!("--endpoint=http://{}/{ACCOUNT}", gateway.address());
        let add = ["add", "foo-1.0.0.tar", "--to=az://registry/hex", "--name=acme", &endpoint];
        refused = Some(hexreg.run(add.into_iter().chain(["--private-key=key.pem"])));
    });
    let refused = refused.unwrap();
    assert_eq!(refused.code, 2, "{}", refused.transcript());
    let told = "refuses `If-Match` with the tag that it gave";
    assert!(refused.stderr.contains(told), "{}", refused.transcript());
    let is_write = |one: &&Asked| one.method == "PUT" && !one.path.contains(PROBE);
    assert_eq!(asked.iter().filter(is_write).count(), 0, "{asked:#?}");
}

#[test]
fn a_registry_whose_listing_has_no_tags_is_built_in_place() {
    let test = "a_registry_whose_listing_has_no_tags_is_built_in_place";
    let Some(moto) = Moto::start(test) else { return };
    let (writer, files, gateway) = before(&moto, Manner::UntaggedListings);
    for file in &files {
        let bytes = writer.repository.read(&format!("new/{file}"));
        assert_eq!(
            writer.bucket.put(&format!("{PREFIX}/tarballs/{file}"), &[], &bytes).status,
            200
        );
    }
    writer.build(&[]).ok();
    writer.stands(files.clone());
    let asked = gateway.asked_for(|| {
        let again = writer.build(&[]).ok().stdout;
        assert!(again.contains("nothing has changed"), "{again}");
    });
    // Unchanged tarballs are not read again.
    assert!(
        !asked.iter().any(|one| one.method == "GET" && one.path.contains("/tarballs/")),
        "{asked:#?}"
    );
    // A tarball is removed only if it is still the one that was listed.
    let gone = format!("{PREFIX}/tarballs/{}", files[0]);
    assert_eq!(writer.bucket.delete(&gone).status, 204);
    writer.build(&[]).ok();
    writer.stands(files[1..].to_vec());
}
