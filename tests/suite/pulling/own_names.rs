//! Packages of our own repositories: an upstream's package of the same name is never served.

use super::Upstream;
use crate::support::server::Server;

/// Our own repository has `greeting` too.
fn configured(upstream: &Upstream, lines: &str) -> Server {
    let ours = upstream.repository.read("public/tarballs/greeting-1.0.0.tar");
    upstream.repository.write("ours/tarballs/greeting-1.0.0.tar", &ours);
    let built =
        upstream.repository.hexreg().run(["build", "ours", "--name=ours", "--private-key=key.pem"]);
    assert_eq!(built.code, 0, "{}", built.transcript());
    let config = format!(
        "listen = \"127.0.0.1:0\"\nmetrics-listen = \"127.0.0.1:0\"\n\
         [[repository]]\nname = \"ours\"\nat = \"ours\"\n{lines}\n\
         [[repository]]\nname = \"acme\"\nroot = true\nat = \"copy\"\npull-through = true\n\
         upstream = \"{}\"\nupstream-key = \"public/public_key\"\n",
        upstream.unruly.url(),
    );
    upstream.repository.write("hexreg.toml", config.as_bytes());
    Server::configured(upstream.repository.hexreg(), upstream.repository.root(), "hexreg.toml")
}

const FILES: [&str; 3] =
    ["/packages/greeting", "/tarballs/greeting-1.1.0.tar", "/docs/greeting-1.1.0.tar.gz"];

#[test]
fn a_name_of_our_own_is_never_served_from_upstream() {
    let upstream = Upstream::samples();
    let server = configured(&upstream, "");
    for path in FILES.iter().chain(&FILES) {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
        assert_eq!(server.get(&format!("/repos/acme{path}"), &[]).status, 404, "{path}");
    }
    assert_eq!(upstream.unruly.count("/packages") + upstream.unruly.count("/tarballs"), 0);
    let told = upstream.told("not served from upstream: greeting is a package of our own");
    assert_eq!(told, 1, "{}", upstream.log());
    assert_eq!(server.get("/repos/ours/packages/greeting", &[]).status, 200);
    upstream.is_served(&server, "/packages/welcome");
}

#[test]
fn what_was_fetched_before_is_not_served_either() {
    let upstream = Upstream::samples();
    drop({
        let server = upstream.serve("copy", &[]);
        upstream.is_served(&server, "/tarballs/greeting-1.1.0.tar");
        server
    });
    let server = configured(&upstream, "");
    for path in FILES {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
    }
}

#[test]
fn allow_public_serves_both() {
    let upstream = Upstream::samples();
    let server = configured(&upstream, "allow-public = [\"greeting\"]");
    upstream.is_served(&server, "/packages/greeting");
    upstream.is_served(&server, "/tarballs/greeting-1.1.0.tar");
    assert!(server.get("/repos/ours/packages/greeting", &[]).body != upstream.file(FILES[0]));
}
