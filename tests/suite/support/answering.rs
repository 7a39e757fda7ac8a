//! A server that answers as a test says, and remembers what it was asked.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::server;

/// A request: its head, in lines, and its body.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: String,
    pub body: String,
}

impl Request {
    /// `METHOD /path?query`.
    pub fn line(&self) -> &str {
        self.head.split(" HTTP/").next().unwrap()
    }

    /// What a header says.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// A running server, which ends with the process.
pub struct Answering {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Request>>>,
}

/// A response whose body is not used by the test that measures it.
pub fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The listing of an empty bucket.
pub fn empty_bucket() -> String {
    answer(
        "200 OK",
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><KeyCount>0</KeyCount>\
         <IsTruncated>false</IsTruncated></ListBucketResult>",
    )
}

impl Answering {
    pub fn by(answer: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                // The client may be gone.
                thread::spawn(move || pass(stream, &*answer, &log));
            }
        });
        Self { address, asked }
    }

    /// It is an empty bucket for every client.
    pub fn empty_bucket() -> Self {
        Self::by(|_| empty_bucket())
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

fn pass(
    mut stream: TcpStream,
    answer: &dyn Fn(&Request) -> String,
    log: &Mutex<Vec<Request>>,
) -> Option<()> {
    let head = server::read_head(&mut stream)?;
    let mut request = Request { head, body: String::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    log.lock().unwrap().push(request.clone());
    stream.write_all(answer(&request).as_bytes()).ok()
}
