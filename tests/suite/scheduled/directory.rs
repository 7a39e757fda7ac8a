//! A mirror in a directory.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hexreg::package::UnixSeconds;

use super::{Upstream, health, runs, until};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::signed::{self, edit};
use crate::support::tarball::Tarball;
use crate::support::unruly::Fault;

pub const ALL: &str = "every = \"1s\", all = true";

/// What clients read, byte for byte.
fn served(server: &Server) -> Vec<Vec<u8>> {
    let paths = ["names", "versions", "packages/greeting", "packages/welcome"];
    let tarballs = ["greeting-1.0.0", "greeting-1.1.0", "welcome-0.1.0"];
    let tarballs = tarballs.map(|name| format!("tarballs/{name}.tar"));
    let paths = paths.iter().map(|path| (*path).to_owned()).chain(tarballs);
    let read = paths.map(|path| {
        let answer = server.get(&format!("/{path}"), &[]);
        assert_eq!(answer.status, 200, "{path}");
        answer.body
    });
    read.collect()
}

#[test]
fn a_mirror_follows_its_upstream_and_remembers_that_it_did() {
    let upstream = Upstream::samples();
    upstream.configure("hexreg.toml", "copy", ALL, &[]);
    let server = upstream.serve("hexreg.toml");
    until("mirrored", || upstream.has(&server, "names"));
    until("said so", || health(&server).contains("acme: available; mirror: up to date "));
    upstream.publish("new", "1.0.0");
    until("the new release", || upstream.has(&server, "tarballs/new-1.0.0.tar"));
    until("the new index", || upstream.has(&server, "versions"));
    assert!(runs(&server, "done") > 0);
    assert!(server.get("/", &[]).text().contains("as upstream had it at"));
    let metrics = server.metrics();
    assert!(
        metrics.contains("mirror_succeeded_timestamp_seconds{repository=\"acme\"}"),
        "{metrics}"
    );
    // Runs without a change are not told.
    let runs_so_far = runs(&server, "done");
    until("more runs", || runs(&server, "done") > runs_so_far + 2);
    assert!(upstream.told("mirrored") <= 3, "{}", upstream.log());
    // A run asks for the two indexes, and no more.
    let asked = upstream.unruly.asked().into_iter().rev().take(2).map(|asked| asked.path);
    let mut asked: Vec<_> = asked.collect();
    asked.sort();
    assert_eq!(asked, ["/names", "/versions"]);
    drop(server);
    upstream.fail("/", Fault::Drop);
    let server = upstream.serve("hexreg.toml");
    // What the former server knew is read in the background.
    until("said so again", || health(&server).contains("; mirror: up to date "));
}

/// The upstream is bad from now on, until it is good again. All that was served is served meanwhile.
fn recovers(prefix: &str, fault: &Fault) {
    let upstream = Upstream::samples();
    upstream.configure("hexreg.toml", "copy", ALL, &[]);
    let server = upstream.serve("hexreg.toml");
    until("mirrored", || runs(&server, "done") > 0);
    let before = served(&server);
    upstream.fail(prefix, fault.clone());
    upstream.publish("new", "1.0.0");
    until("a failed run", || runs(&server, "failed") > 0);
    until("said so", || health(&server).contains("; the last run left something out"));
    let page = server.get("/", &[]).text();
    assert!(page.contains(prefix.trim_start_matches('/')), "{fault:?}: {page}");
    assert_eq!(served(&server), before, "{fault:?}");
    assert_eq!(server.get("/tarballs/new-1.0.0.tar", &[]).status, 404, "{fault:?}");
    // The same error again is not told again.
    let failed = runs(&server, "failed");
    until("the same again", || runs(&server, "failed") > failed);
    assert_eq!(upstream.told("not mirrored"), 1, "{fault:?}: {}", upstream.log());
    upstream.fail("/", Fault::None);
    until("recovered", || upstream.has(&server, "versions"));
    until("said so", || !health(&server).contains("left something out"));
    assert!(upstream.has(&server, "tarballs/new-1.0.0.tar"));
}

#[test]
fn what_works_is_left_as_it_was_where_upstream_is_down() {
    recovers("/names", &Fault::Drop);
}

#[test]
fn what_works_is_left_as_it_was_where_upstream_answers_with_a_page() {
    let page = b"<!doctype html><html><body>Log in</body></html>".to_vec();
    recovers("/names", &Fault::Replace(page));
}

#[test]
fn what_works_is_left_as_it_was_where_upstream_is_out_of_order() {
    recovers("/versions", &Fault::Status(500, Vec::new()));
}

