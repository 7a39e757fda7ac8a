//! What the log of a server says of changes, and what it must not say.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::answers::expect;
use super::{Api, Body, Format, Who, add_tokens, documentation, other_tarball, tarball};
use crate::support::repository::TestRepository;
use crate::support::server::{Server, free_address};

const PUBLISH: &str = "POST /api/packages/acme_tool/releases?replace=false";

/// Every change there is.
fn change_everything(api: &Api) {
    let ask = |line: &str, body: &Body, status: u16| {
        expect(&api.ask(Who::Publisher, Format::Etf, line, body), status);
    };
    let release = "/api/packages/acme_tool/releases/1.0.0";
    ask(PUBLISH, &Body::Bytes(tarball("acme_tool", "1.0.0")), 201);
    ask(PUBLISH, &Body::Bytes(tarball("acme_tool", "1.0.0")), 422);
    ask("POST /api/publish?replace=true", &Body::Bytes(other_tarball("acme_tool", "1.0.0")), 200);
    ask(&format!("POST {release}/docs"), &Body::Bytes(documentation()), 201);
    let why = Body::Map(json!({"reason": "security", "message": "use 2.0"}));
    ask(&format!("POST {release}/retire"), &why, 204);
    ask(&format!("DELETE {release}/retire"), &Body::None, 204);
    ask(&format!("DELETE {release}/docs"), &Body::None, 204);
    ask(&format!("DELETE {release}"), &Body::None, 204);
}

/// Lines of the log that are JSON and tell of a change.
fn audit(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line.to_string().contains("acme_tool")).collect()
}

/// Each change, and each refusal of one, is in the log, whatever else is.
#[track_caller]
fn check_audit(log: &str) {
    let lines = audit(log);
    assert_eq!(lines.len(), 8, "{log}");
    let checksum = |bytes: &[u8]| hexreg::checksum::OuterChecksum::of(bytes).to_string();
    let checksums =
        [tarball("acme_tool", "1.0.0"), other_tarball("acme_tool", "1.0.0"), documentation()];
    let [first, other, docs] = checksums.each_ref().map(|bytes| checksum(bytes));
    for (index, line) in lines.iter().enumerate() {
        let text = line.to_string();
        for part in ["publisher", "acme_tool", "1.0.0"] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        let text = text.to_lowercase();
        let expected = [&first, &first, &other, &docs].get(index).copied();
        assert!(expected.is_none_or(|sum| text.contains(&sum.to_lowercase())), "{text}");
    }
}

#[test]
fn every_change_is_in_the_log() {
    let api = Api::new();
    change_everything(&api);
    check_audit(&api.log());
}

#[test]
fn every_change_is_in_the_log_in_json() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let api = Api::of(repository, &["--log-format=json"]);
    change_everything(&api);
    // Lines of the access log have the name in their paths.
    let log = api.log();
    let lines = log.lines().filter(|line| !line.contains("\"path\""));
    check_audit(&lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_change_is_in_the_log_though_the_access_log_is_off() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let api = Api::of(repository, &["--log-format=off"]);
    change_everything(&api);
    check_audit(&api.log());
}

#[test]
fn every_change_is_in_the_log_of_a_quiet_server() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let tokens = add_tokens(&repository);
    let address = free_address();
    let log = fs::File::create(repository.path("serve.log")).unwrap();
    let mut command: Command = repository.hexreg().command();
    command.args(["serve", "public", "--private-key=key.pem", "--auth-file=readers", "--quiet"]);
    command.arg(format!("--listen={address}")).stderr(log);
    let server = Server::other(&mut command, address);
    let api = Api { repository, server, tokens };
    change_everything(&api);
    check_audit(&api.log());
}

