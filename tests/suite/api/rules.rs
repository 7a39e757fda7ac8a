//! What is accepted, when it may be changed, and what the registry says afterwards.

use hexreg::package::UnixSeconds;
use serde_json::{Value, json};

use super::answers::expect;
use super::{Api, Body, Format, Who, documentation, other_tarball, tarball};
use crate::support::repository::TestRepository;
use crate::support::signed::{edit, key};
use crate::support::tarball::Tarball;

/// The sample packages by a build, whose releases have no time of publication, and more arguments of the server.
fn api(more: &[&str]) -> Api {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    Api::of(repository, more)
}

/// What the signed file of a package says of a release.
#[track_caller]
fn release(api: &Api, name: &str, version: &str) -> Value {
    let path = format!("public/packages/{name}");
    let ran = api.repository.hexreg().run(["inspect", &path, "--json"]).ok();
    let says: Value = serde_json::from_str(&ran.stdout).unwrap();
    let releases = says["releases"].as_array().unwrap_or_else(|| panic!("{says}"));
    let found = releases.iter().find(|release| release["version"] == version);
    found.unwrap_or_else(|| panic!("no {version} in {says}")).clone()
}

/// Publishes 1.0.0 and then another tarball of it; the answer.
#[track_caller]
fn replaces(api: &Api, who: Who) -> crate::support::server::Answer {
    expect(&api.publish("acme_tool", &tarball("acme_tool", "1.0.0"), false), 201);
    let other = Body::Bytes(other_tarball("acme_tool", "1.0.0"));
    api.ask(who, Format::Etf, "POST /api/publish?replace=true", &other)
}

fn told(body: &Value) -> &str {
    body["errors"]["inserted_at"].as_str().unwrap_or_else(|| panic!("{body}"))
}

#[test]
fn a_release_is_replaced_within_an_hour() {
    expect(&replaces(&api(&[]), Who::Publisher), 200);
}

/// Has the registry say that `acme_tool` was published so many seconds ago.
fn publish_before(api: &Api, seconds: i64) {
    let then = UnixSeconds(jiff::Timestamp::now().as_second() - seconds);
    edit(&api.repository, "public/packages/acme_tool", &key("acme-2048.pem"), |release| {
        release.remarks.published_at = Some(then.into());
    });
}

/// When `acme_tool` 1.0.0 was published.
fn published_at(api: &Api) -> jiff::Timestamp {
    let says = release(api, "acme_tool", "1.0.0");
    says["published_at"].as_str().unwrap_or_else(|| panic!("{says}")).parse().unwrap()
}

#[test]
fn a_release_is_replaced_within_the_time_that_the_server_is_told() {
    let api = api(&["--replace=within=10m"]);
    let line = "POST /api/publish?replace=true";
    expect(&api.publish("acme_tool", &tarball("acme_tool", "1.0.0"), false), 201);
    publish_before(&api, 300);
    let first = published_at(&api);
    let other = Body::Bytes(other_tarball("acme_tool", "1.0.0"));
    expect(&api.ask(Who::Publisher, Format::Etf, line, &other), 200);
    // It counts from the first publication.
    assert_eq!(published_at(&api), first);
    publish_before(&api, 601);
    let again = Body::Bytes(tarball("acme_tool", "1.0.0"));
    let body = expect(&api.ask(Who::Publisher, Format::Etf, line, &again), 422);
    assert!(told(&body).starts_with("can only modify a release up to"), "{body}");
    expect(&api.ask(Who::Admin, Format::Etf, line, &again), 200);
}

#[test]
fn no_release_is_replaced_where_the_server_forbids_it() {
    let api = api(&["--replace=never"]);
    let body = expect(&replaces(&api, Who::Publisher), 422);
    assert!(!told(&body).is_empty(), "{body}");
    let line = "DELETE /api/packages/acme_tool/releases/1.0.0";
    expect(&api.ask(Who::Publisher, Format::Etf, line, &Body::None), 422);
    assert_eq!(
        api.repository.read("public/tarballs/acme_tool-1.0.0.tar"),
        tarball("acme_tool", "1.0.0")
    );
}

