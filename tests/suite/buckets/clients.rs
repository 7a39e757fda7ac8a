//! rebar3 installs from the bucket's own address.

use super::{PREFIX, Writer, samples, with_samples};
use crate::clients::Project;
use crate::support::bucket::Bucket;
use crate::support::moto::Moto;
use crate::support::repository::TestRepository;
use crate::support::tools;

#[test]
fn rebar3_installs_what_was_added() {
    let test = "rebar3_installs_what_was_added";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let Some(moto) = Moto::start(test) else { return };
    let (writer, files) = with_samples(&moto);
    writer.add(&files, &[]).ok();
    writer.bucket.open_to_all();
    // What rebar3 has is compared with what was added, and the key is the one that was served.
    for (file, bytes) in samples() {
        writer.repository.write_tarball(&file, &bytes);
    }
    let key = writer.bucket.get(&format!("{PREFIX}/public_key")).body;
    writer.repository.write("public/public_key", &key);
    let project = Project::of(rebar3, &writer.repository, &writer.bucket.http(PREFIX), None);
    project.fetches(&writer.repository);
}

/// A registry that the AWS command line or the like brought there, with no header but what a file is.
fn copied(bucket: Bucket) -> Writer {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    for (path, bytes) in repository.files("public", |_| true) {
        let key = format!("{PREFIX}/{path}");
        let answer = bucket.put(&key, &["Content-Type: application/octet-stream"], &bytes);
        assert_eq!(answer.status, 200, "{path}");
    }
    bucket.open_to_all();
    Writer { bucket, repository }
}

#[test]
fn rebar3_installs_what_another_program_copied() {
    let test = "rebar3_installs_what_another_program_copied";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let Some(moto) = Moto::start(test) else { return };
    let writer = copied(moto.bucket("registry"));
    let url = writer.bucket.http(PREFIX);
    let project = Project::of(rebar3.clone(), &writer.repository, &url, None);
    let asked = moto.asked_for(|| project.fetches(&writer.repository));
    assert_eq!(asked.iter().filter(|asked| asked.status == 200).count(), 4, "{asked:?}");

    // It has the tarballs, and a bucket knows their tags.
    project.forget();
    let asked = moto.asked_for(|| project.fetches(&writer.repository));
    let unchanged = asked.iter().filter(|asked| asked.path.contains("/tarballs/"));
    assert!(unchanged.clone().all(|asked| asked.status == 304), "{asked:?}");
    assert_eq!(unchanged.count(), 2, "{asked:?}");
}
