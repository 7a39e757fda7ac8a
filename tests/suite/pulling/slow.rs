//! Upstreams that hang, or whose files come slowly.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::{Upstream, until};
use crate::support::gzip;
use crate::support::random::Random;
use crate::support::raw_tar::Entry;
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;
use crate::support::unruly::Fault;

/// Packages, each with a tarball that needs a permit for its memory; the first one has documentation, which does too.
fn large(packages: u64) -> Upstream {
    let mut repository = TestRepository::new();
    for number in 0..packages {
        let name = format!("p{number}");
        let noise = noise(number, 300_000);
        let tarball = Tarball::new(&name, "1.0.0").files(&[Entry::file("noise", &noise)]).build();
        repository = repository.tarball(&format!("{name}-1.0.0.tar"), &tarball);
    }
    repository.write("public/docs/p0-1.0.0.tar.gz", &gzip(&noise(99, 400_000)));
    Upstream::of(repository)
}

fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..size / 8).flat_map(|_| random.next().to_le_bytes()).collect()
}

#[test]
fn a_drip_of_unknown_length_leaves_memory_for_others() {
    let upstream = large(6);
    let server = upstream.pulled_into("copy", &[]);
    for number in 0..6 {
        upstream.is_served(&server, &format!("/packages/p{number}"));
    }
    let drip = Fault::Trickle { at_once: 200_000, each: 1, pause: Duration::from_millis(100) };
    upstream.fail("/docs/", drip);
    let mut stream = server.connect();
    write!(stream, "GET /docs/p0-1.0.0.tar.gz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    until("it drips", || upstream.unruly.count("/docs/") > 0);
    thread::sleep(Duration::from_millis(500));
    let began = Instant::now();
    thread::scope(|scope| {
        for number in 1..6 {
            let (upstream, server) = (&upstream, &server);
            scope.spawn(move || {
                upstream.is_served(server, &format!("/tarballs/p{number}-1.0.0.tar"));
            });
        }
    });
    // One that waited for memory in vain would be refused after twelve seconds.
    assert!(began.elapsed() < Duration::from_secs(11), "{:?}", began.elapsed());
    assert!(!upstream.is_kept("copy/docs/p0-1.0.0.tar.gz"));
}

#[test]
fn a_client_is_told_in_time_that_a_file_is_still_being_fetched() {
    let upstream = Upstream::samples();
    let path = "/packages/greeting";
    let size = upstream.file(path).len();
    // It takes some 18 seconds.
    let slow = Fault::Trickle { at_once: 0, each: size / 18, pause: Duration::from_secs(1) };
    upstream.fail(path, slow);
    let server = upstream.pulled_into("copy", &[]);
    let began = Instant::now();
    let answer = server.get(path, &[]);
    assert_eq!(answer.status, 504, "{}", answer.text());
    assert!(answer.text().contains("still being fetched"), "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    // mix gives up after 15 seconds.
    let waited = began.elapsed();
    assert!((11..15).contains(&waited.as_secs()), "{waited:?}");
    until("it is kept", || upstream.is_kept("copy/packages/greeting"));
    upstream.is_served(&server, path);
    assert_eq!(upstream.unruly.count(path), 1);
}

#[test]
fn a_tarball_of_which_enough_comes_is_waited_for() {
    let upstream = large(1);
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/packages/p0");
    // It takes some 15 seconds.
    let slow = Fault::Trickle { at_once: 0, each: 2_048, pause: Duration::from_millis(100) };
    upstream.fail("/tarballs/", slow);
    let began = Instant::now();
    upstream.is_served(&server, "/tarballs/p0-1.0.0.tar");
    assert!(began.elapsed() > Duration::from_secs(13), "{:?}", began.elapsed());
}

#[test]
fn the_end_of_the_server_waits_for_no_upstream() {
    for fault in
        [Fault::Hang, Fault::Trickle { at_once: 100, each: 1, pause: Duration::from_millis(100) }]
    {
        let upstream = Upstream::samples();
        upstream.fail("/packages/", fault);
        let server = upstream.pulled_into("copy", &[]);
        let mut stream = server.connect();
        write!(stream, "GET /packages/greeting HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        until("it is asked for", || upstream.unruly.count("/packages/") > 0);
        let began = Instant::now();
        server.signal("-TERM");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        assert_eq!(server.ended(), 0);
        // Upstream would answer after a minute.
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert!(!upstream.is_kept("copy/packages/greeting"));
    }
}
