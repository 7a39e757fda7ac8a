//! nginx and Caddy in front of `hexreg serve`, as `deploy/nginx-proxy.conf` and `deploy/Caddyfile-proxy` have them:
//! clients publish and read through them.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use super::proxies::{start_caddy, start_nginx};
use super::{deployed, fill};
use crate::api::hex_core;
use crate::clients::{Project, text};
use crate::support::exchange::Exchange;
use crate::support::raw_tar::Entry;
use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Server, free_address};
use crate::support::tarball::Tarball;
use crate::support::tools;

/// A proxy in front of these servers.
type Front = fn(&TestRepository, test: &str, servers: &[SocketAddr]) -> Option<Server>;

const FRONTS: [(&str, Front); 2] = [("nginx", nginx), ("caddy", caddy)];

/// The site as it is, with the address and the servers of the test.
fn nginx_site(servers: &[SocketAddr], listen: &str) -> String {
    let mut site = fill(&deployed("nginx-proxy.conf"), "listen 443 ssl;", listen);
    site = fill(&site, "server 127.0.0.1:8000;", &format!("server {};", servers[0]));
    if let Some(second) = servers.get(1) {
        site = fill(&site, "#server 192.0.2.11:8000;", &format!("server {second};"));
    }
    site
}

fn nginx(repository: &TestRepository, test: &str, servers: &[SocketAddr]) -> Option<Server> {
    let program = tools::find("nginx", test)?;
    let address = free_address();
    let mut site = nginx_site(servers, &format!("listen {address};"));
    site = fill(&site, "ssl_certificate /etc/ssl/hex.example.com.pem;", "");
    site = fill(&site, "ssl_certificate_key /etc/ssl/private/hex.example.com.key;", "");
    Some(start_nginx(&program, repository, &site, address))
}

fn caddy(repository: &TestRepository, test: &str, servers: &[SocketAddr]) -> Option<Server> {
    let program = tools::find("caddy", test)?;
    let address = free_address();
    let mut site = deployed("Caddyfile-proxy");
    // No authority gives the test a certificate.
    site = fill(&site, "\nhex.example.com {", &format!("\nhttp://:{} {{", address.port()));
    let addresses: Vec<_> = servers.iter().map(ToString::to_string).collect();
    site = fill(
        &site,
        "reverse_proxy 127.0.0.1:8000",
        &format!("reverse_proxy {}", addresses.join(" ")),
    );
    if servers.len() > 1 {
        for line in ["lb_policy", "lb_try_duration", "fail_duration"] {
            site = fill(&site, &format!("#{line}"), line);
        }
    }
    Some(start_caddy(&program, repository, &site, address))
}

/// `acme` with the sample packages, and the token of a publisher.
fn repository() -> (TestRepository, String) {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let added = repository.hexreg().run(["auth", "add", "readers", "ci", "--can=publish"]).ok();
    (repository, added.stdout.trim().to_owned())
}

fn serve(repository: &TestRepository) -> Server {
    let url = "--url=https://hex.example.com";
    Server::of(repository, &["--private-key=key.pem", "--auth-file=readers", url])
}

