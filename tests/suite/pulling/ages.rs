//! How old files are, through several caches.

use std::thread;
use std::time::{Duration, Instant};

use super::{Upstream, until};
use crate::support::server::{Answer, Server};

/// A server that pulls from another one.
fn in_front_of(upstream: &Upstream, server: &Server) -> Server {
    upstream.pulled_from(&format!("http://{}", server.address), "front", &[])
}

fn age(answer: &Answer) -> u64 {
    answer.expect("age").parse().unwrap()
}

#[test]
fn a_file_ages_through_all_caches() {
    let upstream = Upstream::samples();
    upstream.unruly.say("cache-control: public, max-age=100\r\nage: 30\r\n");
    let middle = upstream.pulled_into("copy", &[]);
    let path = "/packages/greeting";
    let asked = Instant::now();
    // What upstream says, the time since then, and a second for rounding.
    let oldest = || 31 + asked.elapsed().as_secs();
    let answer = upstream.is_served(&middle, path);
    assert!((30..=oldest()).contains(&age(&answer)), "{}", age(&answer));
    assert_eq!(answer.expect("cache-control"), "public, max-age=100");
    thread::sleep(Duration::from_secs(2));
    let front = in_front_of(&upstream, &middle);
    // The second time it is sent as it is there.
    for server in [&front, &front, &middle] {
        let answer = upstream.is_served(server, path);
        assert!((32..=oldest()).contains(&age(&answer)), "{}", age(&answer));
        assert_eq!(answer.expect("cache-control"), "public, max-age=100");
        let tag = format!("if-none-match: {}", answer.expect("etag"));
        let unchanged = server.get(path, &[&tag]);
        assert_eq!(unchanged.status, 304);
        assert!(age(&unchanged) >= 32);
        assert_eq!(unchanged.expect("cache-control"), "public, max-age=100");
        // It never changes.
        let tarball = upstream.is_served(server, "/tarballs/greeting-1.0.0.tar");
        assert_eq!(tarball.header("age"), None);
        assert_eq!(tarball.expect("cache-control"), "public, max-age=604800");
    }
    assert_eq!(upstream.unruly.count(path), 1);
    upstream.end();
    // While it is fresh, it does not matter that upstream is away.
    assert_eq!(upstream.is_served(&front, path).header("cache-status"), None);
}

#[test]
fn two_caches_keep_a_file_no_longer_than_upstream_lets_one() {
    let upstream = Upstream::samples();
    upstream.unruly.say("cache-control: public, max-age=4\r\n");
    let middle = upstream.pulled_into("copy", &[]);
    let path = "/packages/greeting";
    let front = in_front_of(&upstream, &middle);
    let fetched = Instant::now();
    upstream.is_served(&middle, path);
    thread::sleep(Duration::from_secs(2));
    let of_front = age(&upstream.is_served(&front, path));
    // On a busy machine the file may have been fetched again by now.
    assert!(of_front >= 2 || fetched.elapsed() >= Duration::from_secs(4), "{of_front}");
    upstream.publish("greeting", "2.0.0");
    until("the new release", || {
        let answer = front.get(path, &[]);
        let is_new = answer.body == upstream.file(path);
        // On a machine so busy that the other cache does not answer in three seconds, a stale file is marked as such.
        let is_stale = answer.header("cache-status").is_some();
        assert!(is_new || is_stale || age(&answer) <= 4, "it is {} seconds old", age(&answer));
        is_new
    });
    // A stale file says how old it is too.
    upstream.end();
    thread::sleep(Duration::from_secs(5));
    let answer = upstream.is_served(&middle, path);
    assert!(answer.expect("cache-status").contains("hit; ttl=-"));
    assert_eq!(answer.expect("cache-control"), "no-cache");
    assert!(age(&answer) > 4, "{}", age(&answer));
}
