//! Two servers with one bucket.

use std::thread;

use super::{NO_AGE, Upstream, until};
use crate::support::bucket::Bucket;
use crate::support::moto::Moto;
use crate::support::server::Server;

/// A server of the bucket, with a cache of its own.
fn serve(upstream: &Upstream, bucket: &Bucket, cache: &str) -> Server {
    let config = format!(
        "listen = \"127.0.0.1:0\"\ncache-dir = \"{cache}\"\n\
         [[repository]]\nname = \"acme\"\nroot = true\nat = \"{}\"\nendpoint = \"{}\"\n\
         pull-through = true\nupstream = \"{}\"\nupstream-key = \"public/public_key\"\n",
        bucket.url("hex/acme"),
        bucket.endpoint(),
        upstream.unruly.url(),
    );
    let file = format!("{cache}.toml");
    upstream.repository.write(&file, config.as_bytes());
    let hexreg = bucket.known_to(upstream.repository.hexreg());
    Server::configured(hexreg, upstream.repository.root(), &file)
}

const FILES: [&str; 5] = [
    "/packages/greeting",
    "/packages/welcome",
    "/tarballs/greeting-1.0.0.tar",
    "/tarballs/greeting-1.1.0.tar",
    "/tarballs/welcome-0.1.0.tar",
];

#[test]
fn two_servers_pull_into_one_bucket_at_once() {
    let Some(moto) = Moto::start("two_servers_pull_into_one_bucket_at_once") else { return };
    let upstream = Upstream::samples();
    let bucket = moto.bucket("registry");
    let servers = ["one", "two"].map(|cache| serve(&upstream, &bucket, cache));
    thread::scope(|scope| {
        for server in &servers {
            for path in FILES.iter().cycle().take(40) {
                scope.spawn(|| upstream.is_served(server, path));
            }
        }
    });
    for path in FILES {
        let asked = upstream.unruly.count(path);
        assert!((1..=2).contains(&asked), "{path}: {asked} requests");
        assert!(bucket.get(&format!("hex/acme{path}")).body == upstream.file(path), "{path}");
    }
    upstream.end();
    for server in &servers {
        for path in FILES {
            upstream.is_served(server, path);
        }
    }
    // A third one has what both have fetched.
    let third = serve(&upstream, &bucket, "three");
    for path in FILES {
        upstream.is_served(&third, path);
    }
    assert_eq!(upstream.told("could not keep"), 0, "{}", upstream.log());
}

#[test]
fn a_damaged_tarball_is_fetched_again() {
    let Some(moto) = Moto::start("a_damaged_tarball_is_fetched_again") else { return };
    let upstream = Upstream::samples();
    let bucket = moto.bucket("registry");
    let path = FILES[2];
    upstream.is_served(&serve(&upstream, &bucket, "one"), path);
    let key = format!("hex/acme{path}");
    let mut damaged = upstream.file(path);
    damaged[700] ^= 1;
    bucket.put(&key, &[], &damaged);
    let server = serve(&upstream, &bucket, "two");
    upstream.is_served(&server, path);
    assert!(bucket.get(&key).body == upstream.file(path));
    assert_eq!(upstream.told("is not the one of upstream"), 1, "{}", upstream.log());
    assert_eq!(upstream.told("could not keep"), 0, "{}", upstream.log());
}

#[test]
fn a_package_that_changes_changes_in_the_bucket() {
    let Some(moto) = Moto::start("a_package_that_changes_changes_in_the_bucket") else { return };
    let upstream = Upstream::samples();
    upstream.unruly.say(NO_AGE);
    let bucket = moto.bucket("registry");
    let servers = ["one", "two"].map(|cache| serve(&upstream, &bucket, cache));
    for server in &servers {
        upstream.is_served(server, "/packages/greeting");
    }
    upstream.publish("greeting", "2.0.0");
    for server in &servers {
        until("the new release", || {
            server.get("/packages/greeting", &[]).body == upstream.file("/packages/greeting")
        });
        upstream.is_served(server, "/tarballs/greeting-2.0.0.tar");
    }
    assert_eq!(upstream.told("could not keep"), 0, "{}", upstream.log());
}

#[test]
fn a_server_knows_what_the_others_have_fetched_into_the_bucket() {
    let test = "a_server_knows_what_the_others_have_fetched_into_the_bucket";
    let Some(moto) = Moto::start(test) else { return };
    let upstream = Upstream::samples();
    upstream.unruly.say(NO_AGE);
    let bucket = moto.bucket("registry");
    let servers = ["one", "two"].map(|cache| serve(&upstream, &bucket, cache));
    for (server, path) in servers.iter().zip(FILES) {
        upstream.is_served(server, path);
    }
    for server in servers {
        server.signal("-TERM");
        assert_eq!(server.ended(), 0, "{}", upstream.log());
    }
    let third = serve(&upstream, &bucket, "three");
    for path in &FILES[..2] {
        let before = upstream.unruly.count(path);
        upstream.is_served(&third, path);
        let asked = upstream.unruly.asked();
        let asked: Vec<_> = asked.iter().filter(|asked| asked.path == *path).skip(before).collect();
        assert_eq!(asked.len(), 1, "{path}");
        assert!(asked[0].head.contains("if-none-match"), "{path}: {}", asked[0].head);
    }
}
