//! Bodies that are larger than they look, come slowly, or never end.

use std::time::{Duration, Instant};

use crate::api::answers::expect;
use crate::api::{Api, Body, Format, Who, tarball};
use crate::support::exchange::Exchange;
use crate::support::raw_tar::{Entry, archive};
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;
use crate::support::{gzip, peak};

/// More memory than this, in MiB, no upload may take: a package may have 128 MiB of contents.
const MOST_MEMORY: u64 = 256;

/// How soon the server gives up on a client that sends nothing: after 30 seconds, and later on a busy machine.
const SOON: Duration = Duration::from_secs(60);

fn zeros(mebibytes: usize) -> Vec<u8> {
    gzip(&archive(&[Entry::file("zeros", &vec![0; mebibytes << 20])]))
}

#[test]
fn a_package_of_more_than_128_mebibytes() {
    let api = Api::new();
    let bomb = Tarball::new("acme_tool", "1.0.0").contents(&zeros(129)).build();
    let line = "POST /api/packages/acme_tool/releases?replace=false";
    let answer = api.ask(Who::Publisher, Format::Etf, line, &Body::Bytes(bomb));
    let body = expect(&answer, 422);
    assert!(body["errors"]["tar"].is_string(), "{body}");
    assert!(!api.repository.path("public/tarballs/acme_tool-1.0.0.tar").exists());
    let peak = peak::of(api.server.id()).unwrap();
    assert!(peak < MOST_MEMORY, "{peak} MiB");
}

#[test]
fn documentation_of_more_than_128_mebibytes() {
    let api = Api::new();
    let line = "POST /api/packages/welcome/releases/0.1.0/docs";
    let answer = api.ask(Who::Admin, Format::Etf, line, &Body::Bytes(zeros(129)));
    let body = expect(&answer, 422);
    assert!(body["errors"]["tar"].as_str().unwrap().contains("too big"), "{body}");
    assert!(!api.repository.path("public/docs/welcome-0.1.0.tar.gz").exists());
    let peak = peak::of(api.server.id()).unwrap();
    assert!(peak < MOST_MEMORY, "{peak} MiB");
}

/// Clients with tokens stop in the middle of their tarballs; another one publishes meanwhile, and the server closes
/// their connections.
#[test]
fn half_a_body_and_then_silence() {
    let api = Api::new();
    let bytes = tarball("acme_tool", "1.0.0");
    let head = format!(
        "POST /api/publish?replace=false HTTP/1.1\r\nhost: {}\r\n{}content-length: {}\r\n\r\n",
        api.server.address,
        api.authorization(Who::Publisher),
        bytes.len(),
    );
    let mut silent: Vec<Exchange> = (0..20)
        .map(|_| {
            let mut exchange = Exchange::with(&api.server).patience(SOON);
            exchange.send(&head);
            exchange.send(&bytes[..bytes.len() / 2]);
            exchange
        })
        .collect();
    let began = Instant::now();
    expect(&api.publish("acme_tool", &bytes, false), 201);
    // Long before the server gives up on the silent ones.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    for exchange in &mut silent {
        // It may be told so first.
        if let Some(answer) = exchange.response() {
            assert!(answer.status >= 400, "{answer:?}");
            assert!(exchange.ends());
        }
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    api.verify();
}

/// A body without a length, which the server has to refuse while it comes.
#[test]
fn a_body_that_never_ends() {
    let api = Api::new();
    for path in [
        "packages/acme_tool/releases?replace=true",
        "publish?replace=true",
        "packages/welcome/releases/0.1.0/docs",
        "packages/welcome/releases/0.1.0/retire",
        "oauth/token",
    ] {
        let head = format!(
            "POST /api/{path} HTTP/1.1\r\nhost: {}\r\n{}transfer-encoding: chunked\r\n\r\n",
            api.server.address,
            api.authorization(Who::Admin),
        );
        let mut exchange = Exchange::with(&api.server);
        exchange.send(&head);
        let chunk = [&b"10000\r\n"[..], &vec![b'a'; 1 << 16], b"\r\n"].concat();
        // 64 MiB, if the server takes them.
        let taken = (0..1024).take_while(|_| exchange.send(&chunk)).count();
        assert!(taken < 1000, "{path}: the server takes {taken} times 64 KiB");
        if let Some(answer) = exchange.response() {
            assert!([401, 403, 422].contains(&answer.status), "{path}: {answer:?}");
        }
    }
    let peak = peak::of(api.server.id()).unwrap();
    assert!(peak < MOST_MEMORY, "{peak} MiB");
    api.verify();
}

/// As a modem would send it: less than a slow line, and without end.
#[test]
fn a_body_that_drips() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let (api, idle) = (Api::of(repository, &["--idle-timeout=2"]), Duration::from_secs(2));
    let head = format!(
        "POST /api/publish?replace=true HTTP/1.1\r\nhost: {}\r\n{}content-length: 1000000\r\n\r\n",
        api.server.address,
        api.authorization(Who::Admin),
    );
    let mut exchange = Exchange::with(&api.server);
    exchange.send(&head);
    let began = Instant::now();
    while exchange.send("a") {
        assert!(began.elapsed() < 15 * idle, "the server waits for a byte a tenth of a second");
        std::thread::sleep(Duration::from_millis(100));
    }
}
