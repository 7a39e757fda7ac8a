//! Pages of a server that fetches from an upstream what it does not have.

use super::{configured, names, page, reads, status};
use crate::support::server::Server;
use crate::support::tarball::Tarball;
use crate::support::upstream::{Upstream, until};

/// Upstream has `app`, which needs `greeting`; the server has nothing yet.
fn upstream() -> Upstream {
    let upstream = Upstream::samples();
    let tarball =
        Tarball::new("app", "1.0.0").requires("greeting", "~> 1.0").requires("gone", "~> 1.0");
    upstream.repository.write_tarball("app-1.0.0.tar", &tarball.build());
    upstream.repository.build(&[]).ok();
    upstream
}

fn serve(upstream: &Upstream) -> Server {
    let url = format!("--upstream={}", upstream.unruly.url());
    let more = ["copy", &url, "--upstream-name=acme", "--upstream-key=public/public_key"];
    Server::run(upstream.repository.root(), &more)
}

#[test]
fn a_page_shows_what_upstream_has_and_what_will_be_fetched() {
    let upstream = upstream();
    let server = serve(&upstream);
    until("the index is fetched", || status(&server, "/browse/app") == 200);
    let text = page(&server, "/browse/app").words();
    assert!(text.contains("app 1.0.0"), "{text}");
    let needs = "/browse/app/1.0.0/requirements";
    let text = page(&server, needs).words();
    assert!(text.contains("Not yet: 1 package of it cannot be had here."), "{text}");
    assert!(text.contains("greeting 1.1.0 upstream"), "{text}");
    let missing = text.find("gone not here");
    assert!(missing.is_some(), "{text}");
    // A page brings no tarball.
    assert_eq!(upstream.unruly.count("/tarballs"), 0, "{:?}", upstream.unruly.asked());

    let path = "/tarballs/greeting-1.1.0.tar";
    assert_eq!(status(&server, path), 200);
    until("it is here", || page(&server, needs).words().contains("greeting 1.1.0 here"));
    assert_eq!(status(&server, "/browse/absent"), 404);
}

#[test]
fn a_name_of_our_own_is_on_no_page_of_an_upstream() {
    let upstream = upstream();
    let ours = Tarball::new("greeting", "9.9.9").described("ours alone", &[], &[]).build();
    upstream.repository.write("ours/tarballs/greeting-9.9.9.tar", &ours);
    let build = ["build", "ours", "--name=ours", "--private-key=key.pem"];
    upstream.repository.hexreg().run(build).ok();
    let config = format!(
        "[[repository]]\nname = \"ours\"\nat = \"ours\"\n[[repository]]\nname = \"acme\"\nroot = true\nat = \"copy\"\n\
         pull-through = true\nupstream = \"{}\"\nupstream-key = \"public/public_key\"\n",
        upstream.unruly.url()
    );
    let server = configured(&upstream.repository, &config, 1, &[]);
    for path in ["/versions", "/packages/app", "/packages/welcome"] {
        assert_eq!(status(&server, path), 200, "{path}");
    }
    until("both were read", || reads(&upstream.repository).len() >= 2);
    until("names are known", || {
        names(&page(&server, "/repos/acme/")).contains(&"welcome".to_owned())
    });
    for path in ["/", "/repos/acme/", "/repos/acme/?q=greeting", "/repos/acme/?q=greet"] {
        assert_eq!(
            names(&page(&server, path)).iter().filter(|name| *name == "greeting").count(),
            0,
            "{path}"
        );
    }
    for path in [
        "/browse/greeting",
        "/repos/acme/browse/greeting",
        "/browse/greeting/1.1.0",
        "/browse/greeting/versions",
        "/browse/greeting/1.1.0/files/",
        "/browse/greeting/1.1.0/requirements",
    ] {
        assert_eq!(status(&server, path), 404, "{path}");
    }
    for path in
        ["/recent", "/recent.atom", "/repos/acme/recent", "/repos/acme/suggestions?q=greeting"]
    {
        let text = server.get(path, &[]).text();
        assert!(!text.contains("greeting"), "{path}: {text}");
    }
    // A search of all repositories finds ours alone.
    let found = page(&server, "/?q=greeting");
    assert!(found.links().contains(&"./repos/ours/browse/greeting"), "{:?}", found.links());
    assert!(!found.links().contains(&"./browse/greeting"), "{:?}", found.links());
    assert_eq!(status(&server, "/repos/ours/browse/greeting"), 200);
}
