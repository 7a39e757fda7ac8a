//! Upstreams that lie, fail, drip, or come back with an older registry.

use std::io::Write;
use std::time::{Duration, Instant};

use super::{NO_AGE, Upstream, counter, until};
use crate::support::repository::TestRepository;
use crate::support::unruly::Fault;

/// Nothing that upstream answers with is served or kept, and it is told once. Afterwards the file is fetched.
fn is_never_served(prefix: &str, path: &str, fault: &Fault) {
    let upstream = Upstream::samples();
    upstream.fail(prefix, fault.clone());
    let server = upstream.pulled_into("copy", &[]);
    let began = Instant::now();
    let answer = server.get(path, &[]);
    assert_eq!(answer.status, 502, "{fault:?}: {}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(35), "{fault:?}: {:?}", began.elapsed());
    assert!(answer.header("retry-after").is_some());
    assert_eq!(server.get(path, &[]).status, 502, "{fault:?}");
    let kept = format!("copy{path}");
    assert!(!upstream.is_kept(&kept), "{fault:?}");
    let told = upstream.told("refused: what is here") + upstream.told("upstream does not answer");
    assert_eq!(told, 1, "{fault:?}: {}", upstream.log());
    let failed = counter(&server, "pull_through_answers", "failed");
    assert!(failed >= 2, "{fault:?}: {failed}");
    upstream.fail("/", Fault::None);
    until("it is fetched", || server.get(path, &[]).status == 200);
    upstream.is_served(&server, path);
}

#[test]
fn a_tampered_tarball_is_never_served() {
    is_never_served("/tarballs/", "/tarballs/greeting-1.0.0.tar", &Fault::Flip(700));
}

#[test]
fn a_package_of_another_key_is_never_served() {
    let other = TestRepository::new().samples().key("acme-4096.pem");
    other.build(&[]).ok();
    let signed = Fault::Replace(other.read("public/packages/greeting"));
    is_never_served("/packages/", "/packages/greeting", &signed);
}

/// The key is right: it signs the files of other repositories, and of other packages.
#[test]
fn a_package_of_another_repository_or_another_name_is_never_served() {
    let other = TestRepository::new().samples();
    let build = ["build", "public", "--name=other", "--private-key=key.pem"];
    other.hexreg().run(build).ok();
    for signed in
        [other.read("public/packages/greeting"), Upstream::samples().file("/packages/welcome")]
    {
        is_never_served("/packages/", "/packages/greeting", &Fault::Replace(signed));
    }
}

#[test]
fn a_damaged_package_is_never_served() {
    is_never_served("/packages/", "/packages/greeting", &Fault::Flip(40));
}

#[test]
fn a_truncated_tarball_is_never_served() {
    is_never_served("/tarballs/", "/tarballs/greeting-1.0.0.tar", &Fault::Truncate(900));
}

#[test]
fn a_page_in_place_of_a_package_is_never_served() {
    let page = b"<!doctype html><html><body>Log in</body></html>".to_vec();
    is_never_served("/packages/", "/packages/greeting", &Fault::Replace(page));
}

#[test]
fn a_page_in_place_of_documentation_is_never_kept() {
    let upstream = Upstream::samples();
    let page = b"<!doctype html><html><body>Log in</body></html>".to_vec();
    upstream.fail("/docs/", Fault::Replace(page));
    let server = upstream.pulled_into("copy", &[]);
    assert_eq!(server.get("/docs/greeting-1.0.0.tar.gz", &[]).status, 502);
    assert!(!upstream.is_kept("copy/docs/greeting-1.0.0.tar.gz"));
}

#[test]
fn redirects_in_a_circle_are_never_served() {
    let circle = Fault::Status(302, vec!["location: /tarballs/greeting-1.0.0.tar".to_owned()]);
    is_never_served("/tarballs/", "/tarballs/greeting-1.0.0.tar", &circle);
}

#[test]
fn an_upstream_that_is_busy_is_an_upstream_that_is_down() {
    let busy = Fault::Status(429, vec!["retry-after: 30".to_owned()]);
    is_never_served("/packages/", "/packages/greeting", &busy);
}

#[test]
fn a_body_without_an_end_is_never_served() {
    is_never_served("/packages/", "/packages/greeting", &Fault::Endless);
}

#[test]
fn a_file_that_comes_byte_by_byte_holds_nobody_else_up() {
    let upstream = Upstream::samples();
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/packages/greeting");
    upstream.fail("/tarballs/", Fault::Drip(Duration::from_millis(500)));
    let mut stream = server.connect();
    write!(stream, "GET /tarballs/greeting-1.0.0.tar HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    until("it drips", || upstream.unruly.count("/tarballs/") > 0);
    let began = Instant::now();
    upstream.is_served(&server, "/packages/greeting");
    upstream.is_served(&server, "/packages/welcome");
    // The drip takes an hour, and a client is told after twelve seconds that a file is still being fetched.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(!upstream.is_kept("copy/tarballs/greeting-1.0.0.tar"));
}

/// What was served stays, whatever upstream sends in its place.
#[test]
fn a_package_that_lost_a_release_is_held_back_until_it_is_accepted() {
    let repository = TestRepository::new().release("foo", "1.0.0").release("foo", "1.1.0");
    let upstream = Upstream::of(repository);
    upstream.unruly.say(NO_AGE);
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/packages/foo");
    let before = upstream.file("/packages/foo");
    upstream.repository.remove_tarball("foo-1.1.0.tar");
    upstream.repository.build(&[]).ok();
    let after = upstream.file("/packages/foo");
    assert!(before != after, "upstream has the same still");
    for _ in 0..3 {
        let answer = server.get("/packages/foo", &[]);
        assert_eq!(answer.status, 200);
        assert!(answer.body == before, "a rolled-back package was served");
        assert!(answer.expect("cache-status").contains("hit; ttl=-"));
    }
    // It is not told again each time that upstream is asked.
    let asked = upstream.unruly.count("/packages/foo");
    until("upstream is asked again", || {
        assert!(server.get("/packages/foo", &[]).body == before);
        upstream.unruly.count("/packages/foo") > asked
    });
    assert!(server.get("/packages/foo", &[]).body == before);
    assert_eq!(upstream.told("no longer has 1.1.0"), 1, "{}", upstream.log());
    assert!(server.get("/", &[]).text().contains("no longer has 1.1.0"));
    drop(server);
    let server = upstream.pulled_into("copy", &["--accept=foo"]);
    assert!(server.get("/packages/foo", &[]).body == after);
}

#[test]
fn an_older_index_is_refused() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.set_mtime("foo-1.0.0.tar", 1_700_000_000);
    let upstream = Upstream::of(repository);
    upstream.unruly.say(NO_AGE);
    let old = upstream.file("/names");
    upstream.publish("bar", "1.0.0");
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/names");
    upstream.fail("/names", Fault::Replace(old));
    upstream.is_served(&server, "/names");
    until("it is told", || upstream.told("an older `names`") > 0);
    for _ in 0..3 {
        upstream.is_served(&server, "/names");
    }
    assert_eq!(upstream.told("an older `names`"), 1, "{}", upstream.log());
}

/// An older index lacks releases that upstream has.
#[test]
fn an_older_versions_is_refused() {
    let upstream = Upstream::of(TestRepository::new().release("foo", "1.0.0"));
    upstream.unruly.say(NO_AGE);
    let old = upstream.file("/versions");
    upstream.publish("foo", "1.1.0");
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/versions");
    upstream.fail("/versions", Fault::Replace(old));
    // At first a client may be given what another request has fetched a moment ago.
    until("it is told", || {
        upstream.is_served(&server, "/versions");
        upstream.told("it lacks foo 1.1.0") > 0
    });
    for _ in 0..3 {
        upstream.is_served(&server, "/versions");
    }
    assert_eq!(upstream.told("it lacks foo 1.1.0"), 1, "{}", upstream.log());
}

/// All files of an older upstream lack them.
#[test]
fn an_upstream_that_is_rolled_back_as_a_whole_is_refused() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.set_mtime("foo-1.0.0.tar", 1_700_000_000);
    let upstream = Upstream::of(repository);
    upstream.unruly.say(NO_AGE);
    let paths = ["/names", "/versions", "/packages/foo"];
    let old = paths.map(|path| upstream.file(path));
    upstream.publish("foo", "1.1.0");
    let server = upstream.pulled_into("copy", &[]);
    let new = paths.map(|path| upstream.file(path));
    for (path, old) in paths.into_iter().zip(old) {
        upstream.is_served(&server, path);
        upstream.repository.write(&format!("public{path}"), &old);
    }
    for (path, new) in paths.into_iter().zip(&new).cycle().take(9) {
        assert!(server.get(path, &[]).body == *new, "{path}: {}", upstream.log());
    }
    for error in ["an older `names`", "upstream no longer has 1.1.0"] {
        assert_eq!(upstream.told(error), 1, "{}", upstream.log());
    }
}