/// The texts are those of hex.pm: Gleam looks for them.
#[test]
fn a_release_that_was_built_is_older_than_the_window() {
    let api = api(&[]);
    let other = Body::Bytes(other_tarball("welcome", "0.1.0"));
    let line = "POST /api/publish?replace=true";
    let everything = api.ask(Who::Publisher, Format::Etf, line, &other);
    // Its name is not `acme_*`.
    expect(&everything, 403);
    let repository = TestRepository::new().release("acme_tool", "1.0.0");
    repository.build(&[]).ok();
    let api = Api::of(repository, &[]);
    let other = Body::Bytes(other_tarball("acme_tool", "1.0.0"));
    let body = expect(&api.ask(Who::Publisher, Format::Etf, line, &other), 422);
    assert_eq!(told(&body), "can only modify a release up to one hour after publication");
    let line = "DELETE /api/packages/acme_tool/releases/1.0.0";
    let body = expect(&api.ask(Who::Publisher, Format::Etf, line, &Body::None), 422);
    assert_eq!(told(&body), "can only delete a release up to one hour after publication");
}

#[test]
fn any_release_is_replaced_where_the_server_allows_it() {
    let repository = TestRepository::new().release("acme_tool", "1.0.0");
    repository.build(&[]).ok();
    let api = Api::of(repository, &["--replace=always"]);
    let other = Body::Bytes(other_tarball("acme_tool", "1.0.0"));
    let line = "POST /api/packages/acme_tool/releases?replace=true";
    expect(&api.ask(Who::Publisher, Format::Etf, line, &other), 200);
    let line = "DELETE /api/packages/acme_tool/releases/1.0.0";
    expect(&api.ask(Who::Publisher, Format::Etf, line, &Body::None), 204);
}

/// The same bytes again are not a change, and hex.pm refuses them all the same.
#[test]
fn the_same_tarball_again_is_refused_without_replace() {
    let api = api(&[]);
    let bytes = tarball("acme_tool", "1.0.0");
    expect(&api.publish("acme_tool", &bytes, false), 201);
    let body = expect(&api.publish("acme_tool", &bytes, false), 422);
    assert_eq!(told(&body), "must include the --replace flag to update an existing release");
}

