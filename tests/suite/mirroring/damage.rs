//! Files of a mirror that were damaged on the disk, and tombstones of an upstream in a bucket.

use std::io::Write;

use flate2::{Compression, GzBuilder};

use super::{is_verbatim, mirror, report};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::{gunzip, gzip, raw_tar};

#[test]
fn a_file_that_is_damaged_on_the_disk_is_fetched_again_with_refresh() {
    let repository = TestRepository::new().release("foo", "1.0.0").release("bar", "1.0.0");
    let docs = gzip(&raw_tar::archive(&[raw_tar::Entry::file("index.html", b"foo")]));
    repository.write("public/docs/foo-1.0.0.tar.gz", &docs);
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    let url = server.url();
    let options = ["--all", "--docs"];
    mirror(&repository, &url, &options).ok();
    let tarball = repository.read("copy/tarballs/foo-1.0.0.tar");
    for damaged in
        [&tarball[..tarball.len() / 2], &[&tarball[..900], b"x", &tarball[901..]].concat()]
    {
        repository.write("copy/tarballs/foo-1.0.0.tar", damaged);
        repository.write("copy/docs/foo-1.0.0.tar.gz", &docs[..docs.len() / 2]);
        repository.write("copy/packages/bar", b"junk");
        // Reading all files in each run would take too long.
        assert_eq!(report(&repository, &url, &options)["requests"], 2);
        let verified = repository.hexreg().run(["verify", "copy"]);
        assert_eq!(verified.code, 1, "{}", verified.transcript());
        let cure = "hint: `hexreg mirror copy --refresh`, with the other options";
        assert!(verified.stderr.starts_with(cure), "{}", verified.stderr);
        let dry = report(&repository, &url, &[&options[..], &["--refresh", "--dry-run"]].concat());
        let mended = ["docs/foo-1.0.0.tar.gz", "packages/bar", "tarballs/foo-1.0.0.tar"];
        let updated = |report: &serde_json::Value| {
            let mut updated: Vec<_> = report["updated"].as_array().unwrap().clone();
            updated.sort_by_key(ToString::to_string);
            updated
        };
        assert_eq!(updated(&dry), mended, "{dry}");
        let done = report(&repository, &url, &[&options[..], &["--refresh"]].concat());
        assert_eq!(updated(&done), mended, "{done}");
        is_verbatim(&repository);
        assert_eq!(repository.read("copy/docs/foo-1.0.0.tar.gz"), docs);
        // Intact files are read and not fetched.
        let again = report(&repository, &url, &[&options[..], &["--refresh"]].concat());
        assert_eq!((&again["requests"], updated(&again).len()), (&5.into(), 0), "{again}");
    }
    // A registry that is no mirror: the damage is reported, without that advice.
    repository.write("public/tarballs/foo-1.0.0.tar", b"junk");
    let verified = repository.hexreg().run(["verify", "public"]);
    assert_eq!((verified.code, verified.stderr.as_str()), (1, ""), "{}", verified.transcript());
}

/// The file of a package in a bucket while it is being removed.
fn tombstone(file: &[u8]) -> Vec<u8> {
    let message = gunzip(file);
    let gzip = GzBuilder::new().comment("hexreg removes this: 0123456789abcdef");
    let mut gzip = gzip.write(Vec::new(), Compression::fast());
    gzip.write_all(&message).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn a_package_that_upstream_is_removing_is_mirrored_as_what_clients_read() {
    let repository = TestRepository::new().release("foo", "1.0.0").release("bar", "1.0.0");
    repository.build(&[]).ok();
    let package = repository.read("public/packages/foo");
    repository.write("public/packages/foo", &tombstone(&package));
    let server = Server::of(&repository, &[]);
    for options in [&["--all"][..], &["--all", "--tarballs-only"]] {
        mirror(&repository, &server.url(), options).ok();
        let again = report(&repository, &server.url(), &[options, &["--refresh-after=0"]].concat());
        assert_eq!((&again["requests"], &again["bytes"]), (&4.into(), &0.into()), "{again}");
    }
    assert_eq!(repository.read("copy/packages/foo"), package);
    assert_eq!(repository.read("copy/.hexreg-mirror/packages/foo"), package);
    repository.hexreg().run(["verify", "copy"]).ok();

    // A directory has no tombstones: one that was copied there is the package.
    repository.write("copy/packages/foo", &tombstone(&package));
    repository.hexreg().run(["verify", "copy"]).ok();
    let retire = ["retire", "foo", "1.0.0", "--reason=invalid", "--to", "copy"];
    let key = ["--name=acme", "--private-key=key.pem"];
    repository.hexreg().run(retire.into_iter().chain(key)).ok();
    repository.write("copy/packages/foo", &tombstone(&repository.read("copy/packages/foo")));
    repository.hexreg().run(["build", "copy"].into_iter().chain(key)).ok();
    let releases = crate::support::signed::releases(&repository, "copy/packages/foo");
    assert!(releases.releases[0].remarks.retired.is_some(), "it lives on in the registry");
    // After a push it is no tombstone either.
    repository.write("copy/packages/foo", &tombstone(&repository.read("copy/packages/foo")));
    repository.hexreg().run(["push", "copy", "pushed"]).ok();
    assert!(!repository.read("pushed/packages/foo").windows(7).any(|part| part == b"removes"));
}
