//! Between a server and the storage behind it: passes requests on, or fails in a way that may be changed at any time.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::server;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Pass,
    /// The answer comes so much later.
    Delay(Duration),
    /// So many requests pass whose first line begins so. Further ones wait as long as this is the way.
    First(&'static str, usize),
    /// No answer comes as long as this is the way.
    Hang,
    /// The connection is closed.
    Close,
    /// An error of S3 with this status.
    Status(u16),
    /// A page for people, with 200.
    Page,
}

/// Passes requests on to a server.
pub struct Detour {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    way: Way,
    asked: Vec<String>,
}

impl Detour {
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { way: Way::Pass, asked: Vec::new() }));
        let shared = Arc::clone(&state);
        // It ends with the process: no client connects to it once its test is over.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                // The client may be gone.
                thread::spawn(move || pass(stream, server, &state));
            }
        });
        Self { address, state }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on.
    pub fn go(&self, way: Way) {
        self.state.lock().unwrap().way = way;
    }

    /// The requests so far whose first line has this text.
    pub fn count(&self, text: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|asked| asked.contains(text)).count()
    }

    /// The first lines of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

fn pass(mut client: TcpStream, server: SocketAddr, state: &Mutex<State>) -> Option<()> {
    // Connections are kept open, so that the way may change between two requests.
    loop {
        let head = server::read_head(&mut client)?;
        let lines = head.trim_end().lines();
        let length = lines.clone().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        client.read_exact(&mut body).ok()?;
        let (way, like_it) = {
            let mut state = state.lock().unwrap();
            state.asked.push(head.lines().next()?.to_owned());
            let way = state.way;
            let first = match way {
                Way::First(first, _) if head.starts_with(first) => Some(first),
                _ => None,
            };
            let asked = state.asked.iter();
            let like_it =
                first.map_or(0, |first| asked.filter(|one| one.starts_with(first)).count());
            (way, like_it)
        };
        match way {
            Way::Pass => {}
            Way::Delay(delay) => thread::sleep(delay),
            Way::First(_, most) => {
                while like_it > most && state.lock().unwrap().way == way {
                    thread::sleep(Duration::from_millis(10));
                }
            }
            Way::Hang => {
                while state.lock().unwrap().way == Way::Hang {
                    thread::sleep(Duration::from_millis(10));
                }
                return None;
            }
            Way::Close => return None,
            Way::Status(status) => {
                let body = "<?xml version=\"1.0\"?><Error><Code>TestError</Code></Error>";
                let head = format!("HTTP/1.1 {status} x\r\nContent-Type: application/xml\r\n");
                let length = format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let body = if head_only(&lines.clone().next()?) { "" } else { body };
                return client.write_all([&head, &*length, body].concat().as_bytes()).ok();
            }
            Way::Page => {
                let body = "<!DOCTYPE html><html><body>Sign in</body></html>";
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"page\"\r\n\
                            Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n";
                let length = format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let body = if head_only(&lines.clone().next()?) { "" } else { body };
                return client.write_all([head, &length, body].concat().as_bytes()).ok();
            }
        }
        let kept = lines.filter(|line| !line.to_lowercase().starts_with("connection:"));
        let lines: Vec<_> = kept.chain(["connection: close", "\r\n"]).collect();
        let mut server = TcpStream::connect(server).ok()?;
        server.write_all(&[lines.join("\r\n").as_bytes(), &body].concat()).ok()?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).ok()?;
        client.write_all(&answer).ok()?;
        if answer.to_ascii_lowercase().windows(17).any(|part| part == b"connection: close") {
            return None;
        }
    }
}

fn head_only(line: &&str) -> bool {
    line.starts_with("HEAD ")
}
