//! A mirror in a bucket.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::directory::{LONG_AGO, published};
use super::{Upstream, health, runs, until};
use crate::support::bucket::Bucket;
use crate::support::detour::{Detour, Way};
use crate::support::repository::TestRepository;
use crate::support::seaweedfs::SeaweedFs;
use crate::support::server::Server;
use crate::support::unruly::Fault;

/// With this interval, a lease is taken over after 5 s.
const ALL: &str = "every = \"1s\", all = true";

impl Upstream {
    fn configure_bucket(&self, file: &str, bucket: &Bucket, mirror: &str, lines: &[&str]) {
        let endpoint = format!("endpoint = \"{}\"", bucket.endpoint());
        self.configure(file, &bucket.url("hex"), mirror, &[&[&*endpoint], lines].concat());
    }

    fn serve_bucket(&self, file: &str, bucket: &Bucket) -> Server {
        self.serve_as(bucket.known_to(self.repository.hexreg()), file)
    }
}

#[test]
fn of_two_servers_one_mirrors_and_the_other_takes_over() {
    let test = "of_two_servers_one_mirrors_and_the_other_takes_over";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let bucket = seaweedfs.bucket("registry");
    let upstream = Upstream::samples();
    for file in ["one.toml", "two.toml"] {
        upstream.configure_bucket(file, &bucket, ALL, &[]);
    }
    let mut one = upstream.serve_bucket("one.toml", &bucket);
    until("mirrored", || upstream.has(&one, "names"));
    until("said so", || health(&one).contains("; mirror: up to date "));
    let made = fs::metadata(upstream.repository.path("cache-one.toml/mirrors/acme")).unwrap();
    assert_eq!(made.mode() & 0o777, 0o700, "others read what may be private");
    // It is in the middle of a run now, for a minute.
    upstream.fail("/tarballs/new", Fault::Stall);
    upstream.publish("new", "1.0.0");
    until("it mirrors", || upstream.unruly.count("/tarballs/new") > 0);
    let two = upstream.serve_bucket("two.toml", &bucket);
    let asked = upstream.unruly.asked().len();
    until("the other one knows", || health(&two).contains("; running"));
    thread::sleep(Duration::from_secs(8));
    assert_eq!(upstream.unruly.asked().len(), asked, "both mirror: {}", upstream.log());
    assert!(health(&two).contains("; running"), "{}", health(&two));
    assert!(upstream.has(&two, "tarballs/welcome-0.1.0.tar"));
    one.kill();
    upstream.fail("/", Fault::None);
    until("the other one mirrors", || upstream.has(&two, "tarballs/new-1.0.0.tar"));
    until("the index", || upstream.has(&two, "versions"));
    assert_eq!(runs(&two, "failed"), 0, "{}", upstream.log());
}

