//! `--docs`

use serde_json::{Value, json};

use crate::mirroring::{is_verbatim, mirror, report, samples};
use crate::support::gzip;
use crate::support::raw_tar::{self, Entry};
use crate::support::repository::TestRepository;
use crate::support::unruly::{Fault, Unruly};

fn write_docs(repository: &TestRepository, release: &str) {
    let archive = raw_tar::archive(&[Entry::file("index.html", release.as_bytes())]);
    repository.write(&format!("public/docs/{release}.tar.gz"), &gzip(&archive));
}

fn sorted(value: &Value) -> Vec<&str> {
    let mut paths: Vec<_> =
        value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn documentation_is_requested_again_when_its_package_changes() {
    let (repository, server) = samples();
    write_docs(&repository, "welcome-0.1.0");
    let first = report(&repository, &server.url(), &["--all", "--docs"]);
    // Two indexes, two packages, three tarballs, and the documentation of three releases.
    assert_eq!((&first["requests"], &first["failures"]), (&json!(10), &json!([])), "{first}");
    is_verbatim(&repository);
    assert!(!repository.path("copy/docs/greeting-1.0.0.tar.gz").exists());

    write_docs(&repository, "greeting-1.0.0");
    let second = report(&repository, &server.url(), &["--all", "--docs"]);
    assert_eq!((&second["requests"], &second["created"]), (&json!(2), &json!([])), "{second}");

    let repository = repository.release("greeting", "1.2.0");
    repository.build(&[]).ok();
    let third = report(&repository, &server.url(), &["--all", "--docs"]);
    // Two indexes, a package, a tarball, and the documentation of each of its three releases.
    assert_eq!(third["requests"], 7, "{third}");
    assert_eq!(
        sorted(&third["created"]),
        ["docs/greeting-1.0.0.tar.gz", "tarballs/greeting-1.2.0.tar"]
    );
    is_verbatim(&repository);
}

/// Object storage may answer 403 for a missing file.
#[test]
fn forbidden_documentation_counts_as_missing() {
    let (repository, server) = samples();
    let unruly = Unruly::before(server.address, |path, _| {
        if path.starts_with("/docs/") { Fault::Status(403, Vec::new()) } else { Fault::None }
    });
    let first = report(&repository, &unruly.url(), &["--all", "--docs"]);
    assert_eq!((&first["requests"], &first["failures"]), (&json!(10), &json!([])), "{first}");
    is_verbatim(&repository);
}

#[test]
fn damaged_documentation_is_refused() {
    let (repository, server) = samples();
    write_docs(&repository, "welcome-0.1.0");
    let right = repository.read("public/docs/welcome-0.1.0.tar.gz");
    let page = "answers with a web page (text/html)";
    let damaged = "it is not a gzipped archive";
    for (bytes, why) in
        [(&b"<html>"[..], page), (&right[..right.len() / 2], damaged), (b"", damaged)]
    {
        repository.write("public/docs/welcome-0.1.0.tar.gz", bytes);
        let ran = mirror(&repository, &server.url(), &["--all", "--docs"]);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(ran.stderr.contains("docs/welcome-0.1.0.tar.gz: "), "{}", ran.transcript());
        assert!(ran.stderr.contains(why), "{}", ran.transcript());
        assert!(!repository.path("copy/docs/welcome-0.1.0.tar.gz").exists());
        assert!(!repository.path("copy/names").exists());
    }
    repository.write("public/docs/welcome-0.1.0.tar.gz", &right);
    mirror(&repository, &server.url(), &["--all", "--docs"]).ok();
    is_verbatim(&repository);
}
