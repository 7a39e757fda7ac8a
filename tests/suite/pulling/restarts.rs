//! What is known of files after a restart.

use std::thread;
use std::time::Duration;

use super::{NO_AGE, Upstream};
use crate::support::server::Server;
use crate::support::unruly::Asked;

const GREETING: &str = "/packages/greeting";

impl Upstream {
    /// Ends a server, which may save what it knows.
    fn ends(&self, server: Server) {
        self.has_indexes_in_copy();
        server.signal("-TERM");
        assert_eq!(server.ended(), 0, "{}", self.log());
    }

    /// The requests for a file, without the first ones.
    fn asked_after(&self, path: &str, before: usize) -> Vec<Asked> {
        let asked = self.unruly.asked().into_iter().filter(|asked| asked.path == path);
        asked.skip(before).collect()
    }
}

#[test]
fn a_file_is_not_sent_again_after_a_restart() {
    let upstream = Upstream::samples();
    upstream.unruly.say(NO_AGE);
    let server = upstream.pulled_into("copy", &[]);
    let paths = [GREETING, "/names", "/versions"];
    for path in paths {
        upstream.is_served(&server, path);
    }
    upstream.ends(server);
    let before = paths.map(|path| upstream.unruly.count(path));
    let server = upstream.pulled_into("copy", &[]);
    for (path, before) in paths.into_iter().zip(before) {
        upstream.is_served(&server, path);
        let asked = upstream.asked_after(path, before);
        assert!(!asked.is_empty(), "{path}");
        for asked in asked {
            assert!(asked.head.contains("if-none-match"), "{path}: {}", asked.head);
        }
    }
    // What is saved is no part of the repository.
    upstream.is_served(&server, "/tarballs/greeting-1.0.0.tar");
    upstream.ends(server);
    upstream.verify("copy");
    assert!(upstream.is_kept("copy/.hexreg-mirror/pulled.json"));
    let pushed = upstream.repository.hexreg().run(["push", "copy", "elsewhere"]);
    assert_eq!(pushed.code, 0, "{}", pushed.transcript());
    assert!(!upstream.is_kept("elsewhere/.hexreg-mirror/pulled.json"));
}

#[test]
fn a_file_is_as_fresh_after_a_restart_as_before() {
    let upstream = Upstream::samples();
    upstream.unruly.say("cache-control: public, max-age=1000\r\n");
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, GREETING);
    upstream.ends(server);
    thread::sleep(Duration::from_millis(2_100));
    let server = upstream.pulled_into("copy", &[]);
    for _ in 0..2 {
        let answer = upstream.is_served(&server, GREETING);
        let age: u64 = answer.expect("age").parse().unwrap();
        assert!((2..20).contains(&age), "{age}");
    }
    assert_eq!(upstream.unruly.count(GREETING), 1);
}

#[test]
fn a_file_is_as_stale_after_a_restart_as_before() {
    let upstream = Upstream::samples();
    upstream.unruly.say("cache-control: public, max-age=1\r\n");
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, GREETING);
    upstream.ends(server);
    upstream.end();
    thread::sleep(Duration::from_secs(4));
    let server = upstream.pulled_into("copy", &[]);
    let answer = upstream.is_served(&server, GREETING);
    let status = answer.expect("cache-status").to_owned();
    let ttl: i64 = status.strip_prefix("hexreg; hit; ttl=").unwrap().parse().unwrap();
    assert!((-20..=-3).contains(&ttl), "{status}");
    assert!(answer.expect("age").parse::<u64>().unwrap() >= 4);
}

/// Someone has put an older file in the place of the one that was fetched last, which upstream has signed too.
#[test]
fn what_is_known_is_of_the_bytes_that_were_fetched() {
    let upstream = Upstream::samples();
    upstream.unruly.say(NO_AGE);
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, GREETING);
    let older = upstream.file(GREETING);
    upstream.publish("greeting", "2.0.0");
    upstream.unruly.say("cache-control: public, max-age=1000\r\n");
    upstream.is_served(&server, GREETING);
    upstream.ends(server);
    upstream.repository.write("copy/packages/greeting", &older);
    let before = upstream.unruly.count(GREETING);
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, GREETING);
    let asked = upstream.asked_after(GREETING, before);
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].head.contains("if-none-match"), "{}", asked[0].head);
}

/// It is a cache: whatever it says, no file but upstream's is served.
#[test]
fn what_was_saved_may_be_lost_or_damaged() {
    let upstream = Upstream::samples();
    upstream.unruly.say(NO_AGE);
    let saved = "copy/.hexreg-mirror/pulled.json";
    for damage in [None, Some(&b"{"[..]), Some(b"[1]"), Some(b"{\"upstream\":1}")] {
        let server = upstream.pulled_into("copy", &[]);
        upstream.is_served(&server, GREETING);
        upstream.ends(server);
        assert!(upstream.is_kept(saved));
        match damage {
            None => std::fs::remove_file(upstream.repository.path(saved)).unwrap(),
            Some(bytes) => upstream.repository.write(saved, bytes),
        }
    }
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, GREETING);
}