#[test]
fn what_works_is_left_as_it_was_where_a_tarball_was_tampered_with() {
    recovers("/tarballs/new", &Fault::Flip(700));
}

#[test]
fn what_works_is_left_as_it_was_where_another_key_signed() {
    let other = TestRepository::new().samples().key("acme-4096.pem");
    other.build(&[]).ok();
    recovers("/names", &Fault::Replace(other.read("public/names")));
}

/// A body that comes byte by byte holds up its run, and nothing else.
#[test]
fn an_upstream_that_drips_holds_nobody_up() {
    let upstream = Upstream::samples();
    upstream.configure("hexreg.toml", "copy", ALL, &[]);
    let server = upstream.serve("hexreg.toml");
    until("mirrored", || runs(&server, "done") > 0);
    let before = served(&server);
    upstream.fail("/tarballs/new", Fault::Drip(Duration::from_millis(300)));
    upstream.publish("new", "1.0.0");
    until("asked", || upstream.unruly.count("/tarballs/new") > 0);
    assert_eq!(served(&server), before);
    assert!(health(&server).contains("; running"), "{}", health(&server));
    server.signal("-TERM");
    assert_eq!(server.ended(), 0);
    let verified = upstream.repository.hexreg().run(["verify", "copy"]);
    assert_eq!(verified.code, 0, "{}", verified.transcript());
}

#[test]
fn an_old_index_is_refused() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.set_mtime("foo-1.0.0.tar", 1_700_000_000);
    let upstream = Upstream::of(repository);
    upstream.configure("hexreg.toml", "copy", ALL, &[]);
    let old = upstream.repository.read("public/names");
    let tarball = Tarball::new("foo", "1.1.0").build();
    upstream.repository.write_tarball("foo-1.1.0.tar", &tarball);
    upstream.repository.set_mtime("foo-1.1.0.tar", 1_700_000_060);
    upstream.repository.build(&[]).ok();
    let server = upstream.serve("hexreg.toml");
    until("mirrored", || runs(&server, "done") > 0);
    upstream.fail("/names", Fault::Replace(old));
    until("refused", || runs(&server, "failed") > 0);
    assert!(upstream.log().contains("sent an older `names`"), "{}", upstream.log());
    assert!(upstream.has(&server, "names"));
}

/// Older than what upstream may take back.
pub const LONG_AGO: i64 = 25 * 60 * 60;

/// Says how many seconds ago the releases of a package were published.
pub fn published(repository: &TestRepository, package: &str, seconds: i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let published_at = UnixSeconds(i64::try_from(now).unwrap() - seconds);
    let path = format!("public/packages/{package}");
    edit(repository, &path, &signed::key("acme-2048.pem"), |release| {
        release.remarks.published_at = Some(published_at.into());
    });
}

#[test]
fn a_release_that_upstream_lost_is_held_back_until_it_is_accepted() {
    let upstream = Upstream::of(
        TestRepository::new()
            .release("foo", "1.0.0")
            .release("foo", "1.1.0")
            .release("bar", "1.0.0"),
    );
    published(&upstream.repository, "foo", LONG_AGO);
    upstream.configure("hexreg.toml", "copy", ALL, &[]);
    let server = upstream.serve("hexreg.toml");
    until("mirrored", || runs(&server, "done") > 0);
    let before = server.get("/packages/foo", &[]).body;
    upstream.repository.remove_tarball("foo-1.0.0.tar");
    upstream.publish("bar", "1.1.0");
    until("the other package", || upstream.has(&server, "tarballs/bar-1.1.0.tar"));
    until("held back", || runs(&server, "held_back") > 1);
    assert_eq!(server.get("/packages/foo", &[]).body, before);
    assert_eq!(server.get("/tarballs/foo-1.0.0.tar", &[]).status, 200);
    let page = server.get("/", &[]).text();
    let held = "packages/foo: upstream no longer has 1.0.0: left as it was until it is accepted";
    assert!(page.contains(held), "{page}");
    assert_eq!(upstream.told("some was held back"), 1, "{}", upstream.log());
    // The file is read again.
    upstream.configure("hexreg.toml", "copy", ALL, &["accept = [\"foo\"]"]);
    until("accepted", || upstream.has(&server, "packages/foo"));
    until("said so", || !health(&server).contains("left something out"));
}

