//! From a URL to a bucket, and the messages if that fails.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::repository::TestRepository;

/// A server that gives every request the same response.
fn canned(answer: &'static str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

/// The same, with the number of connections.
fn counted(answer: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let connections: Arc<AtomicUsize> = Arc::default();
    let counter = Arc::clone(&connections);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address.to_string(), connections)
}

/// A request that would fail again is not repeated.
#[test]
fn https_for_http_and_the_reverse_are_reported_at_once() {
    // An alert, with which a TLS server responds to other protocols.
    let alert = "\x15\x03\x03\0\x02\x02(";
    let plain = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    let nginx = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html><title>400 The plain HTTP \
                 request was sent to HTTPS port</title></html>";
    let missing =
        "HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n<Error><Code>x</Code></Error>";
    let said = [("https", plain, 1), ("http", alert, 2), ("http", nginx, 1), ("http", missing, 1)];
    let said = said.map(|(scheme, answer, expected)| {
        let (host, connections) = counted(answer);
        let said = listing(&format!("{scheme}://{host}"), "s3://bucket/acme");
        assert_eq!(connections.load(Ordering::SeqCst), expected, "{said}");
        said
    });
    insta::assert_snapshot!(said.concat(), @r"
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST does not speak https: write http://HOST
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST speaks https: write https://HOST
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST speaks https: write https://HOST
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST does not support this request: 501 Not Implemented (x)
    ");
}

/// A console responds to every request with its page.
#[test]
fn a_web_page_is_neither_an_empty_bucket_nor_a_registry() {
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 45\r\nETag: \"x\"\r\nLast-Modified: Thu, 01 Jan 2026 \
                00:00:00 GMT\r\nConnection: close\r\n\r\n<!DOCTYPE html><html><title>Console</title>...";
    let endpoint = canned(page);
    let host = endpoint.rsplit('/').next().unwrap();
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let build = ["build", "s3://bucket/acme", "--name=acme", "--private-key=key.pem"];
    let add = ["add", "public/tarballs/greeting-1.0.0.tar", "--to=s3://bucket/acme"];
    let add = [&add[..], &["--name=acme", "--private-key=key.pem"]].concat();
    for command in [
        &["verify", "s3://bucket/acme"][..],
        &["push", "public", "s3://bucket/acme", "--dry-run"],
        &["push", "public", "s3://bucket/acme"],
        &build,
        &add,
    ] {
        let run = repository.hexreg().env("AWS_ACCESS_KEY_ID", "AKIA");
        let run = run.env("AWS_SECRET_ACCESS_KEY", "secret").env("AWS_REGION", "eu-west-1");
        let ran = run.run([command, &["--endpoint", &endpoint]].concat());
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        let told = format!("{host} answered 200 OK with a web page");
        assert!(ran.stderr.contains(&told), "{}", ran.transcript());
    }
}

/// The message with keys, a region and `--endpoint`.
fn listing(endpoint: &str, url: &str) -> String {
    let repository = TestRepository::new();
    let run = repository.hexreg().env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_REGION", "eu-west-1");
    let run =
        run.env("AWS_SECRET_ACCESS_KEY", "secret-to-all").env("AZURE_STORAGE_ACCOUNT_NAME", "me");
    let run = run.env("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0").env("GOOGLE_SKIP_SIGNATURE", "true");
    let ran = run.run(["verify", url, &format!("--endpoint={endpoint}")]);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    let host = endpoint.rsplit('/').next().unwrap();
    assert!(ran.stderr.contains(host), "no host that was asked: {}", ran.stderr);
    ran.stderr.replace(host, "HOST")
}

#[test]
fn the_reason_of_a_server_is_reported_once() {
    const PAGE: &str =
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<!doctype html><title>Console</title>";
    let to_page = "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://ci:secret@login.example/?secret\r\n\
                   Connection: close\r\n\r\n";
    let answers = [
        "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n<?xml version=\"1.0\"?>\n<Error><Code>\
         SignatureDoesNotMatch</Code><Message>The signature does not match.</Message></Error>",
        "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n<Error><Code>NoSuchBucket</Code></Error>",
        "HTTP/1.1 301 Moved Permanently\r\nConnection: close\r\n\r\n<Error><Code>PermanentRedirect</Code></Error>",
        "HTTP/1.1 301 Moved Permanently\r\nx-amz-bucket-region: eu-west-1\r\nConnection: close\r\n\r\n<Error/>",
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<Error><Code>AuthorizationHeaderMalformed</Code>\
         <Message>Wrong.</Message><Region>eu-west-1</Region></Error>",
        to_page,
        "HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n<Error><Code>NotImplemented</Code></Error>",
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>what?</html>",
        "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n<html>where?</html>",
        PAGE,
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"kind\": \"storage#objects\"}",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<ListAllMyBucketsResult/>",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ];
    let said = answers.map(|answer| listing(&canned(answer), "s3://bucket/acme"));
    insta::assert_snapshot!(said.concat(), @r"
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST refused: 403 Forbidden (SignatureDoesNotMatch: The signature does not match)
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: there is no such bucket at HOST
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST says that the bucket is in another region: set AWS_REGION to where it is
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: the bucket is in the region eu-west-1, says HOST: set AWS_REGION=eu-west-1
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST refused: 400 Bad Request (AuthorizationHeaderMalformed: Wrong): set AWS_REGION=eu-west-1
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST redirects to https://******@login.example/: is it the storage itself?
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST does not support this request: 501 Not Implemented (NotImplemented)
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST answered 400 Bad Request with a web page: is it the storage itself, and no console, login page or proxy?
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST answered 404 Not Found with a web page: is it the storage itself, and no console, login page or proxy?
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST answered 200 OK with a web page: is it the storage itself, and no console, login page or proxy?
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST answered with what is no XML, and not with a listing: is it the storage itself?
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST answered with <ListAllMyBucketsResult>, and not with a listing: is it the storage itself?
    error: failed to verify s3://bucket/acme: could not list s3://bucket/acme: HOST answered with nothing, and not with a listing: is it the storage itself?
    ");
    let of_others =
        ["az://box/acme", "gs://bucket/acme"].map(|url| listing(&canned(answers[0]), url));
    insta::assert_snapshot!(of_others.concat(), @r"
    error: failed to verify az://box/acme: could not list az://box/acme: HOST refused: 403 Forbidden (SignatureDoesNotMatch: The signature does not match)
    error: failed to verify gs://bucket/acme: could not list gs://bucket/acme: HOST refused: 403 Forbidden (SignatureDoesNotMatch: The signature does not match)
    ");
}

#[test]
fn missing_settings_are_named() {
    let repository = TestRepository::new();
    let say = |url: &str, variables: &[(&str, &str)], more: &[&str]| {
        let run =
            variables.iter().fold(repository.hexreg(), |run, (name, value)| run.env(name, value));
        let ran = run.run([&["verify", url], more].concat());
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        ran.stderr.replace(&repository.root().display().to_string(), "…")
    };
    let keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    repository.write(".aws/config", b"[default]\nsso_session = acme\nregion = eu-west-1\n");
    let home = repository.root().display().to_string();
    let said = [
        say("s3://bucket", &keys, &[]),
        say("s3://bucket", &[keys[0], ("AWS_REGION", "eu-west-1")], &[]),
        say("s3://bucket", &[("AWS_EC2_METADATA_DISABLED", "true")], &[]),
        say("s3://bucket", &[("HOME", &home)], &[]),
        say("s3://bucket", &[("HOME", &home), ("AWS_PROFILE", "other")], &[]),
        say("s3://bucket", &keys, &["--endpoint=https://a:b@c"]),
        say("s3://bucket", &keys, &["--endpoint=s3.example"]),
        say("az://box", &[], &[]),
        say("gs://bucket", &[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")], &[]),
        say("s3:/bucket", &[], &[]),
        say("s3://key:secret@bucket", &[], &[]),
        say("public", &[], &["--endpoint=https://s3.example"]),
    ];
    insta::assert_snapshot!(said.concat(), @r"
    error: could not open s3://bucket: there is no region: set AWS_REGION to where the bucket is
    error: could not open s3://bucket: there are no credentials: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not
    error: could not open s3://bucket: there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE
    error: could not open s3://bucket: `sso_session` of [default] in …/.aws/config is set without sso_region
    error: could not open s3://bucket: there is no profile `other` in …/.aws/credentials or …/.aws/config
    error: could not open s3://bucket: --endpoint is `…@…`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open s3://bucket: --endpoint is `s3.example`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open az://box: there is no account: set AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING
    error: could not open gs://bucket: could not use /nowhere: No such file or directory (os error 2)
    error: invalid value 's3:/bucket' for '<DEST>': write s3://BUCKET/PREFIX, with two slashes; a directory of this name is ./s3:…

    For more information, try '--help'.
    error: it contains a user name or a password: credentials come from the environment

    Usage: hexreg verify [OPTIONS] <DEST>

    For more information, try '--help'.
    error: --endpoint is for buckets, and public is a directory
    hint: write s3://BUCKET/PREFIX, gs:// or az://, or leave it out
    ");
}
