//! Whatever is asked for, nothing but what clients need comes back.

use proptest::prelude::*;

use super::repository;
use crate::support::repository::TestRepository;
use crate::support::server::Server;

/// What nobody may see, lying in and beside what is served.
fn with_secrets() -> TestRepository {
    let repository = repository();
    for path in [
        "secret",
        "public/secret",
        "public/.hexreg-a.tmp",
        "public/.git/config",
        "public/acme.pem",
        "public/packages/.hexreg-b.tmp",
        "public/packages/key.pem",
        "public/tarballs/.hidden-1.0.0.tar",
        "public/tarballs/notes.txt",
        "public/tarballs/key.pem",
        "public/installs/acme.pem",
        "public/installs/.hidden",
        "public/docs/index.html",
        "public/other/names",
    ] {
        repository.write(path, b"SECRET");
    }
    repository
}

#[test]
fn what_lies_beside_a_registry_is_invisible() {
    let repository = with_secrets();
    let server = Server::of(&repository, &[]);
    for path in [
        "/secret",
        "/.hexreg-a.tmp",
        "/.git/config",
        "/acme.pem",
        "/packages/.hexreg-b.tmp",
        "/packages/key.pem",
        "/packages",
        "/packages/",
        "/tarballs/",
        "/tarballs/.hidden-1.0.0.tar",
        "/tarballs/notes.txt",
        "/tarballs/key.pem",
        "/installs/acme.pem",
        "/installs/.hidden",
        "/docs/index.html",
        "/other/names",
        "/../secret",
        "/packages/../../secret",
        "/packages/../secret",
        "/packages/%2e%2e/secret",
        "/packages/%2E%2E%2Fsecret",
        "/packages/..%2fsecret",
        "/packages/..%5csecret",
        "/packages/..%c0%afsecret",
        "/packages/%252e%252e/secret",
        "/packages/%00/../secret",
        "/packages/welcome%00.tar",
        "/%2e%2e/secret",
        "//secret",
        "/./secret",
        "/packages//welcome",
        "/packages/./welcome",
        "/packages/x/../welcome",
        "/tarballs/..%2f..%2fsecret-1.0.0.tar",
        "/installs/../secret",
        "/installs/%2e%2e/secret",
        "/repos/../secret",
        "/repos/acme/../../secret",
    ] {
        let answer = server.get(path, &[]);
        assert_eq!(answer.status, 404, "{path}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("SECRET"), "{path}");
    }
    // A folder or a pipe where a file should be.
    std::fs::create_dir_all(repository.path("public/packages/folder")).unwrap();
    assert_eq!(server.get("/packages/folder", &[]).status, 404);
    let pipe = repository.path("public/packages/pipe");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    assert_eq!(server.get("/packages/pipe", &[]).status, 404);
}

/// Parts of paths that lead astray, put together in all ways.
fn path() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &[
        "..",
        ".",
        "",
        "/",
        "//",
        "packages",
        "tarballs",
        "installs",
        "docs",
        "repos",
        "acme",
        "secret",
        "welcome",
        "welcome-0.1.0.tar",
        "names",
        ".git",
        "config",
        "%2e",
        "%2E%2e",
        "%2f",
        "%5c",
        "\\",
        "%00",
        "%c0%ae",
        "%252e",
        "key.pem",
        "acme.pem",
        ".hexreg-a.tmp",
        "hex-1.x.csv",
        ";",
        "?x",
        "%",
        "~",
        "..;",
        ":",
        "*",
        "|",
        "%u002e",
        "%ef%bc%8f",
    ];
    let part =
        prop_oneof![8 => prop::sample::select(PARTS).prop_map(str::to_owned), 1 => "[!-~]{1,6}"];
    prop::collection::vec((part, prop::bool::weighted(0.7)), 1..8).prop_map(|parts| {
        parts.into_iter().fold(String::from("/"), |path, (part, slash)| {
            path + &part + if slash { "/" } else { "" }
        })
    })
}

#[test]
fn whatever_the_path_nothing_else_comes_back() {
    let repository = with_secrets();
    let server = Server::of(&repository, &["--repo=acme=public"]);
    proptest!(ProptestConfig::with_cases(2_000), |(path in path())| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        if let Some(answer) = server.send(request.as_bytes(), false) {
            prop_assert!(!String::from_utf8_lossy(&answer.body).contains("SECRET"), "{}", path);
            prop_assert!(matches!(answer.status, 200 | 400 | 404), "{} {}", answer.status, path);
        }
    });
    assert_eq!(server.get("/names", &[]).status, 200, "it is well");
}