fn lock(name: &str, version: &str, repository: &TestRepository) -> String {
    let tarball = repository.read(&format!("public/tarballs/{name}-{version}.tar"));
    let outer = hexreg::checksum::OuterChecksum::of(&tarball);
    let limits = hexreg::tarball::Limits::HEX;
    let inner = hexreg::tarball::inner_checksum(&tarball, &limits).unwrap();
    format!(
        "%{{\n  \"{name}\": {{:hex, :{name}, \"{version}\", \"{inner}\", [:mix], [], \"acme\", \"{outer}\"}},\n}}\n"
    )
}

#[test]
fn lock_files_are_read_again_for_each_run() {
    let upstream = Upstream::of(
        TestRepository::new()
            .release("foo", "1.0.0")
            .release("bar", "1.0.0")
            .release("odd", "1.0.0"),
    );
    let write = |file: &str, name: &str| {
        upstream.repository.write(file, lock(name, "1.0.0", &upstream.repository).as_bytes());
    };
    write("locks/one.lock", "foo");
    let mirror = "every = \"1s\", locks = [\"locks/*.lock\"]";
    upstream.configure("hexreg.toml", "copy", mirror, &[]);
    let server = upstream.serve("hexreg.toml");
    until("the first", || upstream.has(&server, "tarballs/foo-1.0.0.tar"));
    assert_eq!(server.get("/tarballs/bar-1.0.0.tar", &[]).status, 404);
    write("locks/two.lock", "bar");
    until("the second", || upstream.has(&server, "tarballs/bar-1.0.0.tar"));
    upstream.repository.write("locks/three.lock", b"%{ \"broken");
    until("it is told", || upstream.log().contains("locks/three.lock"));
    until("failed", || runs(&server, "failed") > 0);
    assert!(upstream.has(&server, "tarballs/foo-1.0.0.tar"));
    write("locks/three.lock", "odd");
    until("mended", || upstream.has(&server, "tarballs/odd-1.0.0.tar"));
}

/// Only what the file says is a pattern.
#[test]
fn lock_files_are_found_in_a_folder_with_any_name() {
    let upstream = Upstream::samples();
    let pinned = lock("greeting", "1.0.0", &upstream.repository);
    upstream.repository.write("odd [x] *?/locks/mix.lock", pinned.as_bytes());
    upstream.repository.write("odd [x] *?/other.lock", b"%{}");
    for (pattern, runs_to_be) in [("locks/*.lock", 1), ("locks/mix.lock", 2)] {
        let mirror = format!("every = \"1s\", locks = [\"{pattern}\", \"[o]ther.lock\"]");
        upstream.configure("hexreg.toml", "copy", &mirror, &[]);
        let text = String::from_utf8(upstream.repository.read("hexreg.toml")).unwrap();
        let text = text.replace("\"public/", "\"../public/").replace("\"copy", "\"../copy");
        upstream.repository.write("odd [x] *?/hexreg.toml", text.as_bytes());
        let server = upstream.serve("odd [x] *?/hexreg.toml");
        until("mirrored", || runs(&server, "done") >= runs_to_be);
        assert!(upstream.has(&server, "tarballs/greeting-1.0.0.tar"), "{pattern}");
        assert_eq!(runs(&server, "failed"), 0, "{}", upstream.log());
    }
}

/// The options of a run were said by keys, and so they are named.
#[test]
fn errors_of_a_run_name_keys() {
    let upstream = Upstream::samples();
    upstream.repository.write("mix.lock", b"");
    let mirror = "every = \"1s\", locks = [\"mix.lock\"], prune = true";
    upstream.configure("hexreg.toml", "copy", mirror, &[]);
    let server = upstream.serve("hexreg.toml");
    until("it fails", || runs(&server, "failed") > 0);
    let log = upstream.log();
    assert!(log.contains("is empty, and `prune` would remove all that is mirrored"), "{log}");
}

#[test]
fn credentials_are_read_again_for_each_run() {
    let upstream = Upstream::samples();
    upstream.repository.write("token", b"first-secret\n");
    upstream.configure("hexreg.toml", "copy", ALL, &["upstream-auth = \"file:token\""]);
    let server = upstream.serve("hexreg.toml");
    let sent = |secret: &str| {
        let asked = upstream.unruly.asked();
        asked.iter().any(|asked| asked.head.contains(&format!("authorization: {secret}\r\n")))
    };
    until("the first", || sent("first-secret"));
    upstream.repository.write("token", b"second-secret\n");
    until("the second", || sent("second-secret"));
    assert!(!upstream.log().contains("secret"), "{}", upstream.log());
    drop(server);
}
