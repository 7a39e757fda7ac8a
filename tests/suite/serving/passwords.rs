//! Passwords that take long to check, and those who send many.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;

use super::repository;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
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
fn who_guesses_fast_keeps_nobody_else_out() {
    let test = "who_guesses_fast_keeps_nobody_else_out";
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
        // As many wait as may, of that address.
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
    // Two that were checked and 32 that waited, and those who came when others were done.
    assert!(refused.into_inner() >= 34 && late.into_inner() >= 1);
    // Who was seen to be right waits for nothing, from wherever.
    assert_eq!(server.get("/names", &[&credentials("ann", "ann")]).status, 200);
    assert_eq!(server.get("/names", &[&credentials("bob", "bob")]).status, 200);
}

/// A client sends many requests at once, and none of them has been seen to be right.
#[test]
fn many_requests_with_one_password_are_one_check() {
    let repository = repository();
    let server = server(&repository, &["ann"]);
    let ask = |password: &str, expected: u16| {
        let header = credentials("ann", password);
        let began = Instant::now();
        thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| assert_eq!(server.get("/names", &[&header]).status, expected));
            }
        });
        began.elapsed()
    };
    let alone = {
        let began = Instant::now();
        assert_eq!(server.get("/names", &[&credentials("ann", "other")]).status, 401);
        began.elapsed()
    };
    // More than may wait.
    let wrong = ask("wrong", 401);
    let right = ask("ann", 200);
    for took in [wrong, right] {
        assert!(took < alone * 25 + Duration::from_secs(1), "{took:?} {alone:?}");
    }
}