/// The head of an upload that waits for an interim response.
fn head(token: &str, length: usize) -> String {
    format!(
        "POST /api/publish HTTP/1.1\r\nHost: hex.example.com\r\nAuthorization: {token}\r\n\
         X-Forwarded-For: 192.0.2.7\r\nContent-Type: application/octet-stream\r\n\
         Accept: application/json\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    )
}

/// Sends an upload whole, and returns the final response.
fn upload(mut exchange: Exchange, token: &str, body: &[u8]) -> Answer {
    exchange.send(head(token, body.len()));
    exchange.send(body);
    last(&mut exchange)
}

/// The final response.
fn last(exchange: &mut Exchange) -> Answer {
    let mut answers = std::iter::from_fn(|| exchange.response());
    answers.find(|answer| answer.status >= 200).expect("the upload is answered")
}

#[test]
fn a_client_that_waits_before_it_uploads_is_told_to_go_on() {
    let test = "a_client_that_waits_before_it_uploads_is_told_to_go_on";
    for (name, front) in FRONTS {
        let (repository, token) = repository();
        let server = serve(&repository);
        let Some(front) = front(&repository, test, &[server.address]) else { continue };
        let tarball = Tarball::new("acme_tool", "1.0.0").build();
        let mut exchange = Exchange::from(5, &front);
        exchange.send(head(&token, tarball.len()));
        assert_eq!(exchange.response().expect("an interim response").status, 100, "{name}");
        exchange.send(&tarball);
        // One interim response: after a second one, Erlang's client sends the upload again.
        let answer = exchange.response().expect("the upload is answered");
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        assert!(answer.text().contains("https://hex.example.com/"), "{name}: {}", answer.text());
        // The client is the proxy's, whatever it says of itself.
        let log = String::from_utf8(repository.read("serve.log")).unwrap();
        let change = log.lines().find(|line| line.contains("hexreg::audit")).expect("it is logged");
        assert!(change.contains("\"client\":\"127.0.0.5\""), "{name}: {change}");

        let credentials = format!("Authorization: {token}");
        let headers = [credentials.as_str(), "Accept-Encoding: gzip, br, zstd"];
        let answer = front.get("/tarballs/acme_tool-1.0.0.tar", &headers);
        assert_eq!((answer.status, &answer.body), (200, &tarball), "{name}");
        for path in ["/names", "/packages/acme_tool"] {
            let (answer, direct) = (front.get(path, &headers), server.get(path, &headers));
            assert_eq!((answer.status, answer.header("content-encoding")), (200, None), "{name}");
            assert_eq!(answer.body, direct.body, "{name}: {path}");
            assert_eq!(answer.expect("etag"), direct.expect("etag"), "{name}: {path}");
            let condition = format!("If-None-Match: {}", answer.expect("etag"));
            assert_eq!(front.get(path, &[&headers[..], &[&condition]].concat()).status, 304);
        }
    }
}

#[test]
fn what_hexreg_refuses_is_refused_in_its_words() {
    let test = "what_hexreg_refuses_is_refused_in_its_words";
    for (name, front) in FRONTS {
        let (repository, token) = repository();
        let server = serve(&repository);
        let Some(front) = front(&repository, test, &[server.address]) else { continue };
        let refused =
            |token: &str, size: usize| upload(Exchange::with(&front), token, &vec![b'x'; size]);
        let answer = refused("hexreg_wrong", 8 << 20);
        assert_eq!(answer.status, 401, "{name}: {}", answer.text());
        assert!(answer.text().contains("invalid API key"), "{name}: {}", answer.text());
        let answer = refused(&token, (16 << 20) + 1);
        assert_eq!(answer.status, 422, "{name}: {}", answer.text());
        assert!(answer.text().contains("too big"), "{name}: {}", answer.text());
        // Caddy counts as it sends on, and hexreg refuses at once.
        let status = refused(&token, 21 << 20).status;
        assert!([413, 422].contains(&status), "{name}: {status}");
    }
}

#[test]
fn clients_publish_and_fetch_through_each() {
    let test = "clients_publish_and_fetch_through_each";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    for (_, front) in FRONTS {
        let (repository, token) = repository();
        let server = serve(&repository);
        let Some(front) = front(&repository, test, &[server.address]) else { continue };
        let files = ["acme_tool", "acme_lib"].map(|name| {
            let file = format!("{name}-1.0.0.tar");
            repository.write(&file, &Tarball::new(name, "1.0.0").build());
            repository.path(&file).to_str().unwrap().to_owned()
        });
        hex_core::publishes(test, &format!("{}/api", front.url()), &token, &[&files[0], &files[1]]);
        Project::of(rebar3.clone(), &repository, &front.url(), Some(&token)).fetches(&repository);
    }
}

/// With the lines for several servers, one that is gone is not noticed.
#[test]
fn the_other_server_answers_when_one_is_gone() {
    let test = "the_other_server_answers_when_one_is_gone";
    for (name, front) in FRONTS {
        let (repository, token) = repository();
        let (server, other) = (serve(&repository), serve(&repository));
        let servers = [server.address, other.address];
        let Some(front) = front(&repository, test, &servers) else { continue };
        let credentials = format!("Authorization: {token}");
        let ask = || front.get("/packages/welcome", &[&credentials]).status;
        let before: Vec<_> = (0..10).map(|_| ask()).collect();
        drop(other);
        let after: Vec<_> = (0..20).map(|_| ask()).collect();
        assert_eq!((before, after), (vec![200; 10], vec![200; 20]), "{name}");
        let tarball = Tarball::new("acme_tool", "1.0.0").build();
        assert_eq!(upload(Exchange::with(&front), &token, &tarball).status, 201, "{name}");
    }
}

/// curl waits for an interim response before it sends more than a mebibyte.
#[test]
fn nginx_has_the_certificate() {
    let test = "nginx_has_the_certificate";
    let programs = tools::find("nginx", test).zip(tools::find("openssl", test));
    let Some(((nginx, openssl), curl)) = programs.zip(tools::find("curl", test)) else { return };
    let (repository, token) = repository();
    let server = serve(&repository);
    let made = Command::new(openssl)
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-subj", "/CN=hex.example.com", "-addext", "subjectAltName=DNS:hex.example.com"])
        .args(["-out", "cert.pem", "-keyout", "tls.pem"])
        .current_dir(repository.root())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made));
    let address = free_address();
    let mut site = nginx_site(&[server.address], &format!("listen {address} ssl;"));
    let (cert, key) = (repository.path("cert.pem"), repository.path("tls.pem"));
    site = fill(&site, "/etc/ssl/hex.example.com.pem", cert.to_str().unwrap());
    site = fill(&site, "/etc/ssl/private/hex.example.com.key", key.to_str().unwrap());
    let _front = start_nginx(&nginx, &repository, &site, address);
    // Bytes that gzip does not make fewer.
    let bytes = (0..1_u64 << 18).flat_map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    let file = Entry::file("big", &bytes.collect::<Vec<_>>());
    let tarball = Tarball::new("acme_tool", "1.0.0").files(&[file]).build();
    assert!(tarball.len() > 1 << 20);
    repository.write("acme_tool.tar", &tarball);
    let ask = |arguments: &[&str]| {
        let output = Command::new(&curl)
            .args(["--silent", "--show-error", "--fail-with-body", "--cacert", "cert.pem"])
            .args(["--resolve", &format!("hex.example.com:{}:127.0.0.1", address.port())])
            .args(["--header", &format!("Authorization: {token}")])
            .args(arguments)
            .current_dir(repository.root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        output.stdout
    };
    let url = |path: &str| format!("https://hex.example.com:{}{path}", address.port());
    ask(&["--data-binary", "@acme_tool.tar", &url("/api/publish")]);
    let fetched = ask(&[&url("/tarballs/acme_tool-1.0.0.tar")]);
    assert_eq!(fetched, fs::read(repository.path("acme_tool.tar")).unwrap());
}
