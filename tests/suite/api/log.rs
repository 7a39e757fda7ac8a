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
    let checksums = [tarball("acme_tool", "1.0.0"), other_tarball("acme_tool", "1.0.0")];
    let [first, other] = checksums.each_ref().map(|bytes| checksum(bytes));
    for (index, line) in lines.iter().enumerate() {
        let text = line.to_string();
        for part in ["publisher", "acme_tool", "1.0.0"] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        let text = text.to_lowercase();
        let expected = [Some(&first), Some(&first), Some(&other)].get(index).copied().flatten();
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
