//! Servers that keep their word on conditions, and one that does not: with the one, of many who write
//! over the same object exactly one is told that they did; with the other nobody would ever know.

use std::thread;

use super::{Writer, samples};
use crate::support::bucket::Bucket;
use crate::support::moto::Moto;
use crate::support::s3rver::S3rver;

/// How many write to the same key at once.
const RACERS: usize = 16;

/// How many of those who write at once under a condition are told that they did.
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

/// moto itself would take several: `moto_server.py` has it answer one request at a time.
#[test]
fn of_many_who_write_at_once_moto_takes_one() {
    let Some(moto) = Moto::start("of_many_who_write_at_once_moto_takes_one") else { return };
    let bucket = moto.bucket("registry");
    for round in 0..10 {
        let key = format!("key{round}");
        assert_eq!(winners(&bucket, &key, "If-None-Match: *"), 1);
        let etag = bucket.list()[&key].etag.clone();
        assert_eq!(winners(&bucket, &key, &format!("If-Match: {etag}")), 1);
    }
}

#[test]
fn s3rver_takes_them_all() {
    let Some(s3rver) = S3rver::start("s3rver_takes_them_all") else { return };
    let bucket = s3rver.bucket("registry");
    assert_eq!(winners(&bucket, "key", "If-None-Match: *"), RACERS);
    assert_eq!(winners(&bucket, "key", "If-Match: \"of no object\""), RACERS);
}

/// A writer of the samples to a server that ignores conditions.
fn deaf(s3rver: &S3rver) -> (Writer, Vec<String>) {
    let writer = Writer::of(s3rver.bucket("registry"));
    let samples = samples();
    for (file, bytes) in &samples {
        writer.write(file, bytes);
    }
    (writer, samples.into_iter().map(|(file, _)| file).collect())
}

#[test]
fn where_conditions_are_ignored_nothing_is_added_until_one_vouches_for_it() {
    let test = "where_conditions_are_ignored_nothing_is_added_until_one_vouches_for_it";
    let Some(s3rver) = S3rver::start(test) else { return };
    let (writer, files) = deaf(&s3rver);
    let refused = writer.add(&files, &[]);
    let said = refused.transcript();
    assert_eq!(refused.code, 2, "{said}");
    assert!(refused.stderr.contains("--assume-single-writer"), "{said}");
    // Which store it is, by either of its names.
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
