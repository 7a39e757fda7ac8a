//! The configuration changes while clients read and publish.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::reloading::{HEAD, failed_reloads, table, two, wait_until};
use crate::support::server::{Answer, Server, read_head};
use crate::support::tarball::Tarball;

/// How often the file changes.
const CHANGES: usize = 20;

/// What went wrong, and how much went well, of each client.
struct Clients {
    is_over: AtomicBool,
    failures: Mutex<Vec<String>>,
    done: [AtomicUsize; 4],
}

impl Clients {
    /// Repeats a request until the end. It says what is wrong with its answer.
    fn repeat(&self, client: usize, mut request: impl FnMut(usize) -> Result<(), String>) {
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.done[client].fetch_add(1, Ordering::Relaxed);
            if let Err(failure) = request(number) {
                self.failures.lock().unwrap().push(format!("client {client}, {number}: {failure}"));
                return;
            }
        }
    }
}

/// One request on a connection that stays open.
fn get_on(stream: &mut TcpStream, path: &str, token: &str) -> Result<(), String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{token}\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let head = read_head(stream).ok_or("the connection was closed")?;
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).ok_or("no length")?;
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).map_err(|error| error.to_string())?;
    let is_good = head.starts_with("http/1.1 200") && !head.contains("connection: close");
    if is_good { Ok(()) } else { Err(head) }
}

#[test]
fn no_request_fails_while_the_configuration_changes() {
    let (repository, token) = two();
    let acme = |anonymous: bool| {
        table("acme", "public", &format!("private-key = \"key.pem\"\nanonymous = {anonymous}"))
    };
    let other = table("other", "second", "anonymous = true");
    let file = repository.path("hexreg.toml");
    fs::write(&file, format!("{HEAD}{}", acme(false))).unwrap();
    let server = Server::run(repository.root(), &["--config=hexreg.toml"]);
    let clients = Clients {
        is_over: AtomicBool::new(false),
        failures: Mutex::default(),
        done: Default::default(),
    };
    let expect = |answer: Option<Answer>, status: u16| match answer {
        Some(answer) if answer.status == status => Ok(()),
        other => Err(format!("{other:?}")),
    };
    std::thread::scope(|scope| {
        for path in ["/repos/acme/versions", "/repos/acme/tarballs/welcome-0.1.0.tar"] {
            let (clients, server, token) = (&clients, &server, &token);
            scope.spawn(move || {
                let mut stream = server.connect();
                clients.repeat(0, |_| get_on(&mut stream, path, token));
            });
        }
        scope.spawn(|| {
            clients.repeat(1, |_| expect(Some(server.get("/repos/acme/names", &[&token])), 200));
        });
        scope.spawn(|| clients.repeat(2, |_| expect(Some(server.get("/healthz", &[])), 200)));
        scope.spawn(|| {
            clients.repeat(3, |number| {
                let body = Tarball::new("loaded", &format!("1.0.{number}")).build();
                let head = format!(
                    "POST /api/repos/acme/publish HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{token}\r\n\
                     Content-Type: application/octet-stream\r\nAccept: application/json\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                expect(server.send(&[head.as_bytes(), &body].concat(), false), 201)
            });
        });
        let changes = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for change in 0..CHANGES {
                let (is_broken, has_other) = (change % 5 == 4, change % 2 == 0);
                let mut text = format!("{HEAD}{}", acme(change % 3 == 0));
                if has_other {
                    text.push_str(&other);
                }
                if is_broken {
                    text.push_str("junk");
                }
                let before = failed_reloads(&server);
                if change % 4 == 1 {
                    fs::write(repository.path("new.toml"), text).unwrap();
                    fs::rename(repository.path("new.toml"), &file).unwrap();
                } else {
                    fs::write(&file, text).unwrap();
                }
                if change % 7 == 3 {
                    server.signal("-HUP");
                }
                if is_broken {
                    wait_until(&repository, "it is refused", || failed_reloads(&server) > before);
                } else {
                    let expected = if has_other { 200 } else { 404 };
                    let is_anonymous = if change % 3 == 0 { 200 } else { 401 };
                    wait_until(&repository, "it is taken", || {
                        server.get("/repos/other/names", &[&token]).status == expected
                            && server.get("/repos/acme/names", &[]).status == is_anonymous
                    });
                }
            }
        }));
        clients.is_over.store(true, Ordering::Relaxed);
        changes.unwrap();
    });
    assert_eq!(*clients.failures.lock().unwrap(), Vec::<String>::new());
    let done = clients.done.map(AtomicUsize::into_inner);
    assert!(done.iter().all(|done| *done >= CHANGES), "{done:?}");
    // Nothing that was published is missing.
    drop(server);
    let verified = repository.hexreg().run(["verify", "public"]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    for number in 0..done[3] {
        assert!(repository.path(&format!("public/tarballs/loaded-1.0.{number}.tar")).exists());
    }
}
