//! Policies: upstream's own bytes, by its signature and by their name.

use super::{NO_AGE, Upstream, until};
use crate::support::signed::{policy, write_policy};
use crate::support::unruly::Fault;

const STRICT: &str = "/policies/strict";
const KEY: &str = "acme-2048.pem";

fn governed() -> Upstream {
    let upstream = Upstream::samples();
    write_policy(&upstream.repository, "public/policies/strict", &policy("strict"), KEY);
    upstream
}

/// Upstream's policy is refused, told once, and not kept.
#[track_caller]
fn is_refused(upstream: &Upstream) {
    let server = upstream.pulled_into("copy", &[]);
    for _ in 0..3 {
        assert_eq!(server.get(STRICT, &[]).status, 502);
    }
    assert_eq!(upstream.told("refused: what is here"), 1, "{}", upstream.log());
    assert!(!upstream.is_kept("copy/policies/strict"));
    // Nothing but the policy is at fault.
    write_policy(&upstream.repository, "public/policies/strict", &policy("strict"), KEY);
    until("it is fetched", || server.get(STRICT, &[]).status == 200);
    upstream.is_served(&server, STRICT);
}

#[test]
fn a_policy_is_served_as_upstream_signed_it() {
    let upstream = governed();
    upstream.unruly.say(NO_AGE);
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, STRICT);
    // A release, so that there is something for it to govern.
    upstream.is_served(&server, "/tarballs/greeting-1.1.0.tar");
    upstream.has_indexes_in_copy();
    upstream.verify("copy");
    // It changes.
    let changed = hexreg::policy::Policy { description: None, ..policy("strict") };
    write_policy(&upstream.repository, "public/policies/strict", &changed, KEY);
    upstream.is_served(&server, STRICT);
    assert_eq!(server.get("/policies/none", &[]).status, 404);
    // A policy that is lost is a rule that is lost: the last one stays.
    upstream.fail(STRICT, Fault::Status(404, Vec::new()));
    let answer = upstream.is_served(&server, STRICT);
    assert!(answer.expect("cache-status").starts_with("hexreg; hit; ttl=-"));
    upstream.end();
    upstream.is_served(&server, STRICT);
    assert_eq!(server.get("/policies/none", &[]).status, 404);
    assert_eq!(server.get("/policies/other", &[]).status, 502);
}

#[test]
fn a_policy_of_another_key_is_never_served() {
    let upstream = governed();
    let path = "public/policies/strict";
    write_policy(&upstream.repository, path, &policy("strict"), "acme-4096.pem");
    is_refused(&upstream);
}

#[test]
fn a_policy_of_another_name_is_never_served() {
    let upstream = governed();
    write_policy(&upstream.repository, "public/policies/strict", &policy("loose"), KEY);
    is_refused(&upstream);
}

#[test]
fn a_policy_of_another_repository_is_never_served() {
    let upstream = governed();
    let other = hexreg::policy::Policy { repository: "other".parse().unwrap(), ..policy("strict") };
    write_policy(&upstream.repository, "public/policies/strict", &other, KEY);
    is_refused(&upstream);
}
