//! The way of requests to a bucket and to the services that hand out credentials: proxies and redirections.

use crate::support::answering::{Answering, answer};
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::free_address;

const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIA"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_REGION", "eu-west-1"),
];

fn verify(variables: &[&[(&str, &str)]], endpoint: &str) -> Ran {
    let repository = TestRepository::new();
    let variables = variables.concat();
    let hexreg =
        variables.iter().fold(repository.hexreg(), |run, (name, value)| run.env(name, value));
    let ran = hexreg.run(["verify", "s3://bucket/hex", &format!("--endpoint={endpoint}")]);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.transcript());
    ran
}

#[track_caller]
fn is_reached(ran: &Ran) {
    assert!(ran.stderr.contains("there is nothing there"), "{}", ran.transcript());
}

#[test]
fn requests_go_through_the_proxy_that_the_environment_names() {
    let proxy = Answering::empty_bucket();
    is_reached(&verify(&[&KEYS, &[("HTTP_PROXY", &proxy.url())]], "http://bucket.example"));
    let asked = proxy.asked();
    assert!(asked[0].line().starts_with("GET http://bucket.example/bucket?"), "{asked:?}");
}

/// For an address too: some programs do not apply `*` to addresses.
#[test]
fn no_proxy_is_used_if_none_is_set() {
    let (server, proxy) = (Answering::empty_bucket(), Answering::empty_bucket());
    for without in ["*", "127.0.0.0/8", "127.0.0.1"] {
        let variables = [("HTTP_PROXY", proxy.url()), ("NO_PROXY", without.to_owned())];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        is_reached(&verify(&[&KEYS, &variables], &server.url()));
    }
    assert!(proxy.asked().is_empty());
}

#[test]
fn an_unreachable_or_invalid_proxy_is_named() {
    let dead = format!("http://ci:hunter2@{}", free_address());
    let address = dead.rsplit('@').next().unwrap();
    let proxies = [
        ("HTTP_PROXY", dead.as_str(), "http://storage.example"),
        ("HTTPS_PROXY", &dead, "https://storage.example"),
        ("HTTPS_PROXY", "ftp://ci:hunter2@p:1", "https://storage.example"),
    ];
    let told = proxies.map(|(name, value, endpoint)| {
        let ran = verify(&[&KEYS, &[(name, value)]], endpoint);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        ran.stderr.replace(address, "PROXY")
    });
    insta::assert_snapshot!(told.concat(), @r#"
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: could not connect to storage.example through the proxy http://******@PROXY (HTTP_PROXY): Connection refused (os error 111)
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: could not connect to storage.example through the proxy http://******@PROXY (HTTPS_PROXY): Connection refused (os error 111)
    error: could not open s3://bucket/hex: HTTPS_PROXY is "ftp://******@p:1", which is no proxy: expected http://HOST:PORT, or nothing
    "#);
}

/// A proxy would return the credentials of its own machine.
#[test]
fn the_machines_own_key_service_is_asked_without_a_proxy() {
    let keys = r#"{"AccessKeyId": "ISSUED", "SecretAccessKey": "x", "Token": "y"}"#;
    let machine = Answering::by(move |_| answer("200 OK", keys));
    let proxy = Answering::empty_bucket();
    let container = format!("{}/keys", machine.url());
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("HTTP_PROXY", &proxy.url()),
    ];
    is_reached(&verify(&[&variables], "http://bucket.example"));
    assert_eq!((machine.asked().len(), proxy.asked().len()), (1, 1));
}

/// Credentials are for the named server, and for no other one.
#[test]
fn redirections_are_not_followed() {
    let other = Answering::empty_bucket();
    let to = format!("{}/login?session=hunter2", other.url().replace("//", "//ci:hunter2@"));
    let moved = move || {
        format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    };
    let server = Answering::by(move |_| moved());
    let container = format!("{}/keys?token=hunter2", server.url().replace("//", "//ci:hunter2@"));
    let session = [("AWS_SESSION_TOKEN", "token")];
    let role = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let told = [&[&KEYS[..], &session][..], &[&role]].map(|variables| {
        let ran = verify(variables, &server.url());
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        let told = ran.stderr.replace(&server.address().to_string(), "HOST");
        told.replace(&other.address().to_string(), "OTHER")
    });
    assert!(other.asked().is_empty());
    insta::assert_snapshot!(told.concat(), @r"
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: HOST redirects to http://******@OTHER/login: is it the storage itself?
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: HOST redirects to http://******@OTHER/login, and redirections are not followed
    ");
}

/// The URL of the service may contain a secret.
#[test]
fn a_service_without_keys_is_named_by_its_host_only() {
    let server = Answering::by(|_| answer("200 OK", "{}"));
    let url = format!("{}/keys?token=hunter2", server.url().replace("//", "//ci:hunter2@"));
    let variables =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()), ("AWS_REGION", "eu-west-1")];
    let ran = verify(&[&variables], &server.url());
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    insta::assert_snapshot!(ran.stderr.replace(&server.address().to_string(), "HOST"), @"error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: HOST returned no keys: it has no valid AccessKeyId and SecretAccessKey");
}
