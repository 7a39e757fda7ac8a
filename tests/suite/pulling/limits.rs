//! Full disks, and how much is kept.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use super::{NO_AGE, Upstream, until};
use crate::support::disk::Disk;
use crate::support::random::Random;
use crate::support::raw_tar::Entry;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;

/// Ten packages, each with a tarball of some 100 kB.
fn large() -> Upstream {
    let mut repository = TestRepository::new();
    for number in 0..10 {
        let name = format!("p{number}");
        let mut random = Random::new(number);
        let noise: Vec<u8> = (0..12_500).flat_map(|_| random.next().to_le_bytes()).collect();
        let tarball = Tarball::new(&name, "1.0.0").files(&[Entry::file("noise", &noise)]).build();
        repository = repository.tarball(&format!("{name}-1.0.0.tar"), &tarball);
    }
    Upstream::of(repository)
}

fn tarball(number: usize) -> String {
    format!("/tarballs/p{number}-1.0.0.tar")
}

#[test]
fn a_full_disk_serves_on_and_says_so() {
    let upstream = large();
    let disk = upstream.repository.path("copy");
    let Some(_disk) = Disk::mount(disk, "256k", "a_full_disk_serves_on_and_says_so") else {
        return;
    };
    let server = upstream.pulled_into("copy", &[]);
    for _ in 0..2 {
        for number in 0..10 {
            upstream.is_served(&server, &format!("/packages/p{number}"));
            upstream.is_served(&server, &tarball(number));
        }
    }
    assert!(upstream.told("could not keep a file") >= 1, "{}", upstream.log());
    assert!(upstream.log().contains("No space left"), "{}", upstream.log());
    assert!(super::counter(&server, "pull_through_requests", "not_kept") > 0);
    // A part of a file, and a file that the client has, as from the disk.
    let answer = server.get(&tarball(9), &["range: bytes=0-9"]);
    assert_eq!((answer.status, answer.body.len()), (206, 10));
    let tag = server.get(&tarball(9), &[]).expect("etag").to_owned();
    assert_eq!(server.get(&tarball(9), &[&format!("if-none-match: {tag}")]).status, 304);
    // What is there is whole.
    upstream.verify("copy");
}

/// What a full disk does not take is kept in memory for a minute.
#[test]
fn a_full_disk_is_no_reason_to_ask_upstream_again() {
    let test = "a_full_disk_is_no_reason_to_ask_upstream_again";
    let upstream = large();
    let Some(disk) = Disk::mount(upstream.repository.path("copy"), "256k", test) else { return };
    let server = upstream.pulled_into("copy", &[]);
    upstream.has_indexes_in_copy();
    disk.fill(0);
    for _ in 0..20 {
        upstream.is_served(&server, &tarball(9));
        upstream.is_served(&server, "/packages/p9");
    }
    assert_eq!(upstream.unruly.count(&tarball(9)), 1);
    // The tarball is checked by the package.
    assert!(upstream.unruly.count("/packages/p9") <= 2, "{:?}", upstream.unruly.asked());
    upstream.end();
    upstream.is_served(&server, &tarball(9));
    assert!(!upstream.is_kept(&format!("copy{}", tarball(9))));
}

#[test]
fn a_release_that_is_newer_than_a_full_disk_is_served() {
    let test = "a_release_that_is_newer_than_a_full_disk_is_served";
    let upstream = Upstream::samples();
    upstream.unruly.say(NO_AGE);
    let Some(disk) = Disk::mount(upstream.repository.path("copy"), "512k", test) else { return };
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/packages/greeting");
    upstream.has_indexes_in_copy();
    disk.fill(0);
    upstream.publish("greeting", "2.0.0");
    for _ in 0..2 {
        upstream.is_served(&server, "/packages/greeting");
        upstream.is_served(&server, "/tarballs/greeting-2.0.0.tar");
    }
    assert_eq!(upstream.told("could not keep a file"), 1, "{}", upstream.log());
}

/// Clients that looked for a file before it came are given it, though it is not there.
#[test]
fn many_clients_of_one_file_are_one_request_on_a_full_disk_too() {
    let test = "many_clients_of_one_file_are_one_request_on_a_full_disk_too";
    let upstream = Upstream::samples();
    let Some(disk) = Disk::mount(upstream.repository.path("copy"), "512k", test) else { return };
    let server = upstream.pulled_into("copy", &[]);
    upstream.has_indexes_in_copy();
    disk.fill(0);
    let path = "/tarballs/welcome-0.1.0.tar";
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| upstream.is_served(&server, path));
        }
    });
    assert!(!upstream.is_kept("copy/packages/welcome"));
    assert_eq!(upstream.unruly.count(path), 1);
    // Its package is asked for once for the clients, and once for the checksum of the tarball.
    assert!(upstream.unruly.count("/packages/welcome") <= 2, "{:?}", upstream.unruly.asked());
}

