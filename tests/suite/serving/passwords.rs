//! Passwords that take long to check, and those who send many.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use hexreg::auth::PasswordHash;

use super::repository;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::stopwatch::Stopwatch;
use crate::support::tools;

/// A server that takes some time for a password.
fn server(repository: &TestRepository, names: &[&str]) -> Server {
    let hash = |name: &str| bcrypt::hash_with_salt(name, 10, *b"sixteen salty by").unwrap();
    let lines: Vec<_> = names.iter().map(|name| format!("{name}:{}\n", hash(name))).collect();
    repository.write("readers", lines.concat().as_bytes());
    repository.chmod("readers", 0o600);
    Server::of(repository, &["--auth-file=readers"])
}

fn credentials(name: &str, password: &str) -> String {
    format!("Authorization: Basic {}", BASE64.encode(format!("{name}:{password}").as_bytes()))
}

#[test]
fn a_client_that_guesses_fast_does_not_delay_others() {
    let test = "a_client_that_guesses_fast_does_not_delay_others";
    let Some(curl) = tools::find("curl", test) else { return };
    let repository = repository();
    let server = server(&repository, &["ann", "bob"]);
    let began = Instant::now();
    let (refused, late) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (of_ann, guesses_end) = thread::scope(|scope| {
        let guesses: Vec<_> = (0..80)
            .map(|number| {
                let (server, refused, late) = (&server, &refused, &late);
                scope.spawn(move || {
                    let guess = credentials("ann", &format!("guess{number}"));
                    let answer = server.get("/names", &[&guess]);
                    match answer.status {
                        401 => refused.fetch_add(1, Ordering::Relaxed),
                        429 => {
                            assert_eq!(answer.expect("retry-after"), "1");
                            assert_eq!(answer.expect("cache-control"), "no-store");
                            late.fetch_add(1, Ordering::Relaxed)
                        }
                        other => panic!("{other}"),
                    }
                })
            })
            .collect();
        while late.load(Ordering::Relaxed) == 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "all of them wait");
            thread::sleep(Duration::from_millis(1));
        }
        // The address has as many waits as it may have.
        let output = Command::new(curl)
            .args(["--silent", "--show-error", "--interface", "127.0.0.2", "--user", "ann:ann"])
            .args(["--output", "/dev/null", "--write-out", "%{http_code}"])
            .arg(format!("{}/names", server.url()))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "200", "{output:?}");
        let of_ann = began.elapsed();
        for guess in guesses {
            guess.join().unwrap();
        }
        (of_ann, began.elapsed())
    });
    assert!(of_ann < guesses_end, "{of_ann:?} {guesses_end:?}");
    // One was checked and 32 waited, and more followed as those ended.
    assert!(refused.into_inner() >= 33 && late.into_inner() >= 1);
    // A verified password waits for no check, from any address.
    assert_eq!(server.get("/names", &[&credentials("ann", "ann")]).status, 200);
    assert_eq!(server.get("/names", &[&credentials("bob", "bob")]).status, 200);
}

/// A client sends many requests at once before its password is verified.
#[test]
fn many_requests_with_one_password_are_one_check() {
    let repository = repository();
    let server = server(&repository, &["ann"]);
    let ask = |password: &str, expected: u16| {
        let header = credentials("ann", password);
        let work = Stopwatch::of(&server);
        thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| assert_eq!(server.get("/names", &[&header]).status, expected));
            }
        });
        work.elapsed()
    };
    let alone = {
        let work = Stopwatch::of(&server);
        assert_eq!(server.get("/names", &[&credentials("ann", "other")]).status, 401);
        work.elapsed()
    };
    // More than the queue holds.
    let wrong = ask("wrong", 401);
    let right = ask("ann", 200);
    for took in [wrong, right] {
        assert!(took < alone * 25 + Duration::from_secs(1), "{took:?} {alone:?}");
    }
}

/// A figure of the server's memory, in KiB.
fn status(server: &Server, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Each hash says how much memory its check takes, and the allocator keeps what threads free.
#[test]
fn many_wrong_passwords_take_little_memory() {
    let repository = repository();
    let hash = PasswordHash::of("right").unwrap();
    // Half of the memory of all checks, and all of it.
    let half =
        "$argon2id$v=19$m=32768,t=1,p=1$c29tZXNhbHQ$fPRnlj/5Q+8nNssIsNMVNWbd02kYedEWlNFYcsyq+2E";
    let all = half.replace("m=32768", "m=65536");
    let file = format!("ann:{hash}\nbob:{half}\ncid:{all}\n");
    repository.write("readers", file.as_bytes());
    repository.chmod("readers", 0o600);
    let server = Server::of(&repository, &["--auth-file=readers"]);
    let before = status(&server, "VmHWM:");
    thread::scope(|scope| {
        for client in 0..16 {
            let server = &server;
            scope.spawn(move || {
                for guess in 0..2 {
                    for name in ["ann", "bob", "cid"] {
                        let header = credentials(name, &format!("guess{client}.{guess}"));
                        let status = server.get("/names", &[&header]).status;
                        assert!([401, 429].contains(&status), "{status}");
                    }
                }
            });
        }
    });
    assert_eq!(server.get("/names", &[&credentials("ann", "right")]).status, 200);
    let taken = (status(&server, "VmHWM:") - before) / 1024;
    // The memory of all checks, and some for connections and threads.
    assert!(taken <= 64 + 16, "{taken} MiB");
}

/// A check that fails says nothing about the password.
#[test]
fn without_memory_a_client_is_asked_to_retry() {
    let test = "without_memory_a_client_is_asked_to_retry";
    let Some(prlimit) = tools::find("prlimit", test) else { return };
    let repository = repository();
    // 64 MiB: no heap of the allocator has as much room.
    let hash =
        "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$fPRnlj/5Q+8nNssIsNMVNWbd02kYedEWlNFYcsyq+2E";
    repository.write("readers", format!("ann:{hash}\n").as_bytes());
    repository.chmod("readers", 0o600);
    let server = Server::of(&repository, &["--auth-file=readers"]);
    let ask = || server.get("/names", &[&credentials("ann", "guess")]);
    // All its threads have started.
    assert_eq!(ask().status, 401);
    let id = server.id().to_string();
    let limit = |kibibytes: Option<u64>| {
        let limit = kibibytes.map_or("unlimited".to_owned(), |size| (size * 1024).to_string());
        let limit = format!("--as={limit}:unlimited");
        assert!(Command::new(&prlimit).args(["--pid", &id, &limit]).status().unwrap().success());
    };
    limit(Some(status(&server, "VmSize:") + 4096));
    let answer = ask();
    assert_eq!((answer.status, answer.expect("retry-after")), (503, "1"));
    limit(None);
    assert_eq!(ask().status, 401);
}
