//! Nothing of a release is given before the signed `packages/NAME` names it, nor after.

use std::fs;

use super::repository;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::signed::{edit, key, name_releases};
use crate::support::tarball::Tarball;

const TARBALL: &str = "/tarballs/greeting-9.0.0.tar";
const DOCS: &str = "/docs/greeting-9.0.0.tar.gz";

fn status(server: &Server, path: &str) -> u16 {
    server.get(path, &[]).status
}

/// With the tarball and the documentation of a release that no build has seen yet.
fn embargoed() -> TestRepository {
    let repository = repository();
    let tarball = Tarball::new("greeting", "9.0.0").build();
    repository.write_tarball("greeting-9.0.0.tar", &tarball);
    repository.write(&format!("public{DOCS}"), b"docs");
    repository
}

#[test]
fn a_tarball_is_not_there_before_its_build_and_is_at_once_after_it() {
    let repository = embargoed();
    repository.write("public/tarballs/secret-9.9.9.tar", b"no package at all");
    repository.write("public/docs/secret-1.0.0.tar.gz", b"no package at all");
    let server = Server::of(&repository, &[]);
    for path in [TARBALL, DOCS, "/tarballs/secret-9.9.9.tar", "/docs/secret-1.0.0.tar.gz"] {
        for headers in [&[][..], &["If-None-Match: *"], &["Range: bytes=0-9"]] {
            let answer = server.get(path, headers);
            // As of one that does not lie there.
            let absent = server.get(&path.replace("9.", "8."), headers);
            assert_eq!((answer.status, &answer.body), (404, &absent.body), "{path} {headers:?}");
            assert_eq!(server.ask("HEAD", path, headers).status, 404, "{path} {headers:?}");
        }
    }
    // Its package was asked for before, and is known as it was.
    assert_eq!(status(&server, "/packages/greeting"), 200);
    assert_eq!(status(&server, "/tarballs/greeting-1.0.0.tar"), 200);
    repository.remove_tarball("secret-9.9.9.tar");
    repository.build(&[]).ok();
    assert_eq!((status(&server, TARBALL), status(&server, DOCS)), (200, 200));
    assert_eq!(server.get(TARBALL, &[]).body, repository.read(&format!("public{TARBALL}")));
}

/// `versions` is written after the packages, which clients go by.
#[test]
fn the_package_decides_and_not_versions() {
    let repository = embargoed();
    let server = Server::of(&repository, &[]);
    assert_eq!(status(&server, TARBALL), 404);
    let versions = repository.read("public/versions");
    name_releases(&repository, "public", "greeting", &["1.0.0", "9.0.0"]);
    assert_eq!(status(&server, TARBALL), 200);
    assert_eq!(status(&server, "/tarballs/greeting-1.1.0.tar"), 404, "it is named no longer");
    assert_eq!(repository.read("public/versions"), versions);
    fs::remove_file(repository.path("public/packages/greeting")).unwrap();
    assert_eq!(status(&server, TARBALL), 404);
}

#[test]
fn what_a_release_had_is_gone_with_it() {
    let repository = embargoed();
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    assert_eq!((status(&server, TARBALL), status(&server, DOCS)), (200, 200));
    let remove = ["remove", "greeting", "9.0.0", "--to=public", "--name=acme"];
    repository.hexreg().run(remove.into_iter().chain(["--private-key=key.pem"])).ok();
    // Put back by hand, or left over.
    repository.write_tarball("greeting-9.0.0.tar", b"tarball");
    assert_eq!((status(&server, TARBALL), status(&server, DOCS)), (404, 404));
}