/// A newer index lacks them too if upstream has removed them, whatever is held back of the package.
#[test]
fn versions_follow_an_upstream_that_removes_a_release() {
    let repository = TestRepository::new().release("foo", "1.0.0").release("foo", "1.1.0");
    let upstream = Upstream::of(repository);
    upstream.unruly.say(NO_AGE);
    let server = upstream.pulled_into("copy", &[]);
    upstream.is_served(&server, "/versions");
    upstream.is_served(&server, "/packages/foo");
    upstream.repository.remove_tarball("foo-1.1.0.tar");
    upstream.repository.build(&[]).ok();
    upstream.is_served(&server, "/versions");
    assert_eq!(upstream.told("older `versions`"), 0, "{}", upstream.log());
}

/// A network that shows a login page in place of every file: the log does not name each of them.
#[test]
fn a_login_page_in_place_of_everything_is_an_upstream_that_is_refused() {
    let mut repository = TestRepository::new();
    for number in 0..30 {
        repository = repository.release(&format!("p{number}"), "1.0.0");
    }
    let upstream = Upstream::of(repository);
    let page = b"<!doctype html><html><body>Log in</body></html>".to_vec();
    upstream.fail("/", Fault::Replace(page));
    let server = upstream.pulled_into("copy", &[]);
    for number in 0..30 {
        assert_eq!(server.get(&format!("/packages/p{number}"), &[]).status, 502);
    }
    assert_eq!(upstream.told("refused: what is here"), 1, "{}", upstream.log());
    assert_eq!(upstream.told("all that upstream sends is refused"), 1, "{}", upstream.log());
    let health = server.get("/healthz?verbose", &[]);
    assert_eq!(health.status, 200, "what is here is served");
    assert!(health.text().contains("upstream: what it sends is refused"), "{}", health.text());
    assert!(server.metrics().contains("upstream_reachable{repository=\"/\"} 0"));
    // Clients can be configured before the first file is here.
    let page = server.get("/", &[]);
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(text.contains("all that upstream sends has been refused since 2"), "{text}");
    assert!(text.contains("mix hex.repo add acme") && text.contains("SHA256:"), "{text}");
    assert!(!text.contains("hexreg build") && !text.contains("0 packages"), "{text}");

    upstream.fail("/", Fault::None);
    until("it is fetched", || server.get("/packages/p0", &[]).status == 200);
    assert!(server.get("/healthz?verbose", &[]).text().contains("upstream: answers"));
    assert!(server.metrics().contains("upstream_reachable{repository=\"/\"} 1"));
    assert_eq!(upstream.told("not refused"), 1, "{}", upstream.log());
}

/// What is wrong with one file says nothing of others.
#[test]
fn one_faulty_file_holds_no_other_up() {
    for fault in [
        Fault::Status(500, Vec::new()),
        Fault::Status(302, vec!["location: /packages/greeting".to_owned()]),
        Fault::Hang,
    ] {
        let upstream = Upstream::samples();
        upstream.unruly.say(NO_AGE);
        let server = upstream.pulled_into("copy", &[]);
        upstream.is_served(&server, "/packages/greeting");
        upstream.fail("/packages/greeting", fault.clone());
        upstream.is_served(&server, "/packages/greeting");
        // It was not here.
        upstream.is_served(&server, "/tarballs/welcome-0.1.0.tar");
        assert!(server.metrics().contains("upstream_reachable{repository=\"/\"} 1"), "{fault:?}");
    }
}
