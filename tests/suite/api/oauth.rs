//! The exchange of a token for one that ends soon, which Hex makes for repositories.

use std::time::Duration;

use serde_json::{Value, json};

use super::answers::expect;
use super::{Api, Body, Format, Who, serve, tarball};
use crate::support::repository::TestRepository;
use crate::support::server::Server;

const EXCHANGE: &str = "POST /api/oauth/token";

fn api() -> Api {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    Api::of(repository, &[])
}

fn credentials(token: &str) -> Body {
    Body::Map(json!({
        "grant_type": "client_credentials",
        "client_id": "78ea6566-89fd-481e-a1d6-7d9d78eacca8",
        "client_secret": token,
        "scope": "repositories",
    }))
}

#[track_caller]
fn exchange(api: &Api, who: Who) -> String {
    let answer = api.ask(Who::Anonymous, Format::Etf, EXCHANGE, &credentials(api.token(who)));
    let body = expect(&answer, 200);
    assert_eq!(body["expires_in"], 1800, "{body}");
    assert!(body["token_type"].as_str().is_none_or(|kind| kind.eq_ignore_ascii_case("bearer")));
    let issued = body["access_token"].as_str().unwrap_or_else(|| panic!("{body}"));
    assert!(!issued.contains(api.token(who)), "it must not contain the token that it came from");
    issued.to_owned()
}

fn names(server: &Server, token: &str) -> u16 {
    server.get("/names", &[&format!("authorization: Bearer {token}")]).status
}

/// Several servers behind one address need nothing in common but the file of tokens.
#[test]
fn another_server_accepts_what_one_has_issued() {
    let api = api();
    let second = serve(&api.repository, &[]);
    let issued = exchange(&api, Who::Reader);
    assert_eq!((names(&api.server, &issued), names(&second, &issued)), (200, 200));
    let changed = format!("{}x", &issued[..issued.len() - 1]);
    assert_eq!((names(&api.server, &changed), names(&second, &changed)), (401, 401));
}

#[test]
fn it_ends_with_the_token_that_it_came_from() {
    let api = api();
    let issued = exchange(&api, Who::Reader);
    assert_eq!(names(&api.server, &issued), 200);
    api.repository.hexreg().run(["auth", "remove", "readers", "reader"]).ok();
    let statuses = (0..600).map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        names(&api.server, &issued)
    });
    assert!(statuses.into_iter().any(|status| status == 401));
}

/// What a token may do, and no more, may be done with what comes of it.
#[test]
fn it_may_do_no_more_than_the_token_that_it_came_from() {
    let api = api();
    let issued = exchange(&api, Who::Reader);
    let bytes = tarball("acme_tool", "1.0.0");
    let head = format!(
        "POST /api/publish HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {issued}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        api.server.address,
        bytes.len(),
    );
    let answer = api.send([head.as_bytes(), &bytes].concat());
    assert!([401, 403].contains(&answer.status), "{answer:?}");
    assert!(!api.repository.path("public/packages/acme_tool").exists());
}

/// A form, as the specification of OAuth has it.
#[test]
fn a_form_is_read_too() {
    let api = api();
    let form = format!(
        "grant_type=client_credentials&client_id=x&scope=repositories&client_secret={}",
        api.token(Who::Reader)
    );
    let answer = api.send(format!(
        "{EXCHANGE} HTTP/1.1\r\nhost: {}\r\naccept: application/json\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        api.server.address,
        form.len(),
    ));
    assert!(expect(&answer, 200)["access_token"].is_string());
}

/// A login in a browser is what hex.pm has: here, the answer says what to do instead.
#[test]
fn a_login_is_told_to_set_a_key() {
    let api = api();
    for format in [Format::Etf, Format::Json] {
        let body =
            Body::Map(json!({"client_id": "x", "scope": "api repositories", "name": "laptop"}));
        let answer = api.ask(Who::Anonymous, format, "POST /api/oauth/device_authorization", &body);
        let body = super::body(&answer).unwrap();
        assert!(body.to_string().contains("HEX_API_KEY"), "{body}");
    }
}

/// mix sends hex.pm's own when that has expired: it must not be told to try again.
#[test]
fn a_refresh_token_of_hex_pm_is_refused() {
    let api = api();
    let body = Body::Map(json!({
        "grant_type": "refresh_token",
        "refresh_token": "abc",
        "client_id": "78ea6566-89fd-481e-a1d6-7d9d78eacca8",
    }));
    let answer = api.ask(Who::Anonymous, Format::Etf, EXCHANGE, &body);
    let body = super::body(&answer).unwrap_or(Value::Null);
    assert!(answer.status >= 400, "{body}");
    assert!(
        !["authorization_pending", "slow_down"].contains(&body["error"].as_str().unwrap_or(""))
    );
    assert!(!body.to_string().contains("abc"), "{body}");
}