/// What lies in `packages/` and is no package, and what is believed of one that nobody signed.
#[test]
fn what_is_no_package_is_not_given_and_names_nothing() {
    let repository = repository();
    let sound = repository.read("public/packages/greeting");
    let welcome = repository.read("public/packages/welcome");
    repository.write("public/packages/stray", b"SECRET");
    repository.write("public/tarballs/stray-1.0.0.tar", b"SECRET");
    repository.write("public/tarballs/greeting-0.1.0.tar", b"SECRET");
    let server = Server::of(&repository, &[]);
    for path in ["/packages/stray", "/tarballs/stray-1.0.0.tar"] {
        assert_eq!(status(&server, path), 404, "{path}");
    }
    let both = |server: &Server| {
        let [package, tarball] = ["/packages/greeting", "/tarballs/greeting-1.0.0.tar"];
        (status(server, package), status(server, tarball))
    };
    for (what, bytes) in [
        ("nothing", &b""[..]),
        ("another package", &welcome),
        ("cut off", &sound[..sound.len() / 2]),
    ] {
        repository.write("public/packages/greeting", bytes);
        assert_eq!(both(&server), (404, 404), "{what}");
        repository.write("public/packages/greeting", &sound);
        assert_eq!(both(&server), (200, 200), "{what}");
    }
    // The other one's releases are not this one's.
    fs::remove_file(repository.path("public/packages/greeting")).unwrap();
    let [from, to] =
        ["welcome", "greeting"].map(|one| repository.path(&format!("public/packages/{one}")));
    fs::hard_link(from, to).unwrap();
    assert_eq!(status(&server, "/packages/welcome"), 200);
    assert_eq!((both(&server), status(&server, "/tarballs/greeting-0.1.0.tar")), ((404, 404), 404));
    fs::remove_file(repository.path("public/packages/greeting")).unwrap();
    // What is no file is not opened: a device would be read for as long as it gives.
    fs::create_dir(repository.path("public/packages/greeting")).unwrap();
    assert_eq!(both(&server), (404, 404));
    fs::remove_dir(repository.path("public/packages/greeting")).unwrap();
    let link = repository.path("public/packages/greeting");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    assert_eq!(both(&server), (404, 404));
    fs::remove_file(link).unwrap();
    // Signed by whoever: clients will see, and nothing is given away on its word.
    repository.write("public/packages/greeting", &sound);
    edit(&repository, "public/packages/greeting", &key("acme-4096.pem"), |_| ());
    assert_eq!(both(&server), (200, 404));
    let log = String::from_utf8(repository.read("serve.log")).unwrap();
    assert!(
        log.contains("public/packages/greeting") && log.contains("its signature is not that of"),
        "{log}"
    );
    // Whoever puts the key right need not touch the package.
    let right = repository.read("public/public_key");
    let other = key("acme-4096.pem");
    repository.write("public/public_key", other.public_key().to_pem().as_bytes());
    assert_eq!(both(&server), (200, 200));
    repository.write("public/public_key", &right);
}

#[test]
fn a_key_that_is_being_replaced_stops_nothing() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    assert_eq!(status(&server, "/tarballs/welcome-0.1.0.tar"), 200);
    // A build writes the key before the packages. Of this one none was asked for yet.
    let other = key("acme-4096.pem");
    repository.write("public/public_key", other.public_key().to_pem().as_bytes());
    for tarball in ["/tarballs/welcome-0.1.0.tar", "/tarballs/greeting-1.0.0.tar"] {
        assert_eq!(status(&server, tarball), 200, "{tarball}");
    }
    edit(&repository, "public/packages/welcome", &other, |_| ());
    edit(&repository, "public/packages/greeting", &other, |_| ());
    for tarball in ["/tarballs/welcome-0.1.0.tar", "/tarballs/greeting-1.0.0.tar"] {
        assert_eq!(status(&server, tarball), 200, "{tarball}");
    }
}

/// Clients may have been given it in another way.
#[test]
fn without_a_public_key_packages_are_taken_at_their_word() {
    let repository = embargoed();
    repository.remove("public/public_key");
    let server = Server::of(&repository, &[]);
    assert_eq!(status(&server, "/tarballs/greeting-1.0.0.tar"), 200);
    assert_eq!(status(&server, TARBALL), 404);
    // One that is none is another matter.
    repository.write("public/public_key", b"junk");
    let server = Server::of(&repository, &[]);
    assert_eq!(status(&server, "/tarballs/greeting-1.0.0.tar"), 404);
    assert_eq!(status(&server, "/packages/greeting"), 200);
}

/// `mix hex.docs` asks for them, and no package is called so.
#[test]
fn documentation_of_elixir_itself_is_of_no_release() {
    let repository = repository();
    for app in ["elixir", "eex", "ex_unit", "iex", "logger", "mix"] {
        repository.write(&format!("public/docs/{app}-1.18.4.tar.gz"), b"docs");
        repository.write(&format!("public/tarballs/{app}-1.18.4.tar"), b"tarball");
    }
    let server = Server::of(&repository, &[]);
    for app in ["elixir", "eex", "ex_unit", "iex", "logger", "mix"] {
        assert_eq!(server.get(&format!("/docs/{app}-1.18.4.tar.gz"), &[]).body, b"docs");
        assert_eq!(status(&server, &format!("/tarballs/{app}-1.18.4.tar")), 404);
    }
}
