//! What is fetched, when it is asked for again, and what is served while upstream is away.

use std::thread;
use std::time::{Duration, Instant};

use super::{NO_AGE, Upstream, counter, until};
use crate::support::repository::TestRepository;
use crate::support::unruly::Fault;

const FILES: [&str; 4] =
    ["/packages/greeting", "/tarballs/greeting-1.0.0.tar", "/names", "/versions"];

#[test]
fn files_are_fetched_once_and_served_while_upstream_is_away() {
    let upstream = Upstream::samples();
    let server = upstream.pulled_into("copy", &[]);
    for path in FILES {
        upstream.is_served(&server, path);
    }
    let asked = FILES.map(|path| upstream.unruly.count(path));
    assert_eq!(asked, [1, 1, 1, 1], "{:?}", upstream.unruly.asked());
    for path in FILES {
        let answer = upstream.is_served(&server, path);
        assert_eq!(answer.header("cache-status"), None, "{path}");
    }
    assert_eq!(FILES.map(|path| upstream.unruly.count(path)), asked);
    assert!(counter(&server, "pull_through_answers", "fresh") >= 4);

    upstream.end();
    for path in FILES {
        upstream.is_served(&server, path);
    }
    drop(server);
    // A new server knows nothing of what was fetched, and serves it all the same.
    let server = upstream.pulled_into("copy", &[]);
    for path in FILES {
        let answer = upstream.is_served(&server, path);
        if !path.starts_with("/tarballs") {
            let status = answer.expect("cache-status");
            assert!(status.starts_with("hexreg; hit; ttl=-"), "{path}: {status}");
        }
    }
    assert_eq!(server.get("/packages/welcome", &[]).status, 502);
    assert_eq!(upstream.told("upstream does not answer"), 1, "{}", upstream.log());
    let page = server.get("/", &[]).text();
    assert!(page.contains("served as they are: upstream has been unreachable since 2"), "{page}");
    // The log says where it is.
    let port = upstream.unruly.port().to_string();
    assert!(!page.contains(&port) && upstream.log().contains(&port), "{page}");
    assert!(server.get("/healthz?verbose", &[]).text().contains("upstream: does not answer"));
    assert!(server.metrics().contains("upstream_reachable{repository=\"/\"} 0"));
    assert!(counter(&server, "pull_through_answers", "stale") >= 3);

    upstream.fail("/", Fault::None);
    until("upstream is asked again", || server.get("/packages/welcome", &[]).status == 200);
    assert_eq!(upstream.told("upstream answers again"), 1, "{}", upstream.log());
    upstream.verify("copy");
}

#[test]
fn a_file_is_asked_for_again_by_its_tag() {
    let upstream = Upstream::samples();
    upstream.unruly.say(NO_AGE);
    let server = upstream.pulled_into("copy", &[]);
    let path = "/packages/greeting";
    upstream.is_served(&server, path);
    upstream.is_served(&server, path);
    let asked = upstream.unruly.asked();
    let asked: Vec<_> = asked.iter().filter(|asked| asked.path == path).collect();
    assert_eq!(asked.len(), 2);
    assert!(!asked[0].head.contains("if-none-match"), "{}", asked[0].head);
    assert!(asked[1].head.contains("if-none-match"), "{}", asked[1].head);
    assert_eq!(counter(&server, "pull_through_requests", "unchanged"), 1);
    // The next release is there at once.
    upstream.publish("greeting", "2.0.0");
    upstream.is_served(&server, path);
    upstream.is_served(&server, "/tarballs/greeting-2.0.0.tar");
    // A tarball is signed for ever.
    let before = upstream.unruly.count("/tarballs/greeting-2.0.0.tar");
    upstream.is_served(&server, "/tarballs/greeting-2.0.0.tar");
    assert_eq!(upstream.unruly.count("/tarballs/greeting-2.0.0.tar"), before);
}

#[test]
fn a_tarball_needs_no_file_that_was_asked_for_before() {
    let upstream = Upstream::samples();
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/tarballs/greeting-1.1.0.tar");
    assert!(upstream.is_kept("copy/packages/greeting"));
    // The indexes come by themselves, so that it is a mirror.
    upstream.has_indexes_in_copy();
    upstream.verify("copy");
    let key = std::fs::read(upstream.repository.path("copy/public_key")).unwrap();
    assert!(key == upstream.file("/public_key"));
}

#[test]
fn what_upstream_does_not_have_is_remembered() {
    let upstream = Upstream::samples();
    let server = upstream.pulled_into("copy", &[]);
    for path in ["/packages/missing", "/tarballs/greeting-9.0.0.tar", "/policies/strict"] {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
        let asked = upstream.unruly.count(path);
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
        assert_eq!(upstream.unruly.count(path), asked, "{path}");
    }
    // A release that its package does not name is not asked for at all, and the package once a minute.
    assert_eq!(upstream.unruly.count("/tarballs/"), 0);
    assert_eq!(upstream.unruly.count("/packages/greeting"), 1);
    assert_eq!(upstream.unruly.count("/packages/missing"), 1);
    // What is no file of a registry is not asked for either.
    for path in ["/packages/..%2fkey", "/key.pem", "/installs/hex.ez"] {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
    }
    assert_eq!(upstream.unruly.count("/key") + upstream.unruly.count("/installs"), 0);
}

