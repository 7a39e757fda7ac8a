//! Storage that is slow, hangs, fails, and comes back; how many requests it gets.

use std::thread;
use std::time::{Duration, Instant};

use super::metric;
use super::table::copied;
use crate::buckets::Writer;
use crate::support::bucket::Bucket;
use crate::support::detour::{Detour, Way};
use crate::support::moto::{Asked, Moto};
use crate::support::seaweedfs::SeaweedFs;
use crate::support::server::{Port, Server};
use crate::support::tarball::Tarball;

const LARGE: &str = "/tarballs/large-1.0.0.tar";
const PACKAGE: &str = "/packages/welcome";

/// Until a change by another writer is seen, and a little more.
const SOON: Duration = Duration::from_secs(4);

/// The same on a machine that other tests keep busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than a file is used without a request to storage.
const AGED: Duration = Duration::from_millis(2_100);

/// A bucket of `SeaweedFS` with a registry, its writer, and what lies between it and a server.
fn detoured(test: &str, lines: &[&str]) -> Option<(SeaweedFs, Writer, Detour, Server)> {
    let seaweedfs = SeaweedFs::start(test)?;
    let writer = copied(seaweedfs.bucket("registry"));
    let detour = Detour::before(writer.bucket.address());
    let server = writer.serve(&behind(&writer.bucket, &detour), lines);
    Some((seaweedfs, writer, detour, server))
}

/// The same bucket for a server that reaches it by way of the detour.
fn behind(bucket: &Bucket, detour: &Detour) -> Bucket {
    bucket.clone().behind(detour.address())
}

#[track_caller]
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never so: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What a client is told of a file that was never read. Where storage cannot answer at this moment, it may try again.
fn of_failure(way: Way) -> u16 {
    if matches!(way, Way::Page | Way::Status(403)) { 500 } else { 503 }
}

#[test]
fn clients_at_once_for_one_cold_tarball_are_one_request() {
    let test = "clients_at_once_for_one_cold_tarball_are_one_request";
    let Some((_seaweedfs, writer, detour, server)) =
        detoured(test, &["metrics-listen = \"127.0.0.1:0\""])
    else {
        return;
    };
    detour.go(Way::Delay(Duration::from_millis(300)));
    let (before, began) = (detour.asked().len(), Instant::now());
    thread::scope(|scope| {
        let clients: Vec<_> =
            (0..64).map(|_| scope.spawn(|| server.get(LARGE, &[]).body)).collect();
        for client in clients {
            assert!(client.join().unwrap() == writer.repository.read(&format!("public{LARGE}")));
        }
    });
    assert_eq!(detour.count(LARGE), 1, "{:?}", detour.asked());
    // The package says whether the release exists. It and what it needs are asked for again twice a second.
    let again = 3 * (1 + usize::try_from(began.elapsed().as_millis() / 500).unwrap());
    assert!(detour.asked().len() - before <= 1 + again, "{:?}", detour.asked());
    let metrics = server.metrics();
    assert!(metric(&server, "hexreg_storage_received_bytes_total") >= 400_000, "{metrics}");
    let found = metric(&server, "hexreg_storage_requests_total{result=\"found\"}");
    assert!(found >= 2, "{metrics}");
}

#[test]
fn a_warm_file_is_one_request_in_a_while_however_many_clients_ask() {
    let test = "a_warm_file_is_one_request_in_a_while_however_many_clients_ask";
    let Some((_seaweedfs, _, detour, server)) = detoured(test, &[]) else { return };
    for _ in 0..3 {
        assert_eq!(server.get(PACKAGE, &[]).status, 200);
    }
    let (before, began) = (detour.asked().len(), Instant::now());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while began.elapsed() < Duration::from_secs(3) {
                    assert_eq!(server.get(PACKAGE, &[]).status, 200);
                    assert_eq!(server.get("/tarballs/missing-1.0.0.tar", &[]).status, 404);
                }
            });
        }
    });
    // Two a second of each of three files: the package, the missing package, and the key.
    let most = 3 * (2 + usize::try_from(began.elapsed().as_millis() / 500).unwrap());
    let asked = detour.asked().split_off(before);
    assert!(asked.len() <= most, "{}: {asked:?}", asked.len());
}