/// Tokens come in a header, as a password, in a body, and in the wrong place.
#[test]
fn no_token_is_in_a_log() {
    for format in ["text", "json", "off"] {
        let repository = TestRepository::new().samples();
        repository.build(&[]).ok();
        let api = Api::of(repository, &[&format!("--log-format={format}")]);
        change_everything(&api);
        let mut secrets: Vec<String> = api.tokens.iter().map(|(_, token)| token.clone()).collect();
        let token = api.token(Who::Admin);
        let basic = data_encoding::BASE64.encode(format!("ann:{token}").as_bytes());
        let foreign = "eyJhbGciOiJFUzI1NiJ9.foreign-refresh-token";
        secrets.extend([basic.clone(), foreign.to_owned()]);
        for credentials in [
            format!("Bearer {token}"),
            format!("Basic {basic}"),
            foreign.to_owned(),
            format!("Bearer {foreign}"),
        ] {
            let head = format!(
                "GET /api/users/me HTTP/1.1\r\nhost: x\r\nauthorization: {credentials}\r\nconnection: close\r\n\r\n"
            );
            api.send(head);
        }
        for body in [
            json!({"grant_type": "client_credentials", "client_id": "x", "client_secret": token}),
            json!({"grant_type": "refresh_token", "client_id": "x", "refresh_token": foreign}),
            json!({"token": foreign, "client_id": "x"}),
            json!({"token": token, "oops": [[token]]}),
        ] {
            for path in ["oauth/token", "oauth/revoke", "oauth/device_authorization", "keys"] {
                let answer = api.ask(
                    Who::Anonymous,
                    Format::Etf,
                    &format!("POST /api/{path}"),
                    &Body::Map(body.clone()),
                );
                if let Some(issued) = super::body(&answer)
                    .and_then(|body| body["access_token"].as_str().map(str::to_owned))
                {
                    api.send(format!(
                        "GET /api/users/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {issued}\r\n\
                         connection: close\r\n\r\n"
                    ));
                    secrets.push(issued);
                }
            }
        }
        let log = api.log();
        for secret in secrets {
            assert!(!log.contains(&secret), "{secret} in {log}");
        }
    }
}

/// The audit lines of a server.
pub(super) fn audit_lines(api: &Api) -> Vec<Value> {
    let log = api.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "hexreg::audit").collect()
}

/// The ids of the tokens by the names of their users, as a person looks them up.
fn token_id(api: &Api, name: &str) -> String {
    let listed = api.repository.hexreg().run(["auth", "list", "readers", "--json"]).ok().stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let mut entries = listed["entries"].as_array().unwrap().iter();
    let entry = entries.find(|entry| entry["name"] == name).unwrap();
    entry["id"].as_str().unwrap().to_owned()
}

/// The parts of a line that say who, what, and what became of it.
fn parts(line: &Value) -> [&str; 5] {
    ["user", "action", "package", "version", "result"].map(|key| line[key].as_str().unwrap_or("-"))
}

#[test]
fn a_change_that_a_token_may_not_make_is_in_the_log() {
    let api = Api::new();
    let ask = |who: Who, line: &str, body: &Body, status: u16| {
        expect(&api.ask(who, Format::Json, line, body), status);
    };
    let tarball = Body::Bytes(tarball("acme_tool", "1.0.0"));
    let release = "/api/packages/acme_tool/releases/1.0.0";
    let why = Body::Map(json!({"reason": "security"}));
    ask(Who::Reader, PUBLISH, &tarball, 401);
    ask(Who::Other, PUBLISH, &tarball, 403);
    ask(Who::Other, "POST /api/repos/acme/publish", &tarball, 403);
    ask(Who::Other, &format!("DELETE {release}"), &Body::None, 403);
    ask(Who::Other, &format!("POST {release}/retire"), &why, 403);
    ask(Who::Other, "POST /api/packages/acme_tool/retire", &why, 403);
    ask(Who::Other, &format!("POST {release}/docs"), &Body::Bytes(documentation()), 403);
    // Nobody knows who these are.
    ask(Who::Anonymous, PUBLISH, &tarball, 401);
    ask(Who::Expired, PUBLISH, &tarball, 401);
    // No change is asked for.
    ask(Who::Other, "GET /api/packages/acme_tool", &Body::None, 404);
    let lines = audit_lines(&api);
    let found: Vec<_> = lines.iter().map(parts).collect();
    assert_eq!(
        found,
        [
            ["reader", "publish", "acme_tool", "-", "refused"],
            ["other", "publish", "acme_tool", "-", "refused"],
            ["other", "publish", "acme_tool", "1.0.0", "refused"],
            ["other", "revert", "acme_tool", "1.0.0", "refused"],
            ["other", "retire", "acme_tool", "1.0.0", "refused"],
            ["other", "retire", "acme_tool", "-", "refused"],
            ["other", "publish docs", "acme_tool", "1.0.0", "refused"],
        ]
    );
    for line in &lines {
        assert_eq!(line["token"], token_id(&api, line["user"].as_str().unwrap()), "{line}");
        assert_eq!((&line["repository"], &line["client"]), (&"acme".into(), &"127.0.0.1".into()));
    }
    assert_eq!(lines[0]["reason"], "key not authorized for this action");
    assert_eq!(lines[1]["reason"], "account not authorized for this action");
}

