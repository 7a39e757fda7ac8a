//! Tokens as keys, which clients list and ask for.

use serde_json::{Value, json};

use super::answers::expect;
use super::{Api, Body, Format, Who};
use crate::support::repository::TestRepository;

/// The admin's token is valid until the end of 2098.
fn api() -> Api {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let api = Api::of(repository, &[]);
    let file = String::from_utf8(api.repository.read("readers")).unwrap();
    let file = file.replace(":can=admin\n", ":can=admin:until=2098-12-31\n");
    assert!(file.contains("2098-12-31"), "{file}");
    api.repository.write("readers", file.as_bytes());
    Api { server: super::serve(&api.repository, &[]), ..api }
}

#[test]
fn a_key_says_when_it_ends_and_not_when_it_was_made() {
    let api = api();
    let keys = |who| expect(&api.ask(who, Format::Etf, "GET /api/keys", &Body::None), 200);
    let one = |who, name| {
        expect(&api.ask(who, Format::Json, &format!("GET /api/keys/{name}"), &Body::None), 200)
    };
    assert_eq!(keys(Who::Admin)[0]["revoke_at"], "2099-01-01T00:00:00Z");
    assert_eq!(one(Who::Admin, "admin"), keys(Who::Admin)[0]);
    let reader = &keys(Who::Reader)[0];
    assert_eq!(reader["revoke_at"], Value::Null);
    // rebar3 crashes on anything but a text, and clients show it as it is.
    assert_eq!(
        (&reader["inserted_at"], &reader["updated_at"]),
        (&json!("unknown"), &json!("unknown"))
    );
}

/// rebar3 would store what it gets as its key, which would end soon.
#[test]
fn a_bearer_token_makes_no_keys() {
    let api = api();
    let credentials = Body::Map(json!({
        "grant_type": "client_credentials",
        "client_id": "x",
        "client_secret": api.token(Who::Publisher),
    }));
    let line = "POST /api/oauth/token";
    let issued = expect(&api.ask(Who::Anonymous, Format::Etf, line, &credentials), 200);
    let bearer = issued["access_token"].as_str().unwrap();
    let post = |authorization: &str| {
        api.send(format!(
            "POST /api/keys HTTP/1.1\r\nhost: {}\r\nauthorization: {authorization}\r\n\
             accept: application/json\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            api.server.address
        ))
    };
    let basic = data_encoding::BASE64.encode(format!("me:{bearer}").as_bytes());
    for authorization in [format!("Bearer {bearer}"), bearer.to_owned(), format!("Basic {basic}")] {
        let told = expect(&post(&authorization), 403);
        let message = told["message"].as_str().unwrap();
        assert!(message.starts_with("a bearer token makes no keys"), "{message}");
        assert!(!message.contains(bearer));
    }
    let made = expect(&post(api.token(Who::Publisher)), 201);
    assert_eq!(made["secret"], api.token(Who::Publisher));
}

#[test]
fn an_expired_token_is_told_when_it_expired() {
    let api = api();
    let expected = "API key expired at 2021-01-01T00:00:00Z: get a new token for this server";
    for format in [Format::Etf, Format::Json] {
        let answer = api.ask(Who::Expired, format, "GET /api/users/me", &Body::None);
        assert_eq!(expect(&answer, 401)["message"], expected);
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"hex\""));
        let credentials = Body::Map(json!({
            "grant_type": "client_credentials",
            "client_id": "x",
            "client_secret": api.token(Who::Expired),
        }));
        let answer = api.ask(Who::Anonymous, format, "POST /api/oauth/token", &credentials);
        let told = expect(&answer, 401);
        assert_eq!(told["error"], "invalid_client");
        let description = told["error_description"].as_str().unwrap();
        assert!(description.contains("expired at 2021-01-01T00:00:00Z"), "{description}");
    }
}