/// How long a server does not see a package that another writer has added.
fn added_is_seen_after(writer: &Writer, server: &Server, number: usize) -> Duration {
    let (package, file) = (format!("added{number}"), format!("added{number}-1.0.0.tar"));
    let path = format!("/tarballs/{file}");
    assert_eq!(server.get(&path, &[]).status, 404);
    assert_eq!(server.get(&format!("/packages/{package}"), &[]).status, 404);
    let tarball = Tarball::new(&package, "1.0.0").build();
    writer.write(&file, &tarball);
    writer.add(&[file], &[]).ok();
    let began = Instant::now();
    soon("the added release", || server.get(&path, &[]).body == tarball);
    assert_eq!(server.get(&format!("/packages/{package}"), &[]).status, 200);
    began.elapsed()
}

#[test]
fn a_change_by_another_writer_is_seen_soon() {
    let test = "a_change_by_another_writer_is_seen_soon";
    let Some(moto) = Moto::start(test) else { return };
    let writer = copied(moto.bucket("registry"));
    let server = writer.serve(&writer.bucket, &[]);
    // Other tests may hold one change up, and not three.
    let mut times = (0..3).map(|number| added_is_seen_after(&writer, &server, number));
    assert!(times.any(|time| time < SOON), "no change is seen in time");
    let versions = server.get("/versions", &[]).body;
    soon("the index", || server.get("/versions", &[]).body != versions || versions.len() > 100);
}

#[test]
fn while_storage_is_down_files_are_served_as_they_were_read_last() {
    let test = "while_storage_is_down_files_are_served_as_they_were_read_last";
    let lines = ["metrics-listen = \"127.0.0.1:0\""];
    let Some((_seaweedfs, writer, detour, server)) = detoured(test, &lines) else { return };
    let warm = || {
        for path in [PACKAGE, LARGE, "/names"] {
            let expected = writer.repository.read(&format!("public{path}"));
            assert!(server.get(path, &[]).body == expected, "{path}");
        }
    };
    for way in [Way::Close, Way::Status(500), Way::Status(403), Way::Page, Way::Hang] {
        detour.go(Way::Pass);
        warm();
        let stale = metric(&server, "hexreg_cache_lookups_total{result=\"stale\"}");
        detour.go(way);
        thread::sleep(AGED);
        let began = Instant::now();
        warm();
        // One file may be waited for until storage has not answered, and then no more.
        assert!(began.elapsed() < Duration::from_secs(8), "{way:?}: {:?}", began.elapsed());
        // Other tests may hold one up, and not three.
        let mut times = (0..3).map(|_| {
            let began = Instant::now();
            warm();
            began.elapsed()
        });
        assert!(times.any(|time| time < Duration::from_secs(1)), "{way:?}");
        assert!(metric(&server, "hexreg_cache_lookups_total{result=\"stale\"}") > stale, "{way:?}");
        assert_eq!(server.get("/healthz", &[]).status, 200, "{way:?}");
        // What was never read is not missing.
        let unknown = format!("/packages/unknown_{}", format!("{way:?}").len());
        if way != Way::Hang {
            assert_eq!(server.get(&unknown, &[]).status, of_failure(way), "{way:?}");
        }
    }
    assert!(writer.log().contains("served as they were read last"), "{}", writer.log());
    detour.go(Way::Pass);
    // It is back, and so is what has changed meanwhile.
    writer.write("added-1.0.0.tar", &Tarball::new("added", "1.0.0").build());
    writer.add(&["added-1.0.0.tar".to_owned()], &[]).ok();
    soon("the added release", || server.get("/packages/added", &[]).status == 200);
    assert!(metric(&server, "hexreg_storage_requests_total{result=\"failed\"}") > 0);
}

/// A client that is told of a missing file for want of an answer would take the release for reverted.
#[test]
fn a_server_that_storage_never_answered_fails_and_finds_nothing_missing() {
    let test = "a_server_that_storage_never_answered_fails_and_finds_nothing_missing";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let writer = copied(seaweedfs.bucket("registry"));
    let detour = Detour::before(writer.bucket.address());
    let server = writer.serve(&behind(&writer.bucket, &detour), &[]);
    let (server, fails) = (&server, |way: Way, path: &str| {
        let (answer, status) = (server.get(path, &[]), of_failure(way));
        assert_eq!(answer.status, status, "{way:?}: {path}");
        let retry_after = answer.header("retry-after");
        assert_eq!(retry_after, (status == 503).then_some("5"), "{way:?}: {path}");
    });
    for way in [Way::Close, Way::Page, Way::Status(403)] {
        detour.go(way);
        // Each waits for seconds, so all three wait at the same time.
        thread::scope(|scope| {
            for path in [LARGE, "/packages/greeting"] {
                scope.spawn(move || fails(way, path));
            }
            // Clients of the API take 503 for success.
            let answer = server.get("/api/packages/greeting", &["Accept: application/json"]);
            assert_eq!(answer.status, 500, "{way:?}: {}", answer.text());
        });
    }
    // Each is waited for.
    for way in [Way::Status(429), Way::Hang] {
        detour.go(way);
        assert_eq!(server.get(LARGE, &[]).status, 503, "{way:?}");
    }
    detour.go(Way::Pass);
    assert_eq!(server.get(LARGE, &[]).status, 200);
    assert_eq!(server.get("/packages/greeting", &[]).status, 200);
}