#[test]
fn a_new_server_holds_back_what_the_bucket_has() {
    let test = "a_new_server_holds_back_what_the_bucket_has";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let bucket = seaweedfs.bucket("registry");
    let old = TestRepository::new().release("foo", "1.0.0").release("foo", "1.1.0");
    let old = old.release("gone", "1.0.0").release("bar", "1.0.0").release("bar", "1.1.0");
    let upstream = Upstream::of(old.release("young", "1.0.0").release("young", "1.1.0"));
    for package in ["foo", "gone", "bar"] {
        published(&upstream.repository, package, LONG_AGO);
    }
    published(&upstream.repository, "young", 60);
    upstream.configure_bucket("one.toml", &bucket, ALL, &[]);
    let mut one = upstream.serve_bucket("one.toml", &bucket);
    until("mirrored", || runs(&one, "done") > 0);
    one.kill();
    let before =
        ["foo", "gone", "bar"].map(|name| bucket.get(&format!("hex/packages/{name}")).body);
    for tarball in ["foo-1.0.0.tar", "gone-1.0.0.tar", "bar-1.0.0.tar", "young-1.0.0.tar"] {
        upstream.repository.remove_tarball(tarball);
    }
    upstream.publish("new", "1.0.0");

    // It has mirrored nothing so far, and accepts what one package lost.
    upstream.configure_bucket("two.toml", &bucket, ALL, &["accept = [\"bar\"]"]);
    let two = upstream.serve_bucket("two.toml", &bucket);
    until("the new release", || upstream.has(&two, "tarballs/new-1.0.0.tar"));
    until("held back", || runs(&two, "held_back") > 1);
    for (name, before) in ["foo", "gone"].iter().zip(before) {
        assert_eq!(bucket.get(&format!("hex/packages/{name}")).body, before, "{name}");
        let tarball = format!("hex/tarballs/{name}-1.0.0.tar");
        assert_eq!(bucket.get(&tarball).status, 200, "{name}");
    }
    // What was accepted, and what upstream may take back, is as upstream has it.
    for name in ["bar", "young"] {
        until(name, || upstream.has(&two, &format!("packages/{name}")));
    }
    assert_eq!(runs(&two, "failed"), 0, "{}", upstream.log());
    let page = two.get("/", &[]).text();
    assert!(page.contains("packages/foo") && page.contains("1 more"), "{page}");
    drop(two);
    upstream.configure_bucket("two.toml", &bucket, ALL, &["accept = [\"foo\", \"gone\"]"]);
    let two = upstream.serve_bucket("two.toml", &bucket);
    until("accepted", || upstream.has(&two, "packages/foo"));
    until("removed", || bucket.get("hex/packages/gone").status == 404);
    until("done", || runs(&two, "done") > 0);
}

/// Another server may have mirrored since: this one's directory is older than the bucket.
#[test]
fn servers_mirror_in_turns() {
    let Some(seaweedfs) = SeaweedFs::start("servers_mirror_in_turns") else { return };
    let bucket = seaweedfs.bucket("registry");
    let upstream = Upstream::samples();
    let only = "every = \"1s\", only = [\"greeting\", \"new\"]";
    for file in ["one.toml", "two.toml"] {
        upstream.configure_bucket(file, &bucket, only, &[]);
    }
    upstream.publish("new", "1.0.0");
    for (number, file) in ["one.toml", "two.toml", "one.toml", "two.toml"].iter().enumerate() {
        let version = format!("1.{number}.0");
        upstream.publish("new", &version);
        // It is not mirrored, and the index of a mirror of some packages names it.
        upstream.publish("other", &version);
        let server = upstream.serve_bucket(file, &bucket);
        let tarball = format!("tarballs/new-{version}.tar");
        until(&tarball, || upstream.has(&server, &tarball));
        until("the index", || upstream.has(&server, "versions"));
        until("done", || runs(&server, "done") > 0);
        assert_eq!(runs(&server, "failed"), 0, "{}", upstream.log());
        server.signal("-TERM");
        assert_eq!(server.ended(), 0);
    }
    let files = bucket.files("hex");
    assert!(!files.contains_key("packages/other") && !files.contains_key("packages/welcome"));
}

#[test]
fn a_run_for_a_bucket_ends_when_its_mirror_changes() {
    let test = "a_run_for_a_bucket_ends_when_its_mirror_changes";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let bucket = seaweedfs.bucket("registry");
    let upstream = Upstream::samples();
    upstream.configure_bucket("one.toml", &bucket, ALL, &[]);
    let server = upstream.serve_bucket("one.toml", &bucket);
    until("mirrored", || runs(&server, "done") > 0);
    upstream.fail("/tarballs/new", Fault::Drip(Duration::from_millis(300)));
    upstream.publish("new", "1.0.0");
    until("it mirrors", || upstream.unruly.count("/tarballs/new") > 0);
    upstream.fail("/", Fault::None);
    // The lease is given back, so that the new schedule need not wait for its end.
    upstream.configure_bucket("one.toml", &bucket, "every = \"2s\", all = true", &[]);
    until("the new schedule", || upstream.has(&server, "tarballs/new-1.0.0.tar"));
    assert_eq!(upstream.told("mirror's run was ended"), 1, "{}", upstream.log());
    assert_eq!(runs(&server, "failed"), 0, "{}", upstream.log());
}

