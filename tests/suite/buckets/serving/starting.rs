//! Servers that start while storage is away, or refuses them.

use std::thread;
use std::time::{Duration, Instant};

use super::table::copied;
use crate::buckets::PREFIX;
use crate::support::detour::{Detour, Way};
use crate::support::hexreg::Ran;
use crate::support::seaweedfs::SeaweedFs;
use crate::support::server::{Answer, Port};
use crate::support::tarball::Tarball;

/// Longer than a request to storage that is away is tried again, and the pause until the next one.
const LATER: Duration = Duration::from_secs(20);

/// Every pod that is restarted during an outage would otherwise end again and again.
#[test]
fn with_a_key_it_starts_while_storage_is_away_and_publishes_later() {
    let test = "with_a_key_it_starts_while_storage_is_away_and_publishes_later";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let writer = copied(seaweedfs.bucket("registry"));
    let token = writer.token("ci", &["--can=publish"]);
    let detour = Detour::before(writer.bucket.address());
    detour.go(Way::Close);
    let near = "[[repository]]\nname = \"near\"\nat = \"public\"\nanonymous = true\n";
    let bucket = writer.bucket.clone().behind(detour.address());
    let server = writer.serve(&bucket, &["auth-file = \"readers\"", near]);
    assert!(server.said.contains("whose files cannot be read now: could not"), "{}", server.said);
    assert!(writer.log().contains("clients can publish once it answers"), "{}", writer.log());

    // What is elsewhere is served, and a balancer can tell.
    assert_eq!(server.get("/repos/near/names", &[]).status, 200);
    let health = |query: &str| server.get(&format!("/healthz{query}"), &[]);
    let began = Instant::now();
    assert_eq!(health("?repository=near").status, 200);
    assert_eq!(health("?verbose&repository=near").text(), "near: available\n");
    assert_eq!(health("?repository=none").status, 404);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(health("?repository=/").status, 503);
    assert_eq!(health("").status, 503);
    let report = health("?verbose");
    let lines = "near: available\n/: not available\n";
    assert_eq!((report.status, report.text().as_str()), (503, lines));

    let publish = || -> Answer {
        let tarball = Tarball::new("made", "1.0.0").build();
        let headers = [token.as_str(), "Accept: application/json"];
        let headers = [&headers[..], &["Content-Type: application/octet-stream"]].concat();
        let path = "/api/packages/made/releases?replace=false";
        Port::at(server.address).post(path, &headers, &tarball).unwrap()
    };
    let refused = publish();
    // rebar3 takes 503 for success.
    assert_eq!(refused.status, 500, "{}", refused.text());
    assert!(
        refused.text().contains("storage of the registry cannot be read"),
        "{}",
        refused.text()
    );

    // All who wait for a page share one question.
    if cfg!(feature = "web") {
        let began = Instant::now();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| server.get("/", &[&token]).status);
            }
        });
        assert!(began.elapsed() < LATER, "{:?}", began.elapsed());
    }

    detour.go(Way::Pass);
    let began = Instant::now();
    while publish().status != 201 {
        assert!(began.elapsed() < 3 * LATER, "{}", writer.log());
        thread::sleep(Duration::from_millis(200));
    }
    let line = "storage answers: clients can publish location=\"s3://registry/hex\"";
    assert!(writer.log().contains(line), "{}", writer.log());
    assert_eq!(health("").status, 200);
}

/// An answer that is definite ends it, with what to do about that answer.
#[test]
fn what_storage_refuses_or_has_not_is_told_at_the_start() {
    let test = "what_storage_refuses_or_has_not_is_told_at_the_start";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let writer = copied(seaweedfs.bucket("registry"));
    let detour = Detour::before(writer.bucket.address());
    let start = |prefix: &str, key: &str| -> Ran {
        let bucket = writer.bucket.clone().behind(detour.address());
        let config = format!(
            "listen = \"127.0.0.1:0\"\n[[repository]]\nroot = true\nat = \"{}\"\nendpoint = \"{}\"\n\
             private-key = \"{key}\"\n",
            bucket.url(prefix),
            bucket.endpoint(),
        );
        writer.repository.write("refused.toml", config.as_bytes());
        let hexreg = bucket.known_to(writer.repository.hexreg());
        hexreg.run(["serve", "--config=refused.toml"])
    };
    detour.go(Way::Status(403));
    let ran = start(PREFIX, "key.pem");
    let location = format!("{}/public_key", writer.bucket.url(PREFIX));
    assert_eq!((ran.code, ran.stderr.matches(&location).count()), (2, 1), "{}", ran.stderr);
    let said = format!("failed to serve: could not read {location}: 127.0.0.1:");
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: give this user, or the credentials"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("verify"), "{}", ran.stderr);

    detour.go(Way::Pass);
    let ran = start("elsewhere", "key.pem");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("has no registry to publish to"), "{}", ran.stderr);
    writer.repository.hexreg().run(["key", "new", "another.pem"]).ok();
    let ran = start(PREFIX, "another.pem");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("the private key does not belong to"), "{}", ran.stderr);
}