#[test]
fn what_is_published_is_read_back_at_once() {
    let test = "what_is_published_is_read_back_at_once";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let writer = copied(seaweedfs.bucket("registry"));
    let token = writer.token("ci", &["--can=publish"]);
    let lines = ["auth-file = \"readers\"", "allow-anonymous = true", "replace = \"always\""];
    let server = writer.serve(&writer.bucket, &lines);
    let accept = "Accept: application/json";
    for round in 0..5 {
        let tarball =
            Tarball::new("made", "1.0.0").more_metadata(format!("{{<<\"r\">>,{round}}}.\n"));
        let tarball = tarball.build();
        let path = "/api/packages/made/releases?replace=true";
        let kind = "Content-Type: application/octet-stream";
        let published = Port::at(server.address).post(path, &[&token, accept, kind], &tarball);
        let published = published.unwrap();
        assert!(matches!(published.status, 200 | 201), "{}", published.text());
        assert!(server.get("/tarballs/made-1.0.0.tar", &[]).body == tarball, "{round}");
        let release = server.get("/api/packages/made/releases/1.0.0", &[accept]);
        let checksum = hexreg::checksum::OuterChecksum::of(&tarball).to_string().to_lowercase();
        assert!(release.text().contains(&checksum), "{round}: {}", release.text());
        let found = server.get("/api/packages?search=name:made", &[accept]);
        assert!(found.text().contains("\"made\""), "{round}: {}", found.text());
    }
    let gone = server.ask("DELETE", "/api/packages/made/releases/1.0.0", &[&token, accept]);
    assert_eq!(gone.status, 204, "{}", gone.text());
    assert_eq!(server.get("/tarballs/made-1.0.0.tar", &[]).status, 404);
    writer.verify(&[]).ok();
}

/// In a bucket each stamp would be a request of its own.
#[test]
fn a_search_takes_few_requests() {
    let test = "a_search_takes_few_requests";
    let Some(moto) = Moto::start(test) else { return };
    let writer = Writer::beside(&moto);
    let files: Vec<_> = (0..120).map(|number| format!("package{number}-1.0.0.tar")).collect();
    for file in &files {
        writer
            .repository
            .write_tarball(file, &Tarball::new(file.split('-').next().unwrap(), "1.0.0").build());
    }
    writer.repository.build(&[]).ok();
    writer.push().ok();
    let server = writer.serve(&writer.bucket, &[]);
    let search = || {
        let found = server.get("/api/packages?search=package11", &["Accept: application/json"]);
        assert_eq!(found.text().matches("\"name\"").count(), 11, "{}", found.text());
    };
    search();
    // Answers and pages each read all tarballs for their own index.
    let is_tarball = |asked: &Asked| asked.path.contains("/tarballs/");
    let began = Instant::now();
    loop {
        let asked = moto.asked_for(|| thread::sleep(Duration::from_secs(1)));
        let read = moto.asked().iter().filter(|asked| is_tarball(asked)).count();
        if read >= 120 && !asked.iter().any(is_tarball) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{read} packages are read");
    }
    thread::sleep(AGED);
    search();
    writer.write("other-1.0.0.tar", &Tarball::new("other", "1.0.0").build());
    writer.add(&["other-1.0.0.tar".to_owned()], &[]).ok();
    thread::sleep(AGED);
    let asked = moto.asked_for(|| {
        search();
        thread::sleep(Duration::from_secs(1));
    });
    // 11 packages that are shown, the new one, the listings, and the indexes.
    assert!(asked.len() <= 30, "{}: {asked:?}", asked.len());
}
