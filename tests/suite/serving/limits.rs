//! Malformed requests, and clients that hold connections.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::repository;
use crate::support::server::{Port, Server};

/// Waits until a server accepts no connection any more: it has seen the signal that ends it.
#[track_caller]
pub fn accepts_no_connection(server: &Server) {
    let began = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(20), "it accepts a connection");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Forms in which a proxy that finds another end of the request sees a second one.
#[test]
fn an_ambiguous_request_is_refused_and_its_connection_is_closed() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    let hidden = "GET /versions HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for head in [
        format!("Content-Length: {}\r\n", hidden.len()),
        "Transfer-Encoding: chunked\r\n".to_owned(),
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n".to_owned(),
        "Transfer-Encoding: identity\r\n".to_owned(),
        "Content-Length: 0\r\nContent-Length: 5\r\n".to_owned(),
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: +5\r\n".to_owned(),
        "Content-Length: 5, 5\r\n".to_owned(),
        " Content-Length: 5\r\n".to_owned(),
        "X: a\n b\r\nContent-Length : 5\r\n".to_owned(),
        "X: \0\r\n".to_owned(),
        "X\r\n".to_owned(),
        "Host: y\r\n".to_owned(),
    ] {
        let request =
            format!("GET /names HTTP/1.1\r\nHost: localhost\r\n{head}\r\n0\r\n\r\n{hidden}");
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 400"), "{head:?}: {text}");
        assert_eq!(
            text.matches("HTTP/1.1 ").count(),
            usize::from(!text.is_empty()),
            "{head:?}: {text}"
        );
    }
}

#[test]
fn malformed_and_large_requests_are_refused() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    let long = "x".repeat(20_000);
    let many = "X-Many: y\r\n".repeat(300);
    for (request, statuses) in [
        (format!("GET /names HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"), [431, 400]),
        (format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), [431, 414]),
        (format!("GET /names HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), [431, 400]),
        ("GET /names HTTP/9.9\r\nHost: localhost\r\n\r\n".to_owned(), [400, 505]),
        ("GET  /names HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), [400, 404]),
        ("junk\r\n\r\n".to_owned(), [400, 404]),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".to_owned(), [400, 400]),
    ] {
        let shown: String = request.chars().take(40).collect();
        if let Some(answer) = server.send(request.as_bytes(), true) {
            assert!(statuses.contains(&answer.status), "{} for {shown}", answer.status);
        }
    }
    assert_eq!(server.get("/names", &[]).status, 200, "it is well");
}

/// A client that sends a byte now and then.
#[test]
fn a_slow_head_is_cut_off() {
    let repository = repository();
    let server = Server::of(&repository, &["--idle-timeout=2"]);
    let mut stream = server.connect();
    let began = Instant::now();
    let mut alive = true;
    for byte in
        b"GET /names HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    {
        alive &= stream.write_all(&[*byte]).is_ok();
        if !alive {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

/// A client that requests a large file and reads nothing.
#[test]
fn a_client_that_reads_nothing_is_cut_off() {
    let repository = repository();
    repository.write("public/tarballs/big-1.0.0.tar", &vec![b'x'; 64 << 20]);
    let server = Server::of(&repository, &["--idle-timeout=2", "--metrics-listen=127.0.0.1:0"]);
    let mut stream = server.connect();
    stream.write_all(b"GET /tarballs/big-1.0.0.tar HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let (began, cut_off) = (Instant::now(), "hexreg_refusals_total{reason=\"too_slow\"} 1\n");
    while !server.metrics().contains(cut_off) {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", server.metrics());
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received);
    assert!(received.len() < 48 << 20, "{}", received.len());
}

/// A client that only holds a connection.
#[test]
fn an_idle_connection_is_closed() {
    let repository = repository();
    let server = Server::of(&repository, &["--idle-timeout=2"]);
    for said in ["", "P", "PRI * HTTP/2.0\r\n\r\n", "GET /names"] {
        let mut stream = server.connect();
        stream.write_all(said.as_bytes()).unwrap();
        let began = Instant::now();
        let _ = stream.read_to_end(&mut Vec::new());
        assert!(began.elapsed() < Duration::from_secs(20), "{said:?}: {:?}", began.elapsed());
    }
}

/// As after `hexreg serve public 2>&1 | head`.
#[test]
fn it_goes_on_and_ends_with_a_closed_log() {
    let repository = repository();
    let mut process = repository
        .hexreg()
        .command()
        .args(["serve", "public", "--listen=127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stderr.take());
    let mut said = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
    std::thread::spawn(move || said.lines().for_each(drop));
    for _ in 0..3 {
        assert_eq!(Port::of(port).get("/names", &[]).status, 200);
    }
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let began = Instant::now();
    while process.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(10) {
            process.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
