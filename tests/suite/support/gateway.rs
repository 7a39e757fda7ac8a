//! Between a command and an S3 server: what other storage, or what lies before it, makes of conditions and tags.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::server;

/// What becomes of requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As Ceph's gateway: a tag in quotes is never the object's.
    BareTags,
    /// No tag is ever the object's, and those that it gives are weak: as behind a proxy that compresses.
    WeakTags,
    /// As Swift: whatever has a condition is answered with 501.
    NoConditions,
    /// As Ceph's gateway in a bucket with versions.
    IgnoresAbsence,
    /// Listings have no tags.
    UntaggedListings,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// With its query.
    pub path: String,
}

/// Passes requests on to a server, in the manner of another one.
pub struct Gateway {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Gateway {
    pub fn before(server: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let log = Arc::clone(&asked);
        // It ends with the process: no client connects to it once its test is over.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let log = Arc::clone(&log);
                // The client may be gone.
                thread::spawn(move || pass(stream, server, manner, &log));
            }
        });
        Self { address, asked }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it is asked meanwhile.
    pub fn asked_for(&self, what: impl FnOnce()) -> Vec<Asked> {
        let before = self.asked.lock().unwrap().len();
        what();
        self.asked.lock().unwrap().split_off(before)
    }
}

fn pass(
    mut client: TcpStream,
    server: SocketAddr,
    manner: Manner,
    log: &Mutex<Vec<Asked>>,
) -> Option<()> {
    let head = server::read_head(&mut client)?;
    let header = |wanted: &str| {
        head.lines().skip(1).find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case(wanted).then(|| value.to_owned())
        })
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    client.read_exact(&mut body).ok()?;
    let (if_match, if_none_match) = (header("if-match"), header("if-none-match"));
    let refused = match manner {
        Manner::BareTags if if_match.as_ref().is_some_and(|tag| tag.starts_with('"')) => {
            Some(FAILED)
        }
        Manner::WeakTags if if_match.is_some() => Some(FAILED),
        Manner::NoConditions if if_match.is_some() || if_none_match.is_some() => Some(UNKNOWN),
        _ => None,
    };
    let answer = match refused {
        Some(refused) => refused.as_bytes().to_vec(),
        None => forward(server, manner, &head, &body)?,
    };
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    log.lock().unwrap().push(Asked { method, path });
    client.write_all(&answer).ok()
}

/// As S3 answers them.
const FAILED: &str = "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 46\r\nConnection: close\r\n\r\n\
                      <Error><Code>PreconditionFailed</Code></Error>";
const UNKNOWN: &str = "HTTP/1.1 501 Not Implemented\r\nContent-Length: 42\r\nConnection: close\r\n\r\n\
                       <Error><Code>NotImplemented</Code></Error>";

/// What the server answers, as the manner has it.
fn forward(server: SocketAddr, manner: Manner, head: &str, body: &[u8]) -> Option<Vec<u8>> {
    let is_kept = |line: &&str| {
        let line = line.to_lowercase();
        let is_ignored = manner == Manner::IgnoresAbsence && line.starts_with("if-none-match:");
        !is_ignored && !line.starts_with("connection:")
    };
    let lines: Vec<_> = head.trim_end().lines().filter(is_kept).collect();
    let head = [&lines[..], &["connection: close", "\r\n"]].concat().join("\r\n");
    let mut server = TcpStream::connect(server).ok()?;
    server.write_all(&[head.as_bytes(), body].concat()).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    Some(match manner {
        Manner::WeakTags => weaken(&answer),
        Manner::UntaggedListings => without_tags(&answer),
        _ => answer,
    })
}

/// With tags that are weak.
fn weaken(answer: &[u8]) -> Vec<u8> {
    let (head, body) = split(answer);
    let lines = head.split("\r\n").map(|line| match line.split_once(": ") {
        Some((name, tag)) if name.eq_ignore_ascii_case("etag") => format!("{name}: W/{tag}"),
        _ => line.to_owned(),
    });
    [lines.collect::<Vec<_>>().join("\r\n").as_bytes(), b"\r\n\r\n", body].concat()
}

/// A listing that has no tags; what is none as it is.
fn without_tags(answer: &[u8]) -> Vec<u8> {
    let (head, body) = split(answer);
    let text = String::from_utf8_lossy(body);
    if !text.contains("<ListBucketResult") {
        return answer.to_vec();
    }
    let mut parts = text.split("<ETag>");
    let mut listing = parts.next().unwrap().to_owned();
    listing.extend(parts.map(|part| part.split_once("</ETag>").unwrap().1));
    let lines =
        head.split("\r\n").filter(|line| !line.to_lowercase().starts_with("content-length"));
    let head = lines.collect::<Vec<_>>().join("\r\n");
    format!("{head}\r\ncontent-length: {}\r\n\r\n{listing}", listing.len()).into_bytes()
}

fn split(answer: &[u8]) -> (String, &[u8]) {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap(), &answer[end + 4..])
}
