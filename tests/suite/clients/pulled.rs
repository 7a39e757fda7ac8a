//! rebar3 installs through a server that pulls from an upstream, and again after upstream has ended.

use std::fs;

use super::offline::{build, trusting};
use super::{Project, text};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tools;

#[test]
fn rebar3_installs_the_same_when_upstream_has_ended() {
    let test = "rebar3_installs_the_same_when_upstream_has_ended";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let repository = TestRepository::new().samples();
    build(&repository, "public", "key.pem");
    let upstream = Server::run(repository.root(), &["public"]);
    let url = format!("--upstream={}", upstream.url());
    let key = "--upstream-key=public/public_key";
    let arguments = ["copy", &url, "--upstream-name=hexpm", key];
    let server = Server::run(repository.root(), &arguments);
    assert!(server.said.contains("HEX_CDN="), "{}", server.said);

    let project = Project::knowing(rebar3.clone(), &trusting(&repository, "public/public_key"));
    let output = project.get_deps_from(&server.url());
    assert!(output.status.success(), "{}", text(&output));
    project.has(&repository);
    let lock = fs::read(project.path("rebar.lock")).unwrap();

    drop(upstream);
    // The second client has an empty cache.
    for _ in 0..2 {
        let project = Project::knowing(rebar3.clone(), &trusting(&repository, "copy/public_key"));
        let output = project.get_deps_from(&server.url());
        assert!(output.status.success(), "{}", text(&output));
        project.has(&repository);
        assert!(fs::read(project.path("rebar.lock")).unwrap() == lock);
    }
}
