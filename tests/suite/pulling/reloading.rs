//! The configuration changes while files are pulled through.

use std::fs::File;
use std::thread;
use std::time::{Duration, SystemTime};

use super::{Upstream, until};
use crate::support::server::Server;

const LISTEN: &str = "listen = \"127.0.0.1:0\"\nmetrics-listen = \"127.0.0.1:0\"\n";

const AUTH: &str = "auth-file = \"readers\"\n";

const OWN: &str = "[[repository]]\nname = \"own\"\nat = \"own\"\n";

fn pulled(upstream: &Upstream, pull: &str) -> String {
    let url = upstream.unruly.url();
    format!(
        "[[repository]]\nname = \"acme\"\nroot = true\nat = \"copy\"\nanonymous = true\n\
         pull-through = {pull}\nupstream = \"{url}\"\nupstream-key = \"public/public_key\"\n",
    )
}

/// Beside the upstream, there is a repository that can be published to.
fn with_own(upstream: &Upstream) {
    std::fs::create_dir_all(upstream.repository.path("own/tarballs")).unwrap();
    let hexreg = || upstream.repository.hexreg();
    hexreg().run(["build", "own", "--name=own", "--private-key=key.pem"]).ok();
    hexreg().run(["auth", "add", "readers", "ci", "--can=publish"]).ok();
}

fn configure(upstream: &Upstream, parts: &[&str]) {
    upstream.repository.write("hexreg.toml", parts.concat().as_bytes());
}

fn serve(upstream: &Upstream) -> Server {
    Server::configured(upstream.repository.hexreg(), upstream.repository.root(), "hexreg.toml")
}

/// What is not sound cannot be published to. That is found out when it is opened, after what is pulled into.
fn is_refused(upstream: &Upstream, pulled: &str) {
    upstream.repository.write("own/versions", b"damaged");
    configure(upstream, &[AUTH, LISTEN, pulled, OWN, "private-key = \"key.pem\"\n"]);
    until("it is refused", || upstream.told("configuration left as it was") == 1);
    assert!(!upstream.log().contains("hexreg.toml has"), "{}", upstream.log());
}

#[test]
fn a_configuration_that_is_refused_pulls_nothing() {
    let upstream = Upstream::samples();
    with_own(&upstream);
    configure(&upstream, &[AUTH, LISTEN, OWN]);
    let server = serve(&upstream);
    let asked = upstream.unruly.asked().len();
    is_refused(&upstream, &pulled(&upstream, "true"));
    thread::sleep(Duration::from_secs(1));
    assert_eq!(upstream.unruly.asked().len(), asked);
    assert!(!upstream.is_kept("copy"));
    let metrics = server.metrics();
    assert!(!metrics.contains("repository=\"acme\""), "{metrics}");
}

#[test]
fn a_configuration_that_is_refused_removes_nothing() {
    let upstream = Upstream::samples();
    with_own(&upstream);
    configure(&upstream, &[AUTH, LISTEN, &pulled(&upstream, "true"), OWN]);
    let server = serve(&upstream);
    let path = "/tarballs/greeting-1.0.0.tar";
    upstream.is_served(&server, path);
    let kept = format!("copy{path}");
    let long_ago = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1_000_000_000)).unwrap();
    let file = File::options().write(true).open(upstream.repository.path(&kept)).unwrap();
    file.set_modified(long_ago).unwrap();
    is_refused(&upstream, &pulled(&upstream, "{ size = \"1KiB\" }"));
    thread::sleep(Duration::from_secs(1));
    assert!(upstream.is_kept(&kept));
    // It would be, if the configuration were not refused.
    configure(&upstream, &[AUTH, LISTEN, &pulled(&upstream, "{ size = \"1KiB\" }"), OWN]);
    until("it is removed", || !upstream.is_kept(&kept));
}

#[test]
fn the_metrics_of_an_upstream_go_with_it() {
    let upstream = Upstream::samples();
    with_own(&upstream);
    configure(&upstream, &[AUTH, LISTEN, &pulled(&upstream, "true"), OWN]);
    let server = serve(&upstream);
    let is_shown = || server.metrics().contains("upstream_reachable{repository=\"acme\"}");
    assert!(is_shown());
    configure(&upstream, &[AUTH, LISTEN, OWN]);
    // Its numbers go one after the other.
    until("it is gone", || !server.metrics().contains("repository=\"acme\""));
    assert!(!is_shown());
    // And comes again.
    configure(&upstream, &[AUTH, LISTEN, &pulled(&upstream, "true"), OWN]);
    until("it is there again", is_shown);
}
