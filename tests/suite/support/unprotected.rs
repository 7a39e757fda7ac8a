//! A web server that protects nothing: all files on one origin, for a reader with a password, without one header that keeps
//! pages apart. Attacks have to succeed there, or a test of them tells nothing.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use super::server::read_head;

/// Serves these files. It ends with the test's process.
pub struct Unprotected {
    pub address: SocketAddr,
}

struct Content {
    files: BTreeMap<String, Vec<u8>>,
    /// The line that a reader's browser sends, if it has to.
    authorization: Option<String>,
}

impl Unprotected {
    /// `files` by their paths without a slash in front. `credentials` is `NAME:PASSWORD` in Base64.
    pub fn start(files: BTreeMap<String, Vec<u8>>, credentials: Option<&str>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let authorization =
            credentials.map(|one| format!("authorization: basic {one}").to_lowercase());
        let content = Arc::new(Content { files, authorization });
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let content = Arc::clone(&content);
                thread::spawn(move || content.answer(stream));
            }
        });
        Self { address }
    }
}

impl Content {
    fn answer(&self, mut stream: TcpStream) -> Option<()> {
        let head = read_head(&mut stream)?;
        // A form that is not read to its end is not answered.
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
        });
        stream.read_exact(&mut vec![0; length.unwrap_or(0)]).ok()?;
        let path = head.split(' ').nth(1)?.split(['?', '#']).next()?.trim_start_matches('/');
        let knows = |line: &String| head.lines().any(|one| one.to_lowercase() == *line);
        let (status, more, body) = if !self.authorization.as_ref().is_none_or(knows) {
            ("401 Unauthorized", "WWW-Authenticate: Basic realm=\"r\"\r\n", &b"who are you?"[..])
        } else if let Some(body) = self.files.get(path) {
            ("200 OK", "Service-Worker-Allowed: /\r\n", &body[..])
        } else {
            ("404 Not Found", "", &b"nothing"[..])
        };
        let kind = match path.rsplit('.').next()? {
            "js" => "text/javascript",
            "css" => "text/css",
            "json" => "application/json",
            "png" => "image/png",
            _ => "text/html",
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).ok()
    }
}