/// Each of them pushes from the same directory, into a bucket of its own.
#[test]
fn servers_share_a_cache_directory() {
    let Some(seaweedfs) = SeaweedFs::start("servers_share_a_cache_directory") else { return };
    let buckets = ["first", "second"].map(|name| seaweedfs.bucket(name));
    let upstream = Upstream::samples();
    let path = upstream.repository.path("cache");
    let cache = format!("cache-dir = \"{}\"\n", path.display());
    let serve = |number: usize| {
        let file = format!("{number}.toml");
        upstream.configure_bucket(&file, &buckets[number], ALL, &[]);
        let text = upstream.repository.read(&file);
        upstream.repository.write(&file, &[cache.as_bytes(), &text].concat());
        let hexreg = buckets[number].known_to(upstream.repository.hexreg());
        Server::configured(hexreg, upstream.repository.root(), &file)
    };
    // Another process has it.
    std::fs::create_dir_all(path.join("mirrors")).unwrap();
    let held = fs::File::create(path.join("mirrors/acme@lock")).unwrap();
    rustix::fs::flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
    let servers = [serve(0), serve(1)];
    thread::sleep(Duration::from_secs(4));
    assert!(buckets.iter().all(|bucket| bucket.get("hex/names").status == 404));
    drop(held);
    for round in 0..3 {
        upstream.publish("new", &format!("1.{round}.0"));
        for server in &servers {
            let tarball = format!("tarballs/new-1.{round}.0.tar");
            until(&tarball, || upstream.has(server, &tarball) && upstream.has(server, "versions"));
        }
    }
    for server in &servers {
        assert_eq!(runs(server, "failed"), 0, "{}", upstream.log());
    }
}

#[test]
fn another_registry_is_left_alone() {
    let Some(seaweedfs) = SeaweedFs::start("another_registry_is_left_alone") else { return };
    let bucket = seaweedfs.bucket("registry");
    let other = TestRepository::new().samples().key("acme-4096.pem");
    other.build(&[]).ok();
    let (url, endpoint) = (bucket.url("hex"), bucket.endpoint());
    let push = ["push", "public", &url, "--endpoint", &endpoint];
    bucket.known_to(other.hexreg()).run(push).ok();
    let before = bucket.files("hex");
    let upstream = Upstream::samples();
    upstream.configure_bucket("one.toml", &bucket, ALL, &[]);
    let server = upstream.serve_bucket("one.toml", &bucket);
    until("refused", || runs(&server, "failed") > 0);
    assert!(upstream.log().contains("belongs to another repository"), "{}", upstream.log());
    let mut after = bucket.files("hex");
    after.remove(".hexreg-mirror/lease");
    assert_eq!(after, before);
}

const HOURLY: &str = "every = \"1h\", all = true";

/// The first run begins within ten seconds, and a lease is silent for a minute before it is taken over.
#[test]
fn a_server_that_ends_gives_the_lease_back() {
    let Some(seaweedfs) = SeaweedFs::start("a_server_that_ends_gives_the_lease_back") else {
        return;
    };
    let bucket = seaweedfs.bucket("registry");
    let upstream = Upstream::samples();
    upstream.fail("/tarballs/welcome", Fault::Drip(Duration::from_millis(300)));
    upstream.configure_bucket("one.toml", &bucket, HOURLY, &[]);
    let one = upstream.serve_bucket("one.toml", &bucket);
    until("it mirrors", || upstream.unruly.count("/tarballs/welcome") > 0);
    one.signal("-TERM");
    assert_eq!(one.ended(), 0);
    let lease = bucket.get("hex/.hexreg-mirror/lease").text();
    assert!(lease.contains("\"is_held\":false"), "{lease}");
    assert_eq!(upstream.told("or the server ends"), 1, "{}", upstream.log());
    upstream.fail("/", Fault::None);
    let two = upstream.serve_bucket("one.toml", &bucket);
    until("the next one mirrors", || runs(&two, "done") > 0);
    assert!(upstream.has(&two, "names"));
}

