//! The configuration changes while mirrors run.

use std::io::Write;
use std::thread;
use std::time::Duration;

use super::directory::ALL;
use super::{Upstream, health, runs, until};
use crate::support::unruly::Fault;

#[test]
fn a_mirror_that_is_taken_out_of_the_configuration_ends() {
    let upstream = Upstream::samples();
    upstream.configure("hexreg.toml", "copy", ALL, &[]);
    let server = upstream.serve("hexreg.toml");
    until("mirrored", || runs(&server, "done") > 0);
    let config = "listen = \"127.0.0.1:0\"\nmetrics-listen = \"127.0.0.1:0\"\n\
                  [[repository]]\nname = \"acme\"\nroot = true\nat = \"copy\"\n";
    upstream.repository.write("hexreg.toml", config.as_bytes());
    until("it is no mirror any more", || !health(&server).contains("mirror"));
    // A run that was going on ends.
    upstream.rests();
    assert!(upstream.has(&server, "names"));
    // And begins again.
    upstream.configure("hexreg.toml", "copy", ALL, &[]);
    upstream.publish("new", "1.0.0");
    until("mirrored again", || upstream.has(&server, "versions"));
}

/// It does not end by itself: a run goes on for as long as upstream sends a byte now and then.
#[test]
fn a_run_ends_when_its_mirror_changes_or_goes() {
    let upstream = Upstream::samples();
    upstream.configure("hexreg.toml", "copy", ALL, &[]);
    let server = upstream.serve("hexreg.toml");
    until("mirrored", || runs(&server, "done") > 0);
    // It is in the middle of a run then.
    let drip = |version: &str| {
        upstream.fail("/tarballs/new", Fault::Drip(Duration::from_millis(300)));
        upstream.publish("new", version);
        let path = format!("/tarballs/new-{version}");
        until("asked", || upstream.unruly.count(&path) > 0);
        upstream.fail("/", Fault::None);
    };
    drip("1.0.0");
    let only = "every = \"1s\", only = [\"new\"]";
    upstream.configure("hexreg.toml", "copy", only, &[]);
    until("the new schedule", || upstream.has(&server, "tarballs/new-1.0.0.tar"));
    until("it is whole", || upstream.has(&server, "versions"));
    assert_eq!(upstream.told("mirror's run was ended"), 1, "{}", upstream.log());
    assert_eq!(runs(&server, "failed"), 0, "{}", upstream.log());

    drip("1.1.0");
    let config = "listen = \"127.0.0.1:0\"\nmetrics-listen = \"127.0.0.1:0\"\n\
                  [[repository]]\nname = \"acme\"\nroot = true\nat = \"copy\"\n";
    upstream.repository.write("hexreg.toml", config.as_bytes());
    until("it ends too", || upstream.told("mirror's run was ended") == 2);
    // What an alarm looks at goes with the mirror, in a moment.
    until("it is not shown", || !server.metrics().contains("repository=\"acme\""));
    assert_eq!(server.get("/tarballs/new-1.1.0.tar", &[]).status, 404);
    upstream.repository.hexreg().run(["verify", "copy", "--partial"]).ok();
}

/// A request keeps the configuration that it began with.
#[test]
fn a_mirror_ends_while_a_request_of_the_former_configuration_lasts() {
    let upstream = Upstream::samples();
    let hexreg = || upstream.repository.hexreg();
    std::fs::create_dir_all(upstream.repository.path("own/tarballs")).unwrap();
    hexreg().run(["build", "own", "--name=own", "--private-key=key.pem"]).ok();
    let added = hexreg().run(["auth", "add", "readers", "ci", "--can=publish"]).ok();
    let configure = |lines: &[&str]| {
        upstream.configure("hexreg.toml", "copy", ALL, lines);
        let text = String::from_utf8(upstream.repository.read("hexreg.toml")).unwrap();
        let text = format!(
            "auth-file = \"readers\"\n{text}[[repository]]\nname = \"own\"\nat = \"own\"\n\
             private-key = \"key.pem\"\n"
        );
        upstream.repository.write("hexreg.toml", text.as_bytes());
        text
    };
    let text = configure(&["anonymous = true"]);
    let server = upstream.serve("hexreg.toml");
    until("mirrored", || runs(&server, "done") > 0);
    let mut slow = server.connect();
    let head = format!(
        "POST /api/repos/own/publish HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: 100000\r\n\r\n",
        server.address,
        added.stdout.trim_end(),
    );
    slow.write_all(head.as_bytes()).unwrap();
    slow.write_all(&[b'x'; 1000]).unwrap();
    thread::sleep(Duration::from_millis(500));
    // Another selection, then none.
    let narrow = text.replace("all = true", "only = [\"greeting\"]");
    upstream.repository.write("hexreg.toml", narrow.as_bytes());
    until("the new schedule", || upstream.told("configuration read again") == 1);
    thread::sleep(Duration::from_secs(1));
    slow.write_all(&[b'x'; 1000]).unwrap();
    upstream.publish("other", "1.0.0");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(upstream.unruly.count("/packages/other"), 0, "the former schedule goes on");
    let gone = text.replace("mirror = {", "# mirror = {").replace("upstream", "# upstream");
    upstream.repository.write("hexreg.toml", gone.as_bytes());
    until("it is no mirror any more", || !health(&server).contains("mirror"));
    slow.write_all(&[b'x'; 1000]).unwrap();
    upstream.rests();
    slow.write_all(&[b'x'; 1000]).unwrap();
}

#[test]
fn a_configuration_that_is_refused_begins_no_mirror() {
    let upstream = Upstream::samples();
    upstream.configure("hexreg.toml", "copy", ALL, &[]);
    let text = String::from_utf8(upstream.repository.read("hexreg.toml")).unwrap();
    let listen = text.split("[[repository]]").next().unwrap();
    let hexreg = || upstream.repository.hexreg();
    std::fs::create_dir_all(upstream.repository.path("own/tarballs")).unwrap();
    hexreg().run(["build", "own", "--name=own", "--private-key=key.pem"]).ok();
    hexreg().run(["auth", "add", "readers", "ci", "--can=publish"]).ok();
    let auth = "auth-file = \"readers\"\n";
    let own = "[[repository]]\nname = \"own\"\nat = \"own\"\n";
    upstream.repository.write("hexreg.toml", format!("{auth}{listen}{own}").as_bytes());
    let server = upstream.serve("hexreg.toml");
    // What is not sound cannot be published to. That is found out when the repository is opened, after the mirror.
    upstream.repository.write("own/versions", b"damaged");
    let refused = format!("{auth}{text}{own}private-key = \"key.pem\"\n");
    upstream.repository.write("hexreg.toml", refused.as_bytes());
    until("it is refused", || upstream.told("configuration left as it was") == 1);
    assert!(!upstream.log().contains("hexreg.toml has"), "{}", upstream.log());
    thread::sleep(Duration::from_secs(2));
    assert_eq!(upstream.unruly.asked().len(), 0);
    assert!(!upstream.repository.path("copy").exists());
    assert!(!server.metrics().contains("repository=\"acme\""));
}