fn configure(upstream: &Upstream, pull: &str) {
    let config = format!(
        "listen = \"127.0.0.1:0\"\nmetrics-listen = \"127.0.0.1:0\"\n\
         [[repository]]\nname = \"acme\"\nroot = true\nat = \"copy\"\n\
         pull-through = {{ {pull} }}\nupstream = \"{}\"\nupstream-key = \"public/public_key\"\n",
        upstream.unruly.url(),
    );
    upstream.repository.write("hexreg.toml", config.as_bytes());
}

fn configured(upstream: &Upstream, pull: &str) -> Server {
    configure(upstream, pull);
    Server::configured(upstream.repository.hexreg(), upstream.repository.root(), "hexreg.toml")
}

fn kept(upstream: &Upstream) -> Vec<usize> {
    (0..10).filter(|number| upstream.is_kept(&format!("copy{}", tarball(*number)))).collect()
}

#[test]
fn what_no_client_asked_for_longest_goes_first_and_what_is_pinned_stays() {
    let upstream = large();
    let lock = "{\"1.2.0\",[{<<\"p0\">>,{pkg,<<\"p0\">>,<<\"1.0.0\">>},0}]}.\n";
    upstream.repository.write("rebar.lock", lock.as_bytes());
    let server = configured(&upstream, "size = \"450KiB\", locks = [\"rebar.lock\"]");
    for number in 0..4 {
        upstream.is_served(&server, &tarball(number));
        // Times of use are in seconds.
        thread::sleep(Duration::from_millis(1_100));
    }
    assert_eq!(kept(&upstream), [0, 1, 2, 3]);
    // It was asked for first, and is asked for again.
    upstream.is_served(&server, &tarball(1));
    thread::sleep(Duration::from_millis(1_100));
    upstream.is_served(&server, &tarball(4));
    until("the oldest goes", || kept(&upstream) == [0, 1, 3, 4]);
    // It is fetched again.
    upstream.is_served(&server, &tarball(2));
    until("the next goes", || kept(&upstream) == [0, 1, 2, 4]);
    let evicted = "pull_through_evicted_total{repository=\"acme\"} 2";
    until("both are counted", || server.metrics().contains(evicted));
    upstream.verify("copy");
}

#[test]
fn what_a_client_asked_for_a_moment_ago_stays() {
    let upstream = large();
    let server = configured(&upstream, "size = \"150KiB\"");
    for number in 0..4 {
        upstream.is_served(&server, &tarball(number));
    }
    // Only one of them is within the size.
    thread::sleep(Duration::from_secs(3));
    assert_eq!(kept(&upstream), [0, 1, 2, 3]);
    // Nothing has to be written for it.
    until("all others go", || kept(&upstream).len() == 1);
    assert_eq!(upstream.told("take more than `size`"), 0, "{}", upstream.log());
}

#[test]
fn when_files_were_used_is_known_after_a_reload_and_a_restart() {
    let upstream = large();
    let server = configured(&upstream, "size = \"450KiB\"");
    let used = |server: &Server, numbers: &[usize]| {
        for number in numbers {
            upstream.is_served(server, &tarball(*number));
            thread::sleep(Duration::from_millis(1_100));
        }
    };
    used(&server, &[0, 1, 2, 3, 0]);
    // Clients can make up any number of these.
    for number in 0..10 {
        assert_eq!(server.get(&format!("/docs/p{number}-1.0.0.tar.gz"), &[]).status, 404);
    }
    configure(&upstream, "size = \"449KiB\"");
    until("the new size", || upstream.told("configuration read again") == 1);
    used(&server, &[4]);
    // It was written first, and used last.
    until("the oldest goes", || kept(&upstream).len() == 4);
    assert_eq!(kept(&upstream), [0, 2, 3, 4]);

    used(&server, &[2]);
    server.signal("-TERM");
    assert_eq!(server.ended(), 0);
    let saved = upstream.repository.read("copy/.hexreg-mirror/used.json");
    let saved: BTreeMap<String, i64> = serde_json::from_slice(&saved).unwrap();
    let paths: Vec<_> = saved.into_keys().collect();
    let of = |number: usize| tarball(number).trim_start_matches('/').to_owned();
    assert_eq!(paths, [0, 2, 3, 4].map(of));
    upstream.verify("copy");

    let server = configured(&upstream, "size = \"449KiB\"");
    used(&server, &[1]);
    until("the next goes", || kept(&upstream).len() == 4);
    assert_eq!(kept(&upstream), [0, 1, 2, 4]);
}