/// A user may have several tokens, and each bearer token is of one of them.
#[test]
fn a_line_names_the_token_also_of_a_bearer_token() {
    let api = Api::new();
    let token = api.token(Who::Publisher);
    let exchange =
        json!({"grant_type": "client_credentials", "client_id": "x", "client_secret": token});
    let answer =
        api.ask(Who::Anonymous, Format::Json, "POST /api/oauth/token", &Body::Map(exchange));
    let bearer = super::body(&answer).unwrap()["access_token"].as_str().unwrap().to_owned();
    for credentials in [token.to_owned(), format!("Bearer {bearer}")] {
        api.send(format!(
            "DELETE /api/packages/acme_tool/releases/1.0.0 HTTP/1.1\r\nhost: x\r\nauthorization: {credentials}\r\n\
             connection: close\r\n\r\n"
        ));
    }
    let lines = audit_lines(&api);
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines {
        assert_eq!(parts(&line), ["publisher", "revert", "acme_tool", "1.0.0", "refused"]);
        assert_eq!(line["token"], token_id(&api, "publisher"), "{line}");
        assert_eq!(line["reason"], "there is no acme_tool 1.0.0");
    }
}

/// A change that was not made because of an error is not one that was refused. Others are made.
#[test]
fn a_change_that_fails_is_in_the_log_as_failed() {
    let api = Api::new();
    let ask = |line: &str, body: &Body| api.ask(Who::Publisher, Format::Json, line, body).status;
    assert_eq!(ask(PUBLISH, &Body::Bytes(tarball("acme_tool", "1.0.0"))), 201);
    let _ = fs::remove_dir_all(api.repository.path("public/docs"));
    api.repository.write("public/docs", b"no folder");
    let docs = "POST /api/packages/acme_tool/releases/1.0.0/docs";
    assert_eq!(ask(docs, &Body::Bytes(documentation())), 500);
    let later = "POST /api/packages/acme_more/releases";
    assert_eq!(ask(later, &Body::Bytes(tarball("acme_more", "1.0.0"))), 201);
    let lines = audit_lines(&api);
    let found: Vec<_> = lines.iter().map(|line| line["result"].as_str().unwrap()).collect();
    assert_eq!(found, ["done", "failed", "done"]);
    let reason = lines[1]["reason"].as_str().unwrap();
    assert!(reason.starts_with("could not ") && reason.contains("public/docs"), "{reason}");
}

/// All releases are retired together, and each has its line.
#[test]
fn each_of_many_retired_releases_is_in_the_log() {
    let api = Api::new();
    for version in ["1.0.0", "1.1.0"] {
        expect(&api.publish("acme_tool", &tarball("acme_tool", version), false), 201);
    }
    let why = Body::Map(json!({"reason": "security", "message": "use 2.0"}));
    let retire = "POST /api/packages/acme_tool/retire";
    expect(&api.ask(Who::Publisher, Format::Etf, retire, &why), 204);
    let wrong = Body::Map(json!({"reason": "security", "message": "no"}));
    expect(&api.ask(Who::Publisher, Format::Etf, retire, &wrong), 422);
    let lines = audit_lines(&api);
    let found: Vec<_> = lines[2..].iter().map(parts).collect();
    let line = |version, result| ["publisher", "retire", "acme_tool", version, result];
    assert_eq!(
        found,
        [
            line("1.0.0", "done"),
            line("1.1.0", "done"),
            line("1.0.0", "refused"),
            line("1.1.0", "refused")
        ]
    );
    for version in ["1.0.0", "1.1.0"] {
        let release = format!("GET /api/packages/acme_tool/releases/{version}");
        let answer = api.ask(Who::Publisher, Format::Json, &release, &Body::None);
        assert_eq!(super::body(&answer).unwrap()["retirement"]["message"], "use 2.0");
    }
}
