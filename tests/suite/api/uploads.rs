//! The temporary files of uploads.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::answers::expect;
use super::{Api, Body, Format, Who, add_tokens, tarball};
use crate::support::exchange::Exchange;
use crate::support::repository::TestRepository;
use crate::support::server::Server;

/// A server of `acme` that keeps uploads in `tmp`.
fn serve(repository: &TestRepository) -> Server {
    let arguments = ["public", "--private-key=key.pem", "--auth-file=readers"];
    Server::within(repository.root(), &["env", "TMPDIR=tmp"], &arguments)
}

pub(super) fn api() -> Api {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    fs::create_dir(repository.path("tmp")).unwrap();
    let tokens = add_tokens(&repository);
    let server = serve(&repository);
    Api { repository, server, tokens }
}

pub(super) fn uploads(api: &Api) -> Vec<PathBuf> {
    let entries = fs::read_dir(api.repository.path("tmp")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Sends the head of an upload and half of its body; the file of the upload is there afterwards.
fn begin_upload(api: &Api, bytes: &[u8]) -> Exchange {
    let mut exchange = Exchange::with(&api.server);
    exchange.send(format!(
        "POST /api/publish?replace=false HTTP/1.1\r\nhost: {}\r\n{}content-length: {}\r\n\r\n",
        api.server.address,
        api.authorization(Who::Publisher),
        bytes.len(),
    ));
    exchange.send(&bytes[..bytes.len() / 2]);
    let began = Instant::now();
    while uploads(api).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "no upload is received");
        std::thread::sleep(Duration::from_millis(10));
    }
    exchange
}

#[test]
fn those_of_a_killed_server_are_removed_at_the_next_start() {
    let mut api = api();
    let _unfinished = begin_upload(&api, &tarball("acme_tool", "1.0.0"));
    api.server.kill();
    let left = uploads(&api);
    assert_eq!(left.len(), 1, "{left:?}");
    api.repository.write("tmp/.hexreg-other", b"of another program");
    api.server = serve(&api.repository);
    let kept = api.repository.path("tmp/.hexreg-other");
    assert_eq!(uploads(&api), [kept]);
    assert!(api.log().contains("uploads of killed servers were removed"), "{}", api.log());
}

#[test]
fn those_of_a_server_that_runs_stay() {
    let api = api();
    let bytes = tarball("acme_tool", "1.0.0");
    let mut exchange = begin_upload(&api, &bytes);
    let second = serve(&api.repository);
    assert_eq!(uploads(&api).len(), 1);
    exchange.send(&bytes[bytes.len() / 2..]);
    let answer = exchange.response().expect("the upload is answered");
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(uploads(&api), Vec::<PathBuf>::new());
    drop(second);
    let line = "GET /api/packages/acme_tool/releases/1.0.0";
    expect(&api.ask(Who::Reader, Format::Json, line, &Body::None), 200);
}

/// Most clients send all of an upload before they read: what is refused is taken all the same, and then answered.
#[test]
fn a_client_that_sends_all_before_it_reads_is_told_why() {
    let api = api();
    for _ in 0..5 {
        let mut exchange = Exchange::with(&api.server);
        exchange.send(format!(
            "POST /api/publish HTTP/1.1\r\nhost: {}\r\nauthorization: hexreg_wrong\r\n\
             content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            api.server.address,
            24 << 20
        ));
        assert!(exchange.send(vec![b'x'; 24 << 20]), "the connection was reset");
        expect(&exchange.response().expect("the upload is answered"), 401);
        assert!(exchange.ends());
    }
}
