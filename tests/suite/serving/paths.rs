//! Whatever is asked for, nothing but what clients need comes back.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::repository;
use crate::support::repository::TestRepository;
use crate::support::server::Server;

/// A repository with secrets in and beside the served directory.
pub fn with_secrets() -> TestRepository {
    let repository = repository();
    for path in [
        "secret",
        "public/secret",
        "public/.hexreg-a.tmp",
        "public/.git/config",
        "public/acme.pem",
        "public/packages/.hexreg-b.tmp",
        "public/packages/key.pem",
        "public/policies/acme.pem",
        "public/policies/.hexreg-c.tmp",
        "public/policies/deep/strict",
        "public/tarballs/.hidden-1.0.0.tar",
        "public/tarballs/notes.txt",
        "public/tarballs/key.pem",
        "public/installs/acme.pem",
        "public/installs/hex-key.pem",
        "public/installs/hex-private",
        "public/installs/hex.PEM",
        "public/installs/rebar.key",
        "public/installs/1.18.0/hex-key.ez",
        "public/installs/.hidden",
        "public/docs/index.html",
        "public/other/names",
        "public/git/HEAD",
        "public/git/dep.git/HEAD",
        "public/git/git.example/.git/HEAD",
        "public/git/git.example/dep.git/config",
        "public/git/git.example/dep.git/description",
        "public/git/git.example/dep.git/packed-refs",
        "public/git/git.example/dep.git/hooks/update",
        "public/git/git.example/dep.git/objects/info/alternates",
        "public/git/git.example/dep.git/objects/pack/tmp_pack_abc",
        "public/git/git.example/dep.git/refs/heads/main",
    ] {
        repository.write(path, b"SECRET");
    }
    fs::create_dir_all(repository.path("public/packages/folder")).unwrap();
    repository
}

/// Paths that no server may answer with a file.
const ASTRAY: &[&str] = &[
    "/secret",
    "/.hexreg-a.tmp",
    "/.git/config",
    "/acme.pem",
    "/packages/.hexreg-b.tmp",
    "/packages/key.pem",
    "/packages",
    "/packages/",
    "/packages/folder",
    "/policies/",
    "/policies/acme.pem",
    "/policies/.hexreg-c.tmp",
    "/policies/deep",
    "/policies/deep/strict",
    "/policies/..%2fsecret",
    "/tarballs/",
    "/tarballs/.hidden-1.0.0.tar",
    "/tarballs/notes.txt",
    "/tarballs/key.pem",
    "/installs/acme.pem",
    "/installs/hex-key.pem",
    "/installs/hex-private",
    "/installs/hex.PEM",
    "/installs/rebar.key",
    "/installs/1.18.0/hex-key.ez",
    "/installs/.hidden",
    "/docs/index.html",
    "/other/names",
    "/git/HEAD",
    "/git/dep.git/HEAD",
    "/git/git.example/.git/HEAD",
    "/git/git.example/dep.git",
    "/git/git.example/dep.git/",
    "/git/git.example/dep.git/config",
    "/git/git.example/dep.git/description",
    "/git/git.example/dep.git/packed-refs",
    "/git/git.example/dep.git/hooks/update",
    "/git/git.example/dep.git/objects/info/alternates",
    "/git/git.example/dep.git/objects/pack/tmp_pack_abc",
    "/git/git.example/dep.git/refs/heads/main",
    "/git/git.example/dep.git/../../../secret",
    "/git/%2e%2e/secret.git/HEAD",
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
    "/tarballs/..%2f..%2fsecret-1.0.0.tar",
    "/installs/%2e%2e/secret",
    "//secret",
    "///.git//config",
    "//packages//",
    "//packages//key.pem",
    "//packages//.hexreg-b.tmp",
    "//../secret",
    "/packages//../secret",
    "/packages//..//..//secret",
    "//packages//%2e%2e//%2e%2e//secret",
    "/..//secret",
    "/.//secret",
    "//installs//acme.pem",
    "//git//git.example//dep.git//config",
    "//git//git.example//.git//HEAD",
];

/// Paths with more slashes than a file's own has, and whether it is given all the same: a client joins a URL
/// that ends in a slash to a path that begins with one.
const SLASHES: &[(&str, bool)] = &[
    ("//packages/welcome", true),
    ("/packages//welcome", true),
    ("///packages////welcome", true),
    ("//names", true),
    ("//versions", true),
    ("//public_key", true),
    ("//tarballs/welcome-0.1.0.tar", true),
    ("//docs//welcome-0.1.0.tar.gz", true),
    ("//installs/hex-1.x.csv", true),
    ("//git/git.example//dep.git///objects/info/packs", true),
    ("//names?x=//", true),
    ("//packages/welcome/", false),
    ("/packages/welcome//", false),
    ("//names//", false),
    ("//packages", false),
    ("//packages//nothing", false),
];

