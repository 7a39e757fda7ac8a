//! Packages of our own repositories: an upstream's package of the same name is never served.

use std::fs;

use super::{Upstream, until};
use crate::support::server::Server;
use crate::support::tarball::Tarball;

/// Our own repository has `greeting` too.
fn configured(upstream: &Upstream, lines: &str) -> Server {
    let ours = upstream.repository.read("public/tarballs/greeting-1.0.0.tar");
    upstream.repository.write("ours/tarballs/greeting-1.0.0.tar", &ours);
    build(upstream, "ours", "ours");
    beside(upstream, &format!("[[repository]]\nname = \"ours\"\nat = \"ours\"\n{lines}\n"))
}

fn build(upstream: &Upstream, directory: &str, name: &str) {
    let name = format!("--name={name}");
    let arguments = ["build", directory, &name, "--private-key=key.pem"];
    let built = upstream.repository.hexreg().run(arguments);
    assert_eq!(built.code, 0, "{}", built.transcript());
}

/// A server that pulls through, with other repositories.
fn beside(upstream: &Upstream, others: &str) -> Server {
    let pulled = pulled("acme", "copy", "public", &upstream.unruly.url());
    serve(upstream, &format!("{others}{pulled}root = true\n"))
}

fn pulled(name: &str, at: &str, of: &str, url: &str) -> String {
    format!(
        "[[repository]]\nname = \"{name}\"\nat = \"{at}\"\npull-through = true\n\
         upstream = \"{url}\"\nupstream-key = \"{of}/public_key\"\n"
    )
}

fn serve(upstream: &Upstream, repositories: &str) -> Server {
    let config =
        format!("listen = \"127.0.0.1:0\"\nmetrics-listen = \"127.0.0.1:0\"\n{repositories}");
    upstream.repository.write("hexreg.toml", config.as_bytes());
    Server::configured(upstream.repository.hexreg(), upstream.repository.root(), "hexreg.toml")
}

/// What upstream has of `greeting` and `welcome` is in `copy/` now.
fn fetch_before(upstream: &Upstream) {
    let server = upstream.pulled_into("copy", &[]);
    for path in ["/packages/greeting", "/packages/welcome", "/names", "/versions", FILES[1]] {
        upstream.is_served(&server, path);
    }
}

