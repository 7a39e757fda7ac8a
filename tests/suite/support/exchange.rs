//! A connection to a server, on which requests are sent piece by piece and responses are read one by one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::server::{Answer, Server, read_head};

pub struct Exchange {
    stream: TcpStream,
}

impl Exchange {
    pub fn with(server: &Server) -> Self {
        Self { stream: server.connect() }
    }

    /// From another address of the loopback interface: 127.0.0.NUMBER.
    pub fn from(number: u8, server: &Server) -> Self {
        Self { stream: server.connect_from(number) }
    }

    /// How long the next response may take.
    pub fn patience(self, patience: Duration) -> Self {
        self.stream.set_read_timeout(Some(patience)).unwrap();
        self
    }

    /// Sends bytes as they are. A server that has answered early need not take them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// The next response, which may be an interim one; `None` where the connection ends before.
    pub fn response(&mut self) -> Option<Answer> {
        let head = read_head(&mut self.stream)?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = vec![0; length.unwrap_or_default()];
        self.stream.read_exact(&mut body).ok()?;
        // An interim response and 204 have no body: neither length nor type.
        if status < 200 {
            assert!(!head.to_ascii_lowercase().contains("\ncontent-"), "{head}");
            return Some(Answer { status, headers: Vec::new(), body });
        }
        Answer::parse(&[head.as_bytes(), &body].concat(), false)
    }

    /// Whether the server has closed the connection, or does so in time.
    pub fn ends(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }
}