/// What each server of a registry must do, ours or not: a path leads to the same file, with the same head,
/// whatever the number of slashes between its parts.
pub fn slashes_are_one(server: &Server) {
    let head = |path: &str| {
        let answer = server.get(path, &[]);
        let names = ["etag", "cache-control", "content-type", "content-length"];
        (answer.status, names.map(|name| answer.header(name).map(str::to_owned)), answer.body)
    };
    for (path, is_file) in SLASHES {
        let (path_alone, _) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<_> = path_alone.split('/').filter(|part| !part.is_empty()).collect();
        if *is_file {
            let expected = head(&format!("/{}", parts.join("/")));
            assert_eq!(expected.0, 200, "{path}");
            assert_eq!(head(path), expected, "{path}");
        } else {
            assert_eq!(head(path).0, 404, "{path}");
        }
    }
}

#[test]
fn several_slashes_are_one() {
    let repository = repository();
    let server = Server::of(&repository, &["--repo=acme=public", "--metrics-listen=127.0.0.1:0"]);
    slashes_are_one(&server);
    let welcome = server.get("/packages/welcome", &[]).body;
    for path in [
        "/repos/acme//packages/welcome",
        "//repos/acme/packages/welcome",
        "/repos//acme/packages//welcome",
        "//repos//acme//packages//welcome",
    ] {
        let answer = server.get(path, &[]);
        assert_eq!((answer.status, &answer.body), (200, &welcome), "{path}");
    }
    for path in ["//", "//?q=welcome", "/repos/acme//", "//repos//acme"] {
        let answer = server.get(path, &[]);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.expect("content-type").starts_with("text/html"), "{path}");
    }
    // An encoded slash is part of a name, and a part that is missing is no other part.
    for path in [
        "/%2fpackages/welcome",
        "/packages%2f%2fwelcome",
        "/packages/%2f/welcome",
        "/repos//packages/welcome",
        "/repos/%2facme/packages/welcome",
        "/repos/acme/..//names",
        "//repos//acme//repos//acme//names",
    ] {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
    }
    assert_eq!(server.get("//healthz", &[]).status, 200);
    // The metrics count the file, and the log has the path as it was sent.
    let counted = "hexreg_requests_total{kind=\"docs\",status=\"200\"} 2";
    let began = Instant::now();
    while !server.metrics().contains(counted) {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", server.metrics());
        std::thread::sleep(Duration::from_millis(20));
    }
    let log = String::from_utf8(repository.read("serve.log")).unwrap();
    assert!(log.contains("/repos/acme//packages/welcome"), "{log}");
}

/// Every form of a path needs credentials.
#[test]
fn slashes_do_not_bypass_credentials() {
    let repository = repository();
    repository.hexreg().run(["auth", "add", "readers", "ci"]).ok();
    let server = Server::of(&repository, &["--repo=acme=public", "--auth-file=readers"]);
    for path in [
        "//names",
        "/packages//welcome",
        "//repos//acme//names",
        "//",
        "//healthz/",
        "/healthz//names",
    ] {
        assert_eq!(server.get(path, &[]).status, 401, "{path}");
    }
    assert_eq!(server.get("//healthz", &[]).status, 200);
}

#[test]
fn other_files_are_invisible() {
    let repository = with_secrets();
    let server = Server::of(&repository, &[]);
    nothing_else_is_visible(&server);
    for path in ASTRAY {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
    }
    // Names that no file can have.
    let long = "a".repeat(256);
    for path in [format!("/packages/{long}"), format!("/tarballs/{long}-1.0.0.tar")] {
        assert_eq!(server.get(&path, &[]).status, 404, "{path}");
    }
    // A pipe in place of a file: opening it must not wait for a writer.
    let pipe = repository.path("public/packages/pipe");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    assert_eq!(server.get("/packages/pipe", &[]).status, 404);
    // Ways around that others take for the way, and what is there is the same to them.
    for path in [
        "/./secret",
        "/packages/./welcome",
        "/packages/x/../welcome",
        "/installs/../secret",
        "/repos/../secret",
        "/repos/acme/../../secret",
    ] {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
    }
}

/// Checks that a server shows none of the secrets of [`with_secrets`].
pub fn nothing_else_is_visible(server: &Server) {
    for path in ASTRAY {
        let answer = server.get(path, &[]);
        assert!(matches!(answer.status, 400 | 404), "{} {path}", answer.status);
        assert!(!String::from_utf8_lossy(&answer.body).contains("SECRET"), "{path}");
    }
}

/// Paths made of parts that could lead elsewhere.
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
        "git",
        "dep.git",
        "git.example",
        "HEAD",
        "objects",
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
fn no_path_returns_another_file() {
    let repository = with_secrets();
    let server = Server::of(&repository, &["--repo=acme=public"]);
    proptest!(ProptestConfig::with_cases(2_000), |(path in path())| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        if let Some(answer) = server.send(request.as_bytes(), false) {
            prop_assert!(!String::from_utf8_lossy(&answer.body).contains("SECRET"), "{}", path);
            // Documentation leads to its latest version.
            let is_here = |place: &str| !place.contains("//") && !place.contains([':', '\\']);
            let is_right = match answer.status {
                302 => path.contains("docs") && answer.header("location").is_some_and(is_here),
                status => matches!(status, 200 | 400 | 404),
            };
            prop_assert!(is_right, "{} {}", answer.status, path);
        }
    });
    assert_eq!(server.get("/names", &[]).status, 200, "it is well");
}
