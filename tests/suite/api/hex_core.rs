//! `hex_core`, the client library under mix and `rebar3_hex`, as Debian's rebar3 contains it.

use std::fs;
use std::process::{Command, Output, Stdio};

use super::{Api, Who, tarball};
use crate::clients::{self, Project};
use crate::support::repository::TestRepository;
use crate::support::{fixture, tools};

/// What Erlang runs, with the path of rebar3 before its arguments.
struct HexCore {
    script: Command,
}

impl HexCore {
    fn find(test: &str) -> Option<Self> {
        let (escript, rebar3) = tools::find("escript", test).zip(tools::find("rebar3", test))?;
        let mut script = Command::new(escript);
        script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/api/hex_core.escript"));
        script.arg(rebar3).stdin(Stdio::null());
        Some(Self { script })
    }

    fn run(mut self, base: &str, token: &str, arguments: &[&str]) -> Output {
        self.script.args([base, token]).args(arguments).output().unwrap()
    }
}

/// Publishes tarballs to a server as newer clients do, which wait for an interim response, and as older ones do.
#[track_caller]
pub fn publishes(test: &str, base: &str, token: &str, tarballs: &[&str]) {
    let Some(script) = HexCore::find(test) else { return };
    let output = script.run(base, token, &[&["publish"], tarballs].concat());
    let printed = clients::text(&output);
    assert!(output.status.success() && printed.ends_with("done\n"), "{printed}");
}

/// Fetches a release of an organisation below the URL of `hexpm`: its name, the file of its public key, package, version
/// and the file of its tarball are in `release`.
#[track_caller]
pub fn fetches_of_an_organisation(test: &str, hexpm: &str, token: &str, release: &[&str]) {
    let Some(script) = HexCore::find(test) else { return };
    let output = script.run(hexpm, token, &[&["organisation"], release].concat());
    let printed = clients::text(&output);
    assert!(output.status.success() && printed.ends_with("done\n"), "{printed}");
}

/// A command of the script that must end well, with what it is told.
#[track_caller]
fn succeeds(test: &str, api: &Api, base: &str, who: Who, arguments: &[&str]) {
    let Some(script) = HexCore::find(test) else { return };
    let base = format!("{}{base}", api.server.url());
    let output = script.run(&base, api.token(who), arguments);
    let printed = clients::text(&output);
    assert!(output.status.success() && printed.ends_with("done\n"), "{printed}{}", api.log());
    api.verify();
}

/// A repository with `acme_tool` 1.0.0, published a moment ago.
fn published() -> Api {
    let api = Api::new();
    let answer = api.publish("acme_tool", &tarball("acme_tool", "1.0.0"), false);
    super::answers::expect(&answer, 201);
    api
}

#[test]
fn publishes_and_replaces() {
    let api = Api::new();
    let files = ["acme_tool", "acme_lib"].map(|name| {
        let file = format!("{name}-1.0.0.tar");
        api.repository.write(&file, &tarball(name, "1.0.0"));
        api.repository.path(&file).to_str().unwrap().to_owned()
    });
    let command = ["publish", &files[0], &files[1]];
    succeeds("publishes_and_replaces", &api, "/api", Who::Publisher, &command);
}

#[test]
fn publishes_to_the_repository_that_the_url_names() {
    let api = Api::new();
    let files = ["acme_tool", "acme_lib"].map(|name| {
        let file = format!("{name}-1.0.0.tar");
        api.repository.write(&file, &tarball(name, "1.0.0"));
        api.repository.path(&file).to_str().unwrap().to_owned()
    });
    let command = ["publish", &files[0], &files[1]];
    let test = "publishes_to_the_repository_that_the_url_names";
    succeeds(test, &api, "/api/repos/acme", Who::Publisher, &command);
}

#[test]
fn retires_and_unretires() {
    let command = ["retire", "acme_tool", "1.0.0"];
    succeeds("retires_and_unretires", &published(), "/api", Who::Publisher, &command);
}

#[test]
fn reverts() {
    let api = published();
    succeeds("reverts", &api, "/api", Who::Publisher, &["revert", "acme_tool", "1.0.0"]);
}

#[test]
fn publishes_documentation() {
    let command = ["documentation", "acme_tool", "1.0.0"];
    succeeds("publishes_documentation", &published(), "/api", Who::Publisher, &command);
}

#[test]
fn lists_owners_and_changes_none() {
    let command = ["owners", "acme_tool"];
    succeeds("lists_owners_and_changes_none", &published(), "/api", Who::Admin, &command);
}

#[test]
fn knows_itself() {
    succeeds("knows_itself", &Api::new(), "/api", Who::Publisher, &["myself", "publisher"]);
}

#[test]
fn gets_keys_for_a_token() {
    succeeds("gets_keys_for_a_token", &Api::new(), "/api", Who::Publisher, &["keys"]);
}

#[test]
fn searches() {
    succeeds("searches", &published(), "/api", Who::Reader, &["search", "acme_tool"]);
}

/// `who` gets this status by both paths, and the reason.
#[track_caller]
fn is_refused(test: &str, who: Who, status: &str) {
    let api = Api::new();
    api.repository.write("acme_tool-1.0.0.tar", &tarball("acme_tool", "1.0.0"));
    let file = api.repository.path("acme_tool-1.0.0.tar");
    let command = ["refused", status, file.to_str().unwrap()];
    succeeds(test, &api, "/api", who, &command);
    assert!(!api.repository.path("public/packages/acme_tool").exists());
}

#[test]
fn is_told_that_a_reader_may_not_publish() {
    is_refused("is_told_that_a_reader_may_not_publish", Who::Reader, "401");
}

#[test]
fn is_told_that_the_package_is_of_others() {
    is_refused("is_told_that_the_package_is_of_others", Who::Other, "403");
}

#[test]
fn is_told_that_a_token_has_expired() {
    is_refused("is_told_that_a_token_has_expired", Who::Expired, "401");
}

#[test]
fn is_told_that_a_token_is_needed() {
    is_refused("is_told_that_a_token_is_needed", Who::Anonymous, "401");
}

/// What one client has published, another one installs.
#[test]
fn rebar3_fetches_what_was_published() {
    let test = "rebar3_fetches_what_was_published";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let repository = TestRepository::new();
    repository.build(&[]).ok();
    let api = Api::of(repository, &[]);
    let files = ["greeting-1.1.0", "welcome-0.1.0"]
        .map(|release| fixture(&format!("samples/tarballs/{release}.tar")));
    let [greeting, welcome] = files.each_ref().map(|file| file.to_str().unwrap());
    succeeds(test, &api, "/api", Who::Admin, &["publish_all", greeting, welcome]);
    let token = api.token(Who::Reader);
    let project = Project::of(rebar3, &api.repository, &api.server.url(), Some(token));
    project.fetches(&api.repository);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert_eq!(
            api.repository.read(&format!("public/tarballs/{name}")),
            fs::read(file).unwrap()
        );
    }
}
