//! Files that are there before they are asked for: they are checked before they are sent, as what upstream sends is.

use std::fs;

use super::{Upstream, until};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::unruly::Fault;

const TARBALL: &str = "/tarballs/greeting-1.0.0.tar";

/// What the log says of a file that is not upstream's.
const LOGGED: &str = "is not the one of upstream";

/// What a server has fetched that has ended.
fn fetched(paths: &[&str]) -> Upstream {
    let upstream = Upstream::samples();
    let docs = crate::support::gzip(&upstream.file(TARBALL));
    upstream.repository.write("public/docs/greeting-1.0.0.tar.gz", &docs);
    let server = upstream.pulled_into("copy", &[]);
    for path in paths {
        upstream.is_served(&server, path);
    }
    upstream.has_indexes_in_copy();
    upstream
}

/// A bit of the file rots.
fn damage(upstream: &Upstream, path: &str) {
    let file = upstream.repository.path(&format!("copy{path}"));
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
}

/// It is refused while upstream is away, and fetched once it answers.
fn is_mended(upstream: &Upstream, path: &str) {
    upstream.end();
    let server = upstream.pulled_into("copy", &[]);
    for _ in 0..3 {
        assert_eq!(server.get(path, &[]).status, 502, "{path}");
    }
    assert_eq!(upstream.told(LOGGED), 1, "{path}: {}", upstream.log());
    upstream.fail("/", Fault::None);
    until("it is fetched", || server.get(path, &[]).status == 200);
    upstream.is_served(&server, path);
    assert!(upstream.repository.read(&format!("copy{path}")) == upstream.file(path), "{path}");
}

#[test]
fn a_damaged_tarball_is_fetched_again() {
    let upstream = fetched(&[TARBALL]);
    damage(&upstream, TARBALL);
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, TARBALL);
    assert!(upstream.repository.read(&format!("copy{TARBALL}")) == upstream.file(TARBALL));
    assert_eq!(upstream.told(LOGGED), 1, "{}", upstream.log());
    // While the server runs.
    let before = upstream.unruly.count(TARBALL);
    damage(&upstream, TARBALL);
    upstream.is_served(&server, TARBALL);
    assert_eq!(upstream.unruly.count(TARBALL), before + 1);
    assert_eq!(upstream.told(LOGGED), 2, "{}", upstream.log());
    upstream.verify("copy");
}

#[test]
fn a_damaged_tarball_is_refused_while_upstream_is_away() {
    let upstream = fetched(&[TARBALL, "/tarballs/greeting-1.1.0.tar"]);
    damage(&upstream, TARBALL);
    is_mended(&upstream, TARBALL);
}

#[test]
fn another_tarball_of_the_package_is_refused() {
    let upstream = fetched(&[TARBALL]);
    upstream
        .repository
        .write(&format!("copy{TARBALL}"), &upstream.file("/tarballs/greeting-1.1.0.tar"));
    is_mended(&upstream, TARBALL);
}

#[test]
fn damaged_documentation_is_refused() {
    let upstream = fetched(&["/docs/greeting-1.0.0.tar.gz"]);
    damage(&upstream, "/docs/greeting-1.0.0.tar.gz");
    is_mended(&upstream, "/docs/greeting-1.0.0.tar.gz");
}

/// The file that another key has signed is never served: it was there before, under the name of this repository.
fn is_of_upstreams_key(path: &str) {
    let upstream = fetched(&[TARBALL, path]);
    let other = TestRepository::new().samples().key("acme-4096.pem");
    other.build(&[]).ok();
    upstream.repository.write(&format!("copy{path}"), &other.read(&format!("public{path}")));
    is_mended(&upstream, path);
}

#[test]
fn a_package_of_another_key_is_refused() {
    is_of_upstreams_key("/packages/greeting");
}

#[test]
fn names_of_another_key_are_refused() {
    is_of_upstreams_key("/names");
}

#[test]
fn versions_of_another_key_are_refused() {
    is_of_upstreams_key("/versions");
}

#[test]
fn the_package_of_another_repository_is_refused() {
    let upstream = fetched(&["/packages/greeting"]);
    let arguments = ["build", "other", "--name=other", "--private-key=key.pem"];
    upstream.repository.write(&format!("other{TARBALL}"), &upstream.file(TARBALL));
    let built = upstream.repository.hexreg().run(arguments);
    assert_eq!(built.code, 0, "{}", built.transcript());
    let other = upstream.repository.read("other/packages/greeting");
    upstream.repository.write("copy/packages/greeting", &other);
    is_mended(&upstream, "/packages/greeting");
}

/// The tarballs of a package of another key are refused with it.
#[test]
fn a_tarball_of_another_key_is_refused() {
    let upstream = Upstream::samples();
    let other = TestRepository::new().samples().key("acme-4096.pem");
    other.build(&[]).ok();
    for path in ["/packages/greeting", TARBALL] {
        upstream.repository.write(&format!("copy{path}"), &other.read(&format!("public{path}")));
    }
    upstream.end();
    let server = upstream.pulled_into("copy", &[]);
    for _ in 0..2 {
        assert_eq!(server.get(TARBALL, &[]).status, 502);
    }
}

/// Without pull-through nothing is known of the key: clients check.
#[test]
fn a_repository_without_an_upstream_serves_what_it_has() {
    let upstream = Upstream::samples();
    let other = TestRepository::new().samples().key("acme-4096.pem");
    other.build(&[]).ok();
    let package = other.read("public/packages/greeting");
    upstream.repository.write("public/packages/greeting", &package);
    let server = Server::of(&upstream.repository, &[]);
    assert!(server.get("/packages/greeting", &[]).body == package);
}
