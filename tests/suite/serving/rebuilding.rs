//! Many builds while clients read: no client gets a part of a file, and memory does not grow.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hexreg::key::PublicKey;
use hexreg::registry::{Releases, Signed};

use super::repository;
use crate::support::random::setting;
use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Server};
use crate::support::tarball::Tarball;
use crate::support::tools;

/// The memory of a process, in kilobytes.
fn memory(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The whole response to one of many requests on a connection.
fn ask(stream: &mut TcpStream, path: &str) -> Answer {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "{path} is cut off");
        answer.extend(&buffer[..read]);
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        if answer.len() == end + 4 + length.parse::<usize>().unwrap() {
            return Answer::parse(&answer, false).unwrap();
        }
    }
}

/// The key that signs the files in `public/`.
pub fn published_key(repository: &TestRepository) -> PublicKey {
    let key = String::from_utf8(repository.read("public/public_key")).unwrap();
    PublicKey::from_pem(&key).unwrap()
}

/// Reads a registry for some seconds, while `change` adds the given release of `greeting`, as a tarball, each second:
/// 512 connections, and four readers that compare every byte of what they read, of `unchanged` too. No request fails,
/// and memory does not grow.
pub fn read_while_changing(
    test: &str,
    server: &Server,
    key: &PublicKey,
    unchanged: &[(&str, Vec<u8>)],
    mut change: impl FnMut(&str, &[u8]),
) {
    let Some(wrk) = tools::find("wrk", test) else { return };
    let seconds = setting("HEXREG_SECONDS", 6);
    let (done, read, seen) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let read_all = || {
        let mut stream = server.connect();
        while !done.load(Ordering::Relaxed) {
            let answer = ask(&mut stream, "/packages/greeting");
            assert_eq!(answer.status, 200);
            let payload = Signed::from_gzip(&answer.body).unwrap().verify(key).unwrap();
            let releases = Releases::decode(&payload).unwrap().releases;
            seen.fetch_max(releases.len(), Ordering::Relaxed);
            let newest = &releases.last().unwrap().version;
            let tarball = ask(&mut stream, &format!("/tarballs/greeting-{newest}.tar"));
            assert_eq!(tarball.status, 200, "{newest}");
            for (path, bytes) in unchanged {
                assert!(ask(&mut stream, path).body == *bytes, "{path}");
            }
            read.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut held = Vec::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(read_all);
        }
        let load = scope.spawn(|| {
            let url = format!("{}/packages/greeting", server.url());
            let duration = format!("-d{seconds}");
            // On a busy machine an answer takes longer than the two seconds after which wrk counts an error.
            let arguments = ["-t1", "-c512", "--timeout=30s", &duration, &url];
            let output = Command::new(wrk).args(arguments).output();
            String::from_utf8(output.unwrap().stdout).unwrap()
        });
        let began = Instant::now();
        let is_enough = || read.load(Ordering::Relaxed) > 5 && seen.load(Ordering::Relaxed) > 3;
        for number in 1.. {
            let is_over = began.elapsed() > Duration::from_secs(u64::try_from(seconds).unwrap());
            // On a busy machine it takes longer until enough was read.
            if is_over && (is_enough() || began.elapsed() > Duration::from_secs(60)) {
                break;
            }
            let version = format!("2.0.{number}");
            change(&version, &Tarball::new("greeting", &version).build());
            held.push(memory(server.id()));
            thread::sleep(Duration::from_secs(1));
        }
        done.store(true, Ordering::Relaxed);
        let load = load.join().unwrap();
        assert!(!load.contains("Non-2xx") && !load.contains("Socket errors"), "{load}");
        eprintln!("{}", load.lines().last().unwrap_or_default());
    });
    let (read, seen) = (read.into_inner(), seen.into_inner());
    assert!(read > 5 && seen > 3, "{read} reads, {seen} releases");
    eprintln!("{read} packages read whole, up to {seen} releases; memory in kB: {held:?}");
    let (early, middle) = (held[1.min(held.len() - 1)], held[held.len() / 2]);
    let last = held[held.len() - 1];
    // Once all connections are open, memory grows only until caches are full, and by little in the second half.
    assert!(last < early + early / 4 + 8_192 && last < middle + 4_096, "{held:?}");
}

#[test]
fn rebuilds_every_second_tear_no_file_and_leak_no_memory() {
    let test = "rebuilds_every_second_tear_no_file_and_leak_no_memory";
    let repository = repository();
    let server = Server::of(&repository, &["--log-format=off"]);
    let key = published_key(&repository);
    read_while_changing(test, &server, &key, &[], |version, tarball| {
        repository.write_tarball(&format!("greeting-{version}.tar"), tarball);
        repository.build(&[]).ok();
    });
}