fn status(server: &Server, path: &str) -> u16 {
    server.get(path, &[]).status
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
        let server = upstream.pulled_into("copy", &[]);
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

#[test]
fn while_our_own_registry_is_gone_nothing_is_served_that_may_be_ours() {
    let upstream = Upstream::samples();
    fetch_before(&upstream);
    let server = configured(&upstream, "");
    let [ours, away] = ["ours", "away"].map(|path| upstream.repository.path(path));
    fs::rename(&ours, &away).unwrap();
    let refused = || {
        until("refused", || status(&server, "/packages/welcome") == 503);
        for path in FILES {
            assert_eq!(status(&server, path), 404, "{path}");
        }
        let answer = server.get("/tarballs/welcome-0.1.0.tar", &[]);
        assert_eq!((answer.status, answer.expect("retry-after")), (503, "5"));
        assert_eq!(status(&server, "/api/packages/welcome"), 500);
        // Files that are of no package.
        upstream.is_served(&server, "/versions");
    };
    refused();
    // An empty mount point.
    fs::create_dir(&ours).unwrap();
    refused();
    let told = upstream.told("nothing is served from upstream that may be of our own");
    assert_eq!(told, 1, "{}", upstream.log());
    fs::remove_dir(&ours).unwrap();
    fs::rename(&away, &ours).unwrap();
    until("served again", || status(&server, "/packages/welcome") == 200);
    assert_eq!(status(&server, FILES[0]), 404);
}

#[test]
fn a_repository_that_was_never_built_has_no_names() {
    let upstream = Upstream::samples();
    fs::create_dir(upstream.repository.path("empty")).unwrap();
    let server = beside(&upstream, "[[repository]]\nname = \"empty\"\nat = \"empty\"\n");
    upstream.is_served(&server, "/packages/greeting");
}

#[test]
fn a_name_that_was_ours_stays_so_until_the_server_starts_again() {
    let upstream = Upstream::samples();
    upstream
        .repository
        .write("ours/tarballs/our_tool-1.0.0.tar", &Tarball::new("our_tool", "1.0.0").build());
    let server = configured(&upstream, "");
    upstream.repository.remove("ours/tarballs/greeting-1.0.0.tar");
    build(&upstream, "ours", "ours");
    assert!(!upstream.repository.path("ours/packages/greeting").exists());
    for path in FILES {
        assert_eq!(status(&server, path), 404, "{path}");
    }
    drop(server);
    let server = beside(&upstream, "[[repository]]\nname = \"ours\"\nat = \"ours\"\n");
    upstream.is_served(&server, FILES[0]);
}

#[test]
fn a_copy_of_the_same_registry_is_not_ours() {
    let upstream = Upstream::samples();
    let server = beside(&upstream, "[[repository]]\nname = \"same\"\nat = \"public\"\n");
    upstream.is_served(&server, "/packages/greeting");
    upstream.is_served(&server, "/tarballs/greeting-1.1.0.tar");
}

/// `acme` is an organisation, and everyone may publish to `hexpm`.
#[test]
fn packages_of_an_organisation_that_is_pulled_through_are_ours() {
    let upstream = Upstream::samples();
    for (name, version) in [("greeting", "9.0.0"), ("elsewhere", "1.0.0")] {
        let tarball = Tarball::new(name, version).build();
        upstream.repository.write(&format!("public-hexpm/tarballs/{name}-{version}.tar"), &tarball);
    }
    build(&upstream, "public-hexpm", "hexpm");
    let hexpm = Server::run(upstream.repository.root(), &["public-hexpm"]);
    let repositories = [
        pulled("hexpm", "hexpm", "public-hexpm", &hexpm.url()) + "root = true\n",
        pulled("acme", "acme", "public", &upstream.unruly.url()),
    ];
    let server = serve(&upstream, &repositories.concat());
    // No package of it was asked for.
    until("the indexes are here", || {
        upstream.is_kept("acme/versions") && upstream.is_kept("acme/names")
    });
    until("it is ours", || status(&server, "/packages/greeting") == 404);
    assert_eq!(status(&server, "/tarballs/greeting-9.0.0.tar"), 404);
    assert_eq!(status(&server, "/packages/elsewhere"), 200);
    for path in ["/packages/greeting", "/tarballs/greeting-1.1.0.tar"] {
        let answer = server.get(&format!("/repos/acme{path}"), &[]);
        assert!(answer.body == upstream.file(path), "{path}: {}", answer.status);
    }
}

#[test]
fn the_api_and_the_page_of_an_upstream_do_not_show_names_of_ours() {
    let upstream = Upstream::samples();
    fetch_before(&upstream);
    let server = configured(&upstream, "");
    for path in ["/api", "/api/repos/acme"] {
        let paths = [
            "greeting",
            "greeting/releases/1.1.0",
            "greeting/owners",
            "greeting/releases/1.1.0/docs",
        ];
        for package in paths.map(|one| format!("{path}/packages/{one}")) {
            assert_eq!(status(&server, &package), 404, "{package}");
        }
        assert_eq!(status(&server, &format!("{path}/packages/welcome")), 200);
        let found = server.get(&format!("{path}/packages?search=e"), &[]).text();
        assert!(
            found.contains("/packages/welcome") && !found.contains("/packages/greeting"),
            "{found}"
        );
    }
    assert_eq!(status(&server, "/api/repos/ours/packages/greeting"), 200);
    let found = server.get("/api/repos/ours/packages?search=greeting", &[]).text();
    assert!(found.contains("/packages/greeting"), "{found}");
    #[cfg(feature = "web")]
    {
        let rows = |path: &str| server.get(path, &[]).text().matches("greeting").count();
        assert_eq!((rows("/"), rows("/repos/acme/")), (0, 0));
        assert!(rows("/repos/ours/") > 0);
        assert!(server.get("/", &[]).text().contains("welcome"));
    }
}