#[test]
fn a_publication_says_when_it_was() {
    let api = api(&[]);
    let before = jiff::Timestamp::now();
    expect(&api.publish("acme_tool", &tarball("acme_tool", "1.0.0"), false), 201);
    let published = published_at(&api);
    let seconds = published.as_second() - before.as_second();
    assert!((0..60).contains(&seconds), "{published}");
    let line = "GET /api/packages/acme_tool/releases/1.0.0";
    let shown = expect(&api.ask(Who::Reader, Format::Json, line, &Body::None), 200);
    let shown: jiff::Timestamp = shown["inserted_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(shown.as_second(), published.as_second());
}

/// `rebar3_hex` and Gleam write no repository.
#[test]
fn a_dependency_without_a_repository_is_of_this_one_where_it_is_here() {
    let api = api(&[]);
    let needs = Tarball::new("acme_tool", "1.0.0")
        .requires("welcome", "~> 0.1")
        .requires("jason", "~> 1.0");
    expect(&api.publish("acme_tool", &needs.build(), false), 201);
    let says = release(&api, "acme_tool", "1.0.0").to_string();
    let of = |package: &str| {
        let dependencies = &release(&api, "acme_tool", "1.0.0")["dependencies"];
        let mut found = dependencies.as_array().unwrap().iter();
        found.find(|one| one["package"] == package).unwrap_or_else(|| panic!("{says}"))["repository"].clone()
    };
    assert!([Value::Null, json!("acme")].contains(&of("welcome")), "{says}");
    assert_eq!(of("jason"), "hexpm", "{says}");
    api.verify();
}

/// First no signed file names the release any more, and then its files are removed.
#[test]
fn a_revert_leaves_nothing() {
    let api = api(&[]);
    let before = api.repository.files("public", |_| true);
    expect(&api.publish("acme_tool", &tarball("acme_tool", "1.0.0"), false), 201);
    let docs = "POST /api/packages/acme_tool/releases/1.0.0/docs";
    expect(&api.ask(Who::Publisher, Format::Etf, docs, &Body::Bytes(documentation())), 201);
    assert_eq!(api.repository.read("public/docs/acme_tool-1.0.0.tar.gz"), documentation());
    let line = "DELETE /api/packages/acme_tool/releases/1.0.0";
    expect(&api.ask(Who::Publisher, Format::Etf, line, &Body::None), 204);
    let after = api.repository.files("public", |_| true);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    expect(&api.ask(Who::Reader, Format::Etf, "GET /api/packages/acme_tool", &Body::None), 404);
    // The name is free again.
    expect(&api.publish("acme_tool", &tarball("acme_tool", "1.0.0"), false), 201);
}

/// Documentation is not what a lock file pins: it may be replaced at any time.
#[test]
fn documentation_is_replaced_at_any_time() {
    let repository = TestRepository::new().release("acme_tool", "1.0.0");
    repository.build(&[]).ok();
    let api = Api::of(repository, &["--replace=never"]);
    let line = "POST /api/packages/acme_tool/releases/1.0.0/docs";
    for _ in 0..2 {
        let answer = api.ask(Who::Publisher, Format::Etf, line, &Body::Bytes(documentation()));
        expect(&answer, 201);
        assert!(answer.header("location").is_some(), "{answer:?}");
    }
    let fetched = api.ask(Who::Reader, Format::Etf, &line.replace("POST", "GET"), &Body::None);
    assert_eq!(fetched.status, 302);
    let location = fetched.expect("location").to_owned();
    let path = location.strip_prefix(&api.server.url()).unwrap_or_else(|| panic!("{location}"));
    let header = format!("authorization: {}", api.token(Who::Reader));
    assert_eq!(api.server.get(path, &[&header]).body, documentation());
}

/// Each repository has packages, a key and an API of its own.
#[test]
fn repositories_are_apart() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    repository.write("other.pem", &repository.read("key.pem"));
    repository.chmod("other.pem", 0o600);
    std::fs::create_dir_all(repository.path("second/tarballs")).unwrap();
    repository.hexreg().run(["build", "second", "--name=second", "--private-key=other.pem"]).ok();
    let tokens = super::add_tokens(&repository);
    let arguments = [
        "--repo=acme=public",
        "--private-key=acme=key.pem",
        "--repo=second=second",
        "--private-key=second=other.pem",
        "--auth-file=readers",
    ];
    let server = crate::support::server::Server::run(repository.root(), &arguments);
    let api = Api { repository, server, tokens };
    let bytes = Body::Bytes(tarball("acme_tool", "1.0.0"));
    let publish = |base: &str| {
        let line = format!("POST {base}/packages/acme_tool/releases?replace=false");
        api.ask(Who::Publisher, Format::Etf, &line, &bytes).status
    };
    assert_eq!(publish("/api/repos/second"), 201);
    assert!(!api.repository.path("public/packages/acme_tool").exists());
    assert!(api.repository.path("second/packages/acme_tool").exists());
    let package = |base: &str| {
        let line = format!("GET {base}/packages/acme_tool");
        api.ask(Who::Reader, Format::Etf, &line, &Body::None).status
    };
    assert_eq!((package("/api/repos/acme"), package("/api/repos/second")), (404, 200));
    assert_eq!(publish("/api/repos/third"), 404);
    // As `mix hex.publish --organization acme` with the base of another repository.
    assert_eq!(publish("/api/repos/second/repos/acme"), 201);
    assert_eq!(package("/api/repos/acme"), 200);
}
