//! rebar3 installs from the bucket's own address.

use super::{PREFIX, Writer, samples, with_samples};
use crate::clients::Project;
use crate::support::bucket::Bucket;
use crate::support::moto::Moto;
use crate::support::repository::TestRepository;
use crate::support::tools;

#[test]
fn rebar3_installs_an_added_package() {
    let test = "rebar3_installs_an_added_package";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let Some(moto) = Moto::start(test) else { return };
    let (writer, files) = with_samples(&moto);
    writer.add(&files, &[]).ok();
    writer.bucket.open_to_all();
    // rebar3's package is compared with the added one, and the key is the served one.
    for (file, bytes) in samples() {
        writer.repository.write_tarball(&file, &bytes);
    }
    let key = writer.bucket.get(&format!("{PREFIX}/public_key")).body;
    writer.repository.write("public/public_key", &key);
    let project = Project::of(rebar3, &writer.repository, &writer.bucket.http(PREFIX), None);
    project.fetches(&writer.repository);
}

/// A registry that another program, such as the AWS command line, copied there, without headers but `Content-Type`.
fn copied(bucket: Bucket) -> Writer {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    for (path, bytes) in repository.files("public", |_| true) {
        let key = format!("{PREFIX}/{path}");
        let answer = bucket.put(&key, &["Content-Type: application/octet-stream"], &bytes);
        assert_eq!(answer.status, 200, "{path}");
    }
    bucket.open_to_all();
    Writer { bucket, repository: repository.into() }
}

#[test]
fn rebar3_installs_from_a_copy_of_another_program() {
    let test = "rebar3_installs_from_a_copy_of_another_program";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let Some(moto) = Moto::start(test) else { return };
    let writer = copied(moto.bucket("registry"));
    let url = writer.bucket.http(PREFIX);
    let project = Project::of(rebar3.clone(), &writer.repository, &url, None);
    let asked = moto.asked_for(|| project.fetches(&writer.repository));
    assert_eq!(asked.iter().filter(|asked| asked.status == 200).count(), 4, "{asked:?}");

    // The tarballs are there, and the bucket knows their tags.
    project.forget();
    let asked = moto.asked_for(|| project.fetches(&writer.repository));
    let unchanged = asked.iter().filter(|asked| asked.path.contains("/tarballs/"));
    assert!(unchanged.clone().all(|asked| asked.status == 304), "{asked:?}");
    assert_eq!(unchanged.count(), 2, "{asked:?}");
}
