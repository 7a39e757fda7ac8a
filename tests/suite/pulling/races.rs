//! Many clients at once, clients that go away, servers that are killed.

use std::io::Write;
use std::thread;
use std::time::Duration;

use super::{Upstream, until};
use crate::support::random::Random;
use crate::support::raw_tar::Entry;
use crate::support::repository::TestRepository;
use crate::support::server::Port;
use crate::support::tarball::Tarball;
use crate::support::unruly::Fault;

#[test]
fn many_clients_of_one_file_are_one_request_to_upstream() {
    let upstream = Upstream::samples();
    let server = upstream.pulled_into("copy", &[]);
    let path = "/tarballs/greeting-1.0.0.tar";
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| upstream.is_served(&server, path));
        }
    });
    assert_eq!(upstream.unruly.count(path), 1);
    assert_eq!(upstream.unruly.count("/packages/greeting"), 1);
}

#[test]
fn a_client_that_goes_away_harms_nobody() {
    let upstream = Upstream::samples();
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/packages/greeting");
    let path = "/tarballs/greeting-1.0.0.tar";
    upstream.fail(path, Fault::Drip(Duration::from_micros(500)));
    let mut stream = server.connect();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    until("it was asked for", || upstream.unruly.count(path) == 1);
    drop(stream);
    until("it is kept", || upstream.is_kept(&format!("copy{path}")));
    upstream.is_served(&server, path);
    assert_eq!(upstream.unruly.count(path), 1);
}

/// Whatever is under a final name is what upstream has.
#[test]
fn a_server_that_is_killed_leaves_nothing_unverified() {
    let mut repository = TestRepository::new();
    for number in 0..20 {
        let name = format!("p{number}");
        let mut random = Random::new(number);
        let noise: Vec<u8> = (0..25_000).flat_map(|_| random.next().to_le_bytes()).collect();
        let tarball = Tarball::new(&name, "1.0.0").files(&[Entry::file("noise", &noise)]).build();
        repository = repository.tarball(&format!("{name}-1.0.0.tar"), &tarball);
    }
    let upstream = Upstream::of(repository);
    for round in 0..8_u64 {
        let mut server = upstream.pulled_into("copy", &[]);
        thread::scope(|scope| {
            for number in 0..20 {
                let (address, path) = (server.address, format!("/tarballs/p{number}-1.0.0.tar"));
                let port = Port::at(address);
                scope.spawn(move || port.try_get(&path));
            }
            thread::sleep(Duration::from_millis(10 + 25 * round));
            server.kill();
        });
        for (path, bytes) in upstream.repository.files("copy", |_| true) {
            let is_final = !path.contains(".hexreg-");
            assert!(!is_final || bytes == upstream.file(&format!("/{path}")), "{path}");
        }
        std::fs::remove_dir_all(upstream.repository.path("copy")).unwrap();
    }
}

/// A client that asks for made-up names takes a share of upstream, and no more.
#[test]
fn many_requests_that_hang_are_refused_and_forgotten() {
    let upstream = Upstream::samples();
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/packages/greeting");
    upstream.fail("/packages/x", Fault::Hang);
    let mut waiting = Vec::new();
    for number in 0..200 {
        let mut stream = server.connect();
        write!(stream, "GET /packages/x{number} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        waiting.push(stream);
    }
    until("64 were asked for", || upstream.unruly.count("/packages/x") >= 64);
    drop(waiting);
    thread::sleep(Duration::from_millis(300));
    upstream.fail("/", Fault::None);
    // Those that had not begun are not asked for any more.
    upstream.is_served(&server, "/tarballs/greeting-1.1.0.tar");
    let asked = upstream.unruly.count("/packages/x");
    assert!(asked <= 128, "{asked} requests");
}
