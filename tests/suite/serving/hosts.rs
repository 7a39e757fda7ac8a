//! The hosts that requests may be for, and a header of every response.

use super::repository;
use crate::support::server::Server;

/// The request of a web page whose name was made to resolve to 127.0.0.1.
#[test]
fn a_server_on_loopback_refuses_names_that_others_can_own() {
    let repository = repository();
    let server = Server::of(
        &repository,
        &["--url=http://hex.example.com:8000/", "--metrics-listen=127.0.0.1:0"],
    );
    for (host, status) in [
        ("attacker.example", 421),
        ("127.0.0.1.attacker.example:8000", 421),
        ("192.0.2.1", 421),
        ("localhost", 200),
        ("localhost:1", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("HEX.example.com", 200),
        ("hex.example.com:444", 200),
    ] {
        for path in ["/packages/welcome", "/"] {
            assert_eq!(server.get_from(host, path, &[]).status, status, "{host} {path}");
        }
        assert_eq!(server.get_from(host, "/healthz", &[]).status, 200, "{host}");
    }
    let answer = server.get_from("attacker.example", "/packages/welcome", &[]);
    assert!(answer.text().contains("--url=http://NAME"), "{}", answer.text());
    assert_eq!(answer.expect("cache-control"), "no-store");
    // The authority in the request target comes before the header.
    let answer = server.get_from("localhost", "http://attacker.example/packages/welcome", &[]);
    assert_eq!(answer.status, 421);
    let metrics = server.metrics();
    assert!(metrics.contains("hexreg_refusals_total{reason=\"other_host\"} 8\n"), "{metrics}");
    assert!(metrics.contains("kind=\"other\",status=\"421\"} 8\n"), "{metrics}");
}

#[test]
fn with_credentials_any_host_is_allowed() {
    let repository = repository();
    let token = repository.hexreg().run(["auth", "add", "readers", "ci"]).ok().stdout;
    let token = format!("Authorization: {}", token.trim());
    let server = Server::of(&repository, &["--auth-file=readers"]);
    assert!(!server.said.contains("it answers to localhost"), "{}", server.said);
    assert_eq!(server.get_from("hex.example.com", "/names", &[]).status, 401);
    assert_eq!(server.get_from("hex.example.com", "/names", &[&token]).status, 200);
    // Of several, a proxy may have checked another one.
    for more in ["Authorization: junk", &token] {
        assert_eq!(server.get("/names", &[&token, more]).status, 400);
        assert_eq!(server.get("/names", &[more, &token]).status, 400);
    }
    let server = Server::of(&repository, &[]);
    assert!(server.said.contains("it answers to localhost and 127.0.0.1 alone"), "{}", server.said);
}

#[test]
fn every_response_forbids_guessing_its_type() {
    let repository = repository();
    let token = repository.hexreg().run(["auth", "add", "readers", "ci"]).ok().stdout;
    let token = format!("Authorization: {}", token.trim());
    let server = Server::of(&repository, &["--auth-file=readers"]);
    let etag = server.get("/names", &[&token]).expect("etag").to_owned();
    let known = format!("If-None-Match: {etag}");
    for (method, path, lines, status) in [
        ("GET", "/", vec![&*token], 200),
        ("GET", "/names", vec![&token], 200),
        ("HEAD", "/names", vec![&token], 200),
        ("GET", "/names", vec![&token, &known], 304),
        ("GET", "/names", vec![&token, "Range: bytes=0-1"], 206),
        ("GET", "/names", vec![&token, "Range: bytes=99999999-"], 416),
        ("GET", "/names", vec![&token, "If-Match: \"other\""], 412),
        ("GET", "/nothing", vec![&token], 404),
        ("GET", "/names", vec![], 401),
        ("POST", "/names", vec![], 405),
        ("GET", "/names", vec!["Content-Length: 5"], 400),
        ("GET", "/healthz", vec![], 200),
    ] {
        let answer = server.ask(method, path, &lines);
        assert_eq!(answer.status, status, "{method} {path} {lines:?}");
        assert_eq!(answer.expect("x-content-type-options"), "nosniff", "{method} {path}");
        let said = answer.headers.iter().filter(|(name, _)| name == "x-content-type-options");
        assert_eq!(said.count(), 1, "{method} {path}");
    }
}
