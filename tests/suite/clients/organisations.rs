//! An organisation of hex.pm that moved: `hexpm` is at `/`, and `acme` at `/repos/acme`, so that clients call it
//! `hexpm:acme` still.

use std::fs;
use std::path::Path;

use super::offline::build;
use super::{Project, text};
use crate::api::hex_core;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;
use crate::support::tools;

/// In place of hex.pm: `hexpm` is for everyone, and the organisation `acme`, which has the samples, for its members. Its
/// `hexpm` has a newer release of a package of `acme`.
fn hexpm(repository: &TestRepository) -> Server {
    repository.build(&[]).ok();
    let newer = Tarball::new("greeting", "1.9.0").build();
    repository.write("hexpm/tarballs/greeting-1.9.0.tar", &newer);
    build(repository, "hexpm", "key.pem");
    let key = add_token(repository, "members");
    repository.write("acme-key", key.as_bytes());
    repository.chmod("acme-key", 0o600);
    let lines = [
        "listen = \"127.0.0.1:0\"\nauth-file = \"members\"\n",
        "[[repository]]\nname = \"hexpm\"\nroot = true\nanonymous = true\nat = \"hexpm\"\n",
        "[[repository]]\nname = \"acme\"\nat = \"public\"\n",
    ];
    repository.write("hexpm.toml", lines.concat().as_bytes());
    Server::configured(repository.hexreg(), repository.root(), "hexpm.toml")
}

fn add_token(repository: &TestRepository, file: &str) -> String {
    repository.hexreg().run(["auth", "add", file, "ci"]).ok().stdout.trim().to_owned()
}

/// The company's server, which pulls `hexpm` through. What its file says of `acme` is in `acme`.
fn company(repository: &TestRepository, hexpm: &str, acme: &str) -> Server {
    let lines = format!(
        "listen = \"127.0.0.1:0\"\nauth-file = \"readers\"\n\
         [[repository]]\nname = \"hexpm\"\nroot = true\nanonymous = true\nat = \"copy-hexpm\"\n\
         pull-through = true\nupstream = \"{hexpm}\"\nupstream-key = \"hexpm/public_key\"\n\
         [[repository]]\nname = \"acme\"\n{acme}"
    );
    repository.write("company.toml", lines.as_bytes());
    Server::configured(repository.hexreg(), repository.root(), "company.toml")
}

/// A user of rebar3 who knows the organisation as `hexpm:acme`, below the URL of hexpm.
fn user(rebar3: &Path, repository: &TestRepository, token: &str) -> Project {
    let key = String::from_utf8(repository.read("public/public_key")).unwrap();
    let key = format!("repo_public_key => <<\"{key}\">>");
    let configuration = format!(
        "{{hex, [{{repos, [#{{name => <<\"hexpm:acme\">>, repo_key => <<\"{token}\">>, {key}}}, \
         #{{name => <<\"hexpm\">>, {key}}}]}}]}}.\n"
    );
    Project::knowing(rebar3.to_owned(), &configuration)
}

/// Clients of the server have the organisation's packages; returns the lock file of rebar3.
#[track_caller]
fn clients_have_it(
    test: &str,
    rebar3: &Path,
    repository: &TestRepository,
    server: &Server,
    token: &str,
) -> Vec<u8> {
    let project = user(rebar3, repository, token);
    let output = project.get_deps_from(&server.url());
    assert!(output.status.success(), "{}", text(&output));
    project.has(repository);
    // The key of another server, or of none.
    let stranger = user(rebar3, repository, "0123456789");
    let output = stranger.get_deps_from(&server.url());
    assert!(!output.status.success(), "{}", text(&output));
    let [key, tarball] = ["public/public_key", "public/tarballs/greeting-1.1.0.tar"]
        .map(|path| repository.path(path).to_str().unwrap().to_owned());
    let release = ["acme", &key, "greeting", "1.1.0", &tarball];
    hex_core::fetches_of_an_organisation(test, &server.url(), token, &release);
    fs::read(project.path("rebar.lock")).unwrap()
}

#[test]
fn clients_of_an_organisation_that_has_left_change_nothing() {
    let test = "clients_of_an_organisation_that_has_left_change_nothing";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let repository = TestRepository::new().samples();
    let upstream = hexpm(&repository);
    let token = add_token(&repository, "readers");
    let server = company(&repository, &upstream.url(), "at = \"public\"\n");
    clients_have_it(test, &rebar3, &repository, &server, &token);
    // A package of acme's is not served from hex.pm.
    assert_eq!(server.get("/packages/greeting", &[]).status, 404);
}

#[test]
fn clients_of_an_organisation_that_is_pulled_through_change_nothing() {
    let test = "clients_of_an_organisation_that_is_pulled_through_change_nothing";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let repository = TestRepository::new().samples();
    let upstream = hexpm(&repository);
    let token = add_token(&repository, "readers");
    let acme = format!(
        "at = \"copy-acme\"\npull-through = true\nupstream = \"{}/repos/acme\"\n\
         upstream-name = \"hexpm:acme\"\nupstream-key = \"public/public_key\"\n\
         upstream-auth = \"file:acme-key\"\n",
        upstream.url()
    );
    let server = company(&repository, &upstream.url(), &acme);
    let lock = clients_have_it(test, &rebar3, &repository, &server, &token);
    // Tokens of this server are none of upstream's, and the key for upstream is none of this server's.
    let key = String::from_utf8(repository.read("acme-key")).unwrap();
    let status = |server: &Server, token: &str| {
        server.get("/repos/acme/names", &[&format!("authorization: {token}")]).status
    };
    assert_eq!((status(&server, &key), status(&upstream, &token)), (401, 401));
    drop(upstream);
    let again = clients_have_it(test, &rebar3, &repository, &server, &token);
    assert!(again == lock);
}