#[test]
fn documentation_and_policies_are_fetched() {
    let upstream = Upstream::samples();
    let docs = upstream.repository.read("public/tarballs/greeting-1.0.0.tar");
    // Any gzip stream has the form of documentation for a mirror.
    let docs = crate::support::gzip(&docs);
    upstream.repository.write("public/docs/greeting-1.0.0.tar.gz", &docs);
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/docs/greeting-1.0.0.tar.gz");
    assert_eq!(server.get("/docs/greeting-1.1.0.tar.gz", &[]).status, 404);
    upstream.end();
    upstream.is_served(&server, "/docs/greeting-1.0.0.tar.gz");
}

#[test]
fn what_was_fetched_is_a_mirror() {
    let upstream = Upstream::samples();
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/tarballs/greeting-1.0.0.tar");
    upstream.has_indexes_in_copy();
    let url = format!("--upstream={}", upstream.unruly.url());
    let ran = upstream.repository.hexreg().run([
        "mirror",
        "copy",
        &url,
        "--upstream-name=acme",
        "--upstream-key=public/public_key",
        "--all",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.transcript());
    let verified = upstream.repository.hexreg().run(["verify", "copy"]);
    assert_eq!(verified.code, 0, "{}", verified.transcript());
    upstream.is_served(&server, "/packages/welcome");
    let pushed = upstream.repository.hexreg().run(["push", "copy", "elsewhere"]);
    assert_eq!(pushed.code, 0, "{}", pushed.transcript());
}

#[test]
fn another_registry_is_not_pulled_into() {
    let upstream = Upstream::samples();
    let other = TestRepository::new().samples().key("acme-4096.pem");
    other.build(&[]).ok();
    upstream.repository.write("copy/public_key", &other.read("public/public_key"));
    let url = format!("--upstream={}", upstream.unruly.url());
    let ran = upstream.repository.hexreg().run([
        "serve",
        "copy",
        "--listen=127.0.0.1:0",
        &url,
        "--upstream-name=acme",
        "--upstream-key=public/public_key",
    ]);
    assert_ne!(ran.code, 0, "{}", ran.transcript());
    assert!(ran.transcript().contains("belongs to another repository"), "{}", ran.transcript());
}

#[test]
fn a_client_waits_three_seconds_for_an_upstream_that_hangs() {
    let upstream = Upstream::samples();
    upstream.unruly.say(NO_AGE);
    let server = upstream.pulled_into("copy", &[]);
    for path in ["/packages/greeting", "/packages/welcome"] {
        upstream.is_served(&server, path);
    }
    upstream.fail("/", Fault::Hang);
    let began = Instant::now();
    let answer = upstream.is_served(&server, "/packages/greeting");
    assert!(answer.expect("cache-status").contains("hit"));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    // The next clients do not wait for the same.
    let began = Instant::now();
    upstream.is_served(&server, "/packages/welcome");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

/// The list of archives, with their checksums, and a signature of the right form.
fn write_installs(upstream: &Upstream, archive: &[u8]) {
    let sha512 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, archive);
    let sha512 = data_encoding::HEXLOWER.encode(sha512.as_ref());
    let list = format!("2.1.1,{sha512},1.18.0\n");
    let write = |path: &str, bytes: &[u8]| {
        upstream.repository.write(&format!("public/installs/{path}"), bytes);
    };
    write("1.18.0/hex-2.1.1.ez", archive);
    write("hex-1.x.csv", list.as_bytes());
    let signature = data_encoding::BASE64.encode(&[archive[5]; 256]);
    write("hex-1.x.csv.signed", signature.as_bytes());
}

const INSTALLS: [&str; 3] =
    ["/installs/1.18.0/hex-2.1.1.ez", "/installs/hex-1.x.csv", "/installs/hex-1.x.csv.signed"];

#[test]
fn installs_are_fetched_by_their_list_and_follow_it() {
    let upstream = Upstream::samples();
    upstream.unruly.say(NO_AGE);
    write_installs(&upstream, b"PK\x03\x04 first");
    let server = upstream.pulled_into("copy", &[]);
    for path in INSTALLS {
        upstream.is_served(&server, path);
    }
    write_installs(&upstream, b"PK\x03\x04 second");
    for path in INSTALLS {
        upstream.is_served(&server, path);
    }
    upstream.end();
    for path in INSTALLS {
        upstream.is_served(&server, path);
    }
    // Whether upstream has this one is not known now.
    assert_eq!(server.get("/installs/1.18.0/hex-2.1.2.ez", &[]).status, 502);
}

#[test]
fn an_archive_with_another_checksum_is_never_served() {
    let upstream = Upstream::samples();
    write_installs(&upstream, b"PK\x03\x04 first");
    upstream.repository.write("public/installs/1.18.0/hex-2.1.1.ez", b"PK\x03\x04 evil");
    let server = upstream.pulled_into("copy", &[]);
    assert_eq!(server.get(INSTALLS[0], &[]).status, 502);
    assert!(!upstream.is_kept("copy/installs/1.18.0/hex-2.1.1.ez"));
    // Of many files of one list, the list is asked for once.
    thread::scope(|scope| {
        for number in 0..20 {
            let path = format!("/installs/1.{number}.0/hex-9.9.9.ez");
            let server = &server;
            scope.spawn(move || assert_eq!(server.get(&path, &[]).status, 404));
        }
    });
    assert_eq!(upstream.unruly.count("/installs/hex-1.x.csv"), 2);
}
