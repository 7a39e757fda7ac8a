//! Between a client and a server: whatever goes wrong on the way.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::server::{self, Answer, Port};

/// What becomes of an answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It comes as it is.
    None,
    /// The connection ends before it.
    Drop,
    /// The connection ends after so many bytes of its body.
    Truncate(usize),
    /// A byte of its body is another one.
    Flip(usize),
    /// Its body is these bytes.
    Replace(Vec<u8>),
    /// Its head comes, and then nothing for a minute.
    Stall,
    /// Nothing comes for a minute.
    Hang,
    /// It comes byte by byte, so long apart.
    Drip(Duration),
    /// No header says how long it is. So many bytes of it come at once, and then so many at a time, so long apart.
    Trickle { at_once: usize, each: usize, pause: Duration },
    /// Another status, with these header lines.
    Status(u16, Vec<String>),
    /// Its body never ends, and no header says how long it is.
    Endless,
    /// Interim answers come in its place, without end.
    Interim,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub head: String,
}

/// Passes requests on to a server, and answers with what a rule makes of it.
pub struct Unruly {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    lines: Arc<Mutex<String>>,
}

impl Unruly {
    /// The rule is told the path, and how often it was asked for before.
    pub fn before(
        server: SocketAddr,
        rule: impl Fn(&str, usize) -> Fault + Send + Sync + 'static,
    ) -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into(), server, rule)
    }

    /// The same, at another address of the machine.
    pub fn at(
        address: IpAddr,
        server: SocketAddr,
        rule: impl Fn(&str, usize) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (rule, seen, log) = (Arc::new(rule), Arc::new(Mutex::default()), Arc::clone(&asked));
        let lines: Arc<Mutex<String>> = Arc::default();
        let said = Arc::clone(&lines);
        // It ends with the process: no client connects to it once its test is over.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (rule, log) = (Arc::clone(&rule), Arc::clone(&log));
                let seen: Arc<Mutex<HashMap<String, usize>>> = Arc::clone(&seen);
                let lines = said.lock().unwrap().clone();
                thread::spawn(move || pass(stream, server, &*rule, &seen, &log, &lines));
            }
        });
        Self { address, asked, lines }
    }

    /// From now on, answers that come as they are have these header lines too, each with its line break.
    pub fn say(&self, lines: &str) {
        lines.clone_into(&mut self.lines.lock().unwrap());
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often it was asked for paths that begin so.
    pub fn count(&self, prefix: &str) -> usize {
        self.asked().iter().filter(|asked| asked.path.starts_with(prefix)).count()
    }
}

fn pass(
    mut stream: TcpStream,
    server: SocketAddr,
    rule: &(impl Fn(&str, usize) -> Fault + ?Sized),
    seen: &Mutex<HashMap<String, usize>>,
    log: &Mutex<Vec<Asked>>,
    more: &str,
) {
    let Some(head) = server::read_head(&mut stream) else { return };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let before = {
        let mut seen = seen.lock().unwrap();
        let count = seen.entry(path.clone()).or_default();
        *count += 1;
        *count - 1
    };
    // What becomes of it is certain before a test sees that it was asked: then the test may change the rule.
    let fault = rule(&path, before);
    log.lock().unwrap().push(Asked { path: path.clone(), head: head.clone() });
    let conditions = head.lines().filter(|line| line.to_lowercase().starts_with("if-none-match"));
    let lines: Vec<&str> = conditions.collect();
    let answer = Port::at(server).get(&path, &lines);
    // The client may be gone.
    let _ = respond(&mut stream, fault, &answer, more);
}

fn respond(
    stream: &mut TcpStream,
    fault: Fault,
    answer: &Answer,
    more: &str,
) -> std::io::Result<()> {
    let mut body = answer.body.clone();
    let tag = answer.header("etag").map(|tag| format!("etag: {tag}\r\n")).unwrap_or_default();
    let head = |status: u16, length: usize| {
        format!(
            "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n{tag}{more}connection: close\r\n\r\n"
        )
    };
    let whole = head(answer.status, body.len());
    match fault {
        Fault::None => stream.write_all(&[whole.as_bytes(), &body].concat()),
        Fault::Drop => Ok(()),
        Fault::Truncate(length) => {
            stream.write_all(&[whole.as_bytes(), &body[..length.min(body.len())]].concat())
        }
        Fault::Flip(at) => {
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1;
            }
            stream.write_all(&[whole.as_bytes(), &body].concat())
        }
        Fault::Replace(bytes) => {
            let head = format!(
                "HTTP/1.1 200 x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                bytes.len()
            );
            stream.write_all(&[head.as_bytes(), &bytes].concat())
        }
        Fault::Stall => {
            stream.write_all(whole.as_bytes())?;
            thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        Fault::Hang => {
            thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        Fault::Drip(pause) => {
            stream.write_all(whole.as_bytes())?;
            body.iter().try_for_each(|byte| {
                thread::sleep(pause);
                stream.write_all(&[*byte])
            })
        }
        Fault::Trickle { at_once, each, pause } => {
            stream.write_all(b"HTTP/1.1 200 x\r\nconnection: close\r\n\r\n")?;
            let (first, rest) = body.split_at(at_once.min(body.len()));
            stream.write_all(first)?;
            rest.chunks(each).try_for_each(|chunk| {
                thread::sleep(pause);
                stream.write_all(chunk)
            })
        }
        Fault::Status(status, lines) => {
            let lines: String = lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect();
            let text = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: 0\r\n{lines}connection: close\r\n\r\n"
            );
            stream.write_all(text.as_bytes())
        }
        Fault::Interim => loop {
            stream.write_all(&b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(100))?;
        },
        Fault::Endless => {
            stream.write_all(b"HTTP/1.1 200 x\r\nconnection: close\r\n\r\n")?;
            let zeros = vec![0; 1 << 16];
            loop {
                stream.write_all(&zeros)?;
            }
        }
    }
}
