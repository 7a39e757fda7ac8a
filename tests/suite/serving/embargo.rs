//! A release is served only while the signed `packages/NAME` names it.

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

/// A repository with the tarball and the documentation of a release that was not built yet.
fn embargoed() -> TestRepository {
    let repository = repository();
    let tarball = Tarball::new("greeting", "9.0.0").build();
    repository.write_tarball("greeting-9.0.0.tar", &tarball);
    repository.write(&format!("public{DOCS}"), b"docs");
    repository
}

#[test]
fn a_tarball_is_served_from_its_build_on() {
    let repository = embargoed();
    repository.write("public/tarballs/secret-9.9.9.tar", b"no package at all");
    repository.write("public/docs/secret-1.0.0.tar.gz", b"no package at all");
    let server = Server::of(&repository, &[]);
    for path in [TARBALL, DOCS, "/tarballs/secret-9.9.9.tar", "/docs/secret-1.0.0.tar.gz"] {
        for headers in [&[][..], &["If-None-Match: *"], &["Range: bytes=0-9"]] {
            let answer = server.get(path, headers);
            // The same response as for a tarball that does not exist.
            let absent = server.get(&path.replace("9.", "8."), headers);
            assert_eq!((answer.status, &answer.body), (404, &absent.body), "{path} {headers:?}");
            assert_eq!(server.ask("HEAD", path, headers).status, 404, "{path} {headers:?}");
        }
    }
    // The package was requested before, and is cached in its former state.
    assert_eq!(status(&server, "/packages/greeting"), 200);
    assert_eq!(status(&server, "/tarballs/greeting-1.0.0.tar"), 200);
    repository.remove_tarball("secret-9.9.9.tar");
    repository.build(&[]).ok();
    assert_eq!((status(&server, TARBALL), status(&server, DOCS)), (200, 200));
    assert_eq!(server.get(TARBALL, &[]).body, repository.read(&format!("public{TARBALL}")));
}

/// `versions` is written after the packages, and clients read the packages.
#[test]
fn releases_are_those_of_the_package_and_not_of_versions() {
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
fn the_files_of_a_removed_release_are_not_served() {
    let repository = embargoed();
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    assert_eq!((status(&server, TARBALL), status(&server, DOCS)), (200, 200));
    let remove = ["remove", "greeting", "9.0.0", "--to=public", "--name=acme"];
    repository.hexreg().run(remove.into_iter().chain(["--private-key=key.pem"])).ok();
    // The file was put back by hand, or was left over.
    repository.write_tarball("greeting-9.0.0.tar", b"tarball");
    assert_eq!((status(&server, TARBALL), status(&server, DOCS)), (404, 404));
}

/// Files in `packages/` that are not packages, and packages without a trusted signature.
#[test]
fn a_file_that_is_not_a_package_is_not_served_and_names_no_release() {
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
    // The releases of another package do not count.
    fs::remove_file(repository.path("public/packages/greeting")).unwrap();
    let [from, to] =
        ["welcome", "greeting"].map(|one| repository.path(&format!("public/packages/{one}")));
    fs::hard_link(from, to).unwrap();
    assert_eq!(status(&server, "/packages/welcome"), 200);
    assert_eq!((both(&server), status(&server, "/tarballs/greeting-0.1.0.tar")), ((404, 404), 404));
    fs::remove_file(repository.path("public/packages/greeting")).unwrap();
    // Only regular files are opened: a device could be read for ever.
    fs::create_dir(repository.path("public/packages/greeting")).unwrap();
    assert_eq!(both(&server), (404, 404));
    fs::remove_dir(repository.path("public/packages/greeting")).unwrap();
    let link = repository.path("public/packages/greeting");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    assert_eq!(both(&server), (404, 404));
    fs::remove_file(link).unwrap();
    // A package of another key is served, as clients check it; its releases are not.
    repository.write("public/packages/greeting", &sound);
    edit(&repository, "public/packages/greeting", &key("acme-4096.pem"), |_| ());
    assert_eq!(both(&server), (200, 404));
    let log = String::from_utf8(repository.read("serve.log")).unwrap();
    assert!(
        log.contains("public/packages/greeting") && log.contains("its signature is not that of"),
        "{log}"
    );
    // Once the key is corrected, the package is read again, although it has not changed.
    let right = repository.read("public/public_key");
    let other = key("acme-4096.pem");
    repository.write("public/public_key", other.public_key().to_pem().as_bytes());
    assert_eq!(both(&server), (200, 200));
    repository.write("public/public_key", &right);
}

#[test]
fn packages_of_the_former_key_are_served_while_the_key_is_replaced() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    assert_eq!(status(&server, "/tarballs/welcome-0.1.0.tar"), 200);
    // A build writes the key before the packages. This package was not requested before.
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

/// Clients may have the key from elsewhere.
#[test]
fn without_a_public_key_any_signature_counts() {
    let repository = embargoed();
    repository.remove("public/public_key");
    let server = Server::of(&repository, &[]);
    assert_eq!(status(&server, "/tarballs/greeting-1.0.0.tar"), 200);
    assert_eq!(status(&server, TARBALL), 404);
    // An invalid key does not count as a missing one.
    repository.write("public/public_key", b"junk");
    let server = Server::of(&repository, &[]);
    assert_eq!(status(&server, "/tarballs/greeting-1.0.0.tar"), 404);
    assert_eq!(status(&server, "/packages/greeting"), 200);
}

/// `mix hex.docs` asks for them; there are no such packages.
#[test]
fn documentation_of_elixir_needs_no_release() {
    let repository = repository();
    for app in ["elixir", "eex", "ex_unit", "hex", "iex", "logger", "mix"] {
        repository.write(&format!("public/docs/{app}-1.18.4.tar.gz"), b"docs");
        repository.write(&format!("public/tarballs/{app}-1.18.4.tar"), b"tarball");
    }
    let server = Server::of(&repository, &[]);
    for app in ["elixir", "eex", "ex_unit", "hex", "iex", "logger", "mix"] {
        assert_eq!(server.get(&format!("/docs/{app}-1.18.4.tar.gz"), &[]).body, b"docs");
        assert_eq!(status(&server, &format!("/tarballs/{app}-1.18.4.tar")), 404);
    }
}