#[test]
fn a_changed_schedule_does_not_wait_for_the_next_interval() {
    let test = "a_changed_schedule_does_not_wait_for_the_next_interval";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let bucket = seaweedfs.bucket("registry");
    let upstream = Upstream::samples();
    let only = "every = \"1h\", only = [\"greeting\"]";
    upstream.configure_bucket("one.toml", &bucket, only, &["upstream-auth = \"${SECRET}\""]);
    let serve = || {
        let hexreg = bucket.known_to(upstream.repository.hexreg()).env("SECRET", "a-secret");
        upstream.serve_as(hexreg, "one.toml")
    };
    let server = serve();
    until("mirrored", || runs(&server, "done") > 0);
    assert!(!upstream.has(&server, "packages/welcome"));
    upstream.configure_bucket("one.toml", &bucket, HOURLY, &["upstream-auth = \"${SECRET}\""]);
    until("the new schedule", || upstream.has(&server, "packages/welcome"));
    until("it is done", || runs(&server, "done") == 2);
    let lease = bucket.get("hex/.hexreg-mirror/lease").text();
    assert!(!lease.contains("secret") && !lease.contains("http"), "{lease}");
    // The same is not due again, and the age of the mirror is known at once.
    server.signal("-TERM");
    assert_eq!(server.ended(), 0);
    let asked = upstream.unruly.asked().len();
    let server = serve();
    until("known", || health(&server).contains("; mirror: up to date "));
    thread::sleep(Duration::from_secs(11));
    assert_eq!(upstream.unruly.asked().len(), asked);
}

/// A process that is stopped, as a machine that sleeps is, does not know that it has lost the lease.
#[test]
fn a_server_that_was_stopped_in_the_middle_of_a_push_undoes_nothing() {
    let test = "a_server_that_was_stopped_in_the_middle_of_a_push_undoes_nothing";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let bucket = seaweedfs.bucket("registry");
    let many = (0..200).map(|patch| format!("1.0.{patch}"));
    let upstream = Upstream::of(
        many.fold(TestRepository::new(), |made, version| made.release("many", &version)),
    );
    let detour = Detour::before(bucket.address());
    // However late the signal comes, it has written no more than these.
    detour.go(Way::First("PUT /registry/hex/tarballs/", 75));
    let slow = bucket.clone().behind(detour.address());
    upstream.configure_bucket("one.toml", &slow, ALL, &[]);
    upstream.configure_bucket("two.toml", &bucket, ALL, &[]);
    let one = upstream.serve_bucket("one.toml", &slow);
    // It has several requests under way.
    let written = || bucket.list().keys().filter(|key| key.starts_with("hex/tarballs/")).count();
    until("it pushes", || written() > 70);
    one.signal("-STOP");
    detour.go(Way::Delay(Duration::from_millis(100)));
    thread::sleep(Duration::from_millis(500));
    assert!(written() < 200, "it was stopped too late");
    upstream.publish("new", "1.0.0");
    let two = upstream.serve_bucket("two.toml", &bucket);
    until("the other one mirrors", || runs(&two, "done") > 0);
    // From now on, neither mirrors anything.
    upstream.fail("/", Fault::Drop);
    until("it fails", || runs(&two, "failed") > 0);
    let files = || {
        let mut files = bucket.files("hex");
        files.remove(".hexreg-mirror/lease");
        files
    };
    let before = files();
    assert!(before.contains_key("packages/new"));
    one.signal("-CONT");
    until("it notices", || upstream.told("another server has taken over") > 0);
    thread::sleep(Duration::from_secs(3));
    assert!(files() == before, "it has changed what the other one wrote");
    assert!(upstream.has(&two, "versions"));
}
