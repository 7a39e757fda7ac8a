//! The key of an organisation: it is sent to upstream alone, and read again.

use super::{Upstream, until};
use crate::support::server::Server;
use crate::support::unruly::{Fault, Unruly};

const FILES: [&str; 3] = ["/packages/greeting", "/tarballs/greeting-1.0.0.tar", "/names"];

fn write_key(upstream: &Upstream, key: &str) {
    upstream.repository.write("organisation-key", key.as_bytes());
    upstream.repository.chmod("organisation-key", 0o600);
}

/// How many requests had this line in their head, and how many had none such.
fn with_key(unruly: &Unruly, key: &str) -> (usize, usize) {
    let line = format!("authorization: {key}");
    let heads = unruly.asked().into_iter().map(|asked| asked.head.to_lowercase());
    let (with, without): (Vec<_>, Vec<_>) = heads.partition(|head| head.contains(&line));
    (with.len(), without.len())
}

#[test]
fn the_key_is_sent_to_upstream_and_not_to_where_it_redirects() {
    let upstream = Upstream::samples();
    let elsewhere = Unruly::before(upstream.server.address, |_, _| Fault::None);
    let location = format!("location: {}{}", elsewhere.url(), FILES[1]);
    upstream.fail("/tarballs/", Fault::Status(302, vec![location]));
    write_key(&upstream, "first-key");
    let server = upstream.pulled_into("copy", &["--upstream-auth=file:organisation-key"]);
    for path in FILES {
        upstream.is_served(&server, path);
    }
    let (with, without) = with_key(&upstream.unruly, "first-key");
    assert!(with >= 3 && without == 0, "{:?}", upstream.unruly.asked());
    assert_eq!(with_key(&elsewhere, "first-key"), (0, 1), "{:?}", elsewhere.asked());
    assert!(!elsewhere.asked()[0].head.to_lowercase().contains("authorization"));
    assert!(!upstream.log().contains("first-key"), "{}", upstream.log());
}

#[test]
fn a_wrong_key_is_an_error_and_a_new_one_is_read() {
    let upstream = Upstream::samples();
    let added = upstream.repository.hexreg().run(["auth", "add", "members", "ci"]).ok();
    let key = added.stdout.trim();
    let theirs = Server::of(&upstream.repository, &["--auth-file=members"]);
    write_key(&upstream, "wrong");
    let config = format!(
        "listen = \"127.0.0.1:0\"\n[[repository]]\nname = \"acme\"\nroot = true\nat = \"copy\"\n\
         pull-through = true\nupstream = \"{}\"\nupstream-key = \"public/public_key\"\n\
         upstream-auth = \"file:organisation-key\"\n",
        theirs.url()
    );
    upstream.repository.write("hexreg.toml", config.as_bytes());
    let hexreg = upstream.repository.hexreg();
    let server = Server::configured(hexreg, upstream.repository.root(), "hexreg.toml");
    // Not 404: a client would take the package for missing.
    for path in FILES {
        assert_eq!(server.get(path, &[]).status, 502, "{path}");
    }
    assert!(upstream.log().contains("401"), "{}", upstream.log());
    write_key(&upstream, key);
    until("the new key", || server.get(FILES[0], &[]).status == 200);
    for path in FILES {
        until("it is fetched", || server.get(path, &[]).status == 200);
        upstream.is_served(&server, path);
    }
    assert!(!upstream.log().contains(key), "{}", upstream.log());
}
