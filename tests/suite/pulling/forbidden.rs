//! Upstreams that answer 403: object storage does for a file that is missing, unless it may be listed.

use super::{NO_AGE, Upstream};
use crate::support::unruly::Fault;

fn forbidden() -> Fault {
    Fault::Status(403, Vec::new())
}

#[test]
fn a_file_that_is_forbidden_is_missing_where_others_are_not() {
    for path in [
        "/packages/missing",
        "/tarballs/greeting-1.0.0.tar",
        "/docs/greeting-1.0.0.tar.gz",
        "/policies/strict",
        "/installs/hex-1.x.csv",
        "/installs/1.18.0/hex-2.1.1.ez",
    ] {
        let upstream = Upstream::samples();
        // A list names the archive.
        let prefix = if path.contains("/1.18.0/") { "/installs/" } else { path };
        upstream.fail(prefix, forbidden());
        let server = upstream.pulled_into("copy", &[]);
        assert_eq!(server.get(path, &[]).status, 404, "{path}: {}", upstream.log());
        // It is remembered. Meanwhile the indexes may be asked for, as always.
        let asked = upstream.unruly.count(prefix);
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
        assert_eq!(upstream.unruly.count(prefix), asked, "{path}");
        assert_eq!(upstream.told("refused"), 0, "{path}: {}", upstream.log());
        let indexes = upstream.unruly.count("/names");
        assert!(indexes <= 2, "the index was asked for again and again: {indexes}");
    }
}

/// As with a key that was revoked.
#[test]
fn nothing_is_missing_where_all_is_forbidden() {
    let upstream = Upstream::samples();
    upstream.fail("/", forbidden());
    let server = upstream.pulled_into("copy", &[]);
    for path in ["/packages/greeting", "/tarballs/greeting-1.0.0.tar", "/policies/strict", "/names"]
    {
        let answer = server.get(path, &[]);
        assert_eq!(answer.status, 502, "{path}");
        assert!(answer.text().contains("upstream does not answer, or sent"), "{}", answer.text());
    }
    assert!(upstream.told("answers 403") > 0, "{}", upstream.log());
}

#[test]
fn what_is_here_stays_where_it_is_forbidden() {
    let upstream = Upstream::samples();
    upstream.unruly.say(NO_AGE);
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/packages/greeting");
    upstream.fail("/packages/", forbidden());
    for _ in 0..2 {
        let answer = upstream.is_served(&server, "/packages/greeting");
        assert!(answer.expect("cache-status").contains("hit; ttl=-"));
    }
    assert_eq!(upstream.told("answers 403"), 1, "{}", upstream.log());
}
