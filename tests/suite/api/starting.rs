//! When `hexreg serve` publishes, and when it does not start.

use super::answers::expect;
use super::{Api, Body, Format, Who, add_tokens, tarball};
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::Server;

const PUBLISH: &str = "POST /api/packages/acme_tool/releases?replace=false";

#[track_caller]
fn does_not_start(repository: &TestRepository, arguments: &[&str]) -> Ran {
    let usual = ["serve", "public", "--listen=127.0.0.1:0"];
    let ran = repository.hexreg().run(usual.iter().chain(arguments).copied());
    assert_ne!(ran.code, 0, "{}", ran.transcript());
    ran
}

#[test]
fn without_a_registry_it_says_how_to_build_one() {
    let repository = TestRepository::new();
    add_tokens(&repository);
    let ran = does_not_start(&repository, &["--private-key=key.pem", "--auth-file=readers"]);
    assert!(ran.stderr.contains("hexreg build public --name="), "{}", ran.transcript());
}

#[test]
fn with_a_key_that_clients_do_not_know_it_does_not_start() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    add_tokens(&repository);
    repository.hexreg().run(["key", "new", "another.pem"]).ok();
    let ran = does_not_start(&repository, &["--private-key=another.pem", "--auth-file=readers"]);
    insta::assert_snapshot!(ran.stderr, @r"
    error: failed to serve: the private key does not belong to public/public_key (SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU)
    hint: give the private key with this fingerprint
    ");
}

/// It would be the key of nothing that clients can do.
#[test]
fn a_key_without_a_file_of_tokens_is_warned_of_first() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let server = Server::of(&repository, &["--private-key=key.pem"]);
    let log = String::from_utf8(repository.read("serve.log")).unwrap();
    let warning =
        "warning: --private-key has no effect without --auth-file: clients publish with tokens.";
    assert!(log.starts_with(warning), "{log}");
    assert!(!server.said.contains("publish"), "{}", server.said);
}

#[test]
fn without_a_token_that_may_publish_it_says_how_to_make_one() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    repository.hexreg().run(["auth", "add", "readers", "ann"]).ok();
    let keys = ["--private-key=key.pem", "--auth-file=readers"];
    let server = Server::of(&repository, &keys);
    let said = "no token may publish yet: make one with `hexreg auth add readers NAME --can publish`\n\nto publish:\n\n";
    assert!(server.said.contains(said), "{}", server.said);
}

#[test]
fn without_a_key_it_only_reads() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let tokens = add_tokens(&repository);
    let server = Server::of(&repository, &["--auth-file=readers"]);
    let api = Api { repository, server, tokens };
    let before = api.repository.tree();
    let bytes = Body::Bytes(tarball("acme_tool", "1.0.0"));
    let answer = api.ask(Who::Admin, Format::Etf, PUBLISH, &bytes);
    assert!([403, 404].contains(&answer.status), "{answer:?}");
    let package = api.ask(Who::Reader, Format::Etf, "GET /api/packages/welcome", &Body::None);
    expect(&package, 200);
    assert_eq!(api.repository.tree(), before);
}

/// Everybody reads, and tokens publish.
#[test]
fn anonymous_readers_do_not_publish() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let api = Api::of(repository, &["--allow-anonymous"]);
    let package = api.ask(Who::Anonymous, Format::Etf, "GET /api/packages/welcome", &Body::None);
    expect(&package, 200);
    let bytes = Body::Bytes(tarball("acme_tool", "1.0.0"));
    expect(&api.ask(Who::Anonymous, Format::Etf, PUBLISH, &bytes), 401);
    expect(&api.ask(Who::Publisher, Format::Etf, PUBLISH, &bytes), 201);
    assert_eq!(api.server.get("/packages/acme_tool", &[]).status, 200);
    // mix sends what token it has, as that of hex.pm, though reading needs none.
    let wrong = api.server.get("/api/packages/welcome", &["authorization: hexreg_wrong"]);
    assert_eq!(wrong.status, 200);
    let wrong = api.server.get("/api/users/me", &["authorization: hexreg_wrong"]);
    assert_eq!(wrong.status, 401);
}

/// The file is read again when it changes.
#[test]
fn a_token_that_is_removed_publishes_no_more() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let api = Api::of(repository, &[]);
    let ask = |number: usize| {
        let bytes = Body::Bytes(tarball("acme_tool", &format!("1.{number}.0")));
        api.ask(Who::Publisher, Format::Etf, PUBLISH, &bytes).status
    };
    assert_eq!(ask(0), 201);
    api.repository.hexreg().run(["auth", "remove", "readers", "publisher"]).ok();
    let statuses = (1..600).map(|number| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        ask(number)
    });
    assert!(statuses.into_iter().any(|status| status == 401));
}
