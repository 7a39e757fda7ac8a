//! A server on a free port of the loopback interface, and requests to it byte for byte.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::hexreg::Hexreg;
pub use super::ports::{free_address, free_listener};
use super::repository::TestRepository;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a program may take until it listens, beside other tests: storage elects a leader first.
const START: Duration = Duration::from_secs(60);

/// A running server, ended when dropped.
pub struct Server {
    process: Child,
    /// Whether the processes that it has started are ended too.
    is_group: bool,
    pub address: SocketAddr,
    /// What it said on standard output when it started.
    pub said: String,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Server {
    /// `hexreg serve public` and more, on a free port.
    pub fn of(repository: &TestRepository, more: &[&str]) -> Self {
        Self::run(repository.root(), &[&["public"], more].concat())
    }

    /// `hexreg serve` with these arguments in a directory; standard error goes to `serve.log` there.
    pub fn run(directory: &Path, arguments: &[&str]) -> Self {
        Self::start(directory, &[], arguments)
    }

    fn start(directory: &Path, within: &[&str], arguments: &[&str]) -> Self {
        Self::start_as(Hexreg::new(directory), directory, within, arguments)
    }

    /// `hexreg serve --config` with this file in a directory.
    pub fn configured(hexreg: Hexreg, directory: &Path, file: &str) -> Self {
        Self::start_as(hexreg, directory, &[], &["--config", file])
    }

    /// `hexreg serve` with these arguments, in an environment of its own.
    pub fn given(hexreg: Hexreg, directory: &Path, arguments: &[&str]) -> Self {
        Self::start_as(hexreg, directory, &[], arguments)
    }

    fn start_as(hexreg: Hexreg, directory: &Path, within: &[&str], arguments: &[&str]) -> Self {
        let log = File::options().create(true).append(true).open(directory.join("serve.log"));
        let chosen = ["--listen", "--config"];
        let chosen =
            arguments.iter().any(|one| chosen.iter().any(|chosen| one.starts_with(chosen)));
        let listen = (!chosen).then_some("--listen=127.0.0.1:0");
        let mut command = hexreg.command();
        if let [program, rest @ ..] = within {
            let hexreg = command.get_program().to_owned();
            command = Command::new(program);
            command.args(rest).arg(hexreg).current_dir(directory);
        }
        let mut process = command
            .arg("serve")
            .args(listen)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        // It says what to tell clients, and then how to end it.
        while !said.ends_with("Ctrl-C ends it\n") {
            if output.read_line(&mut said).unwrap() == 0 {
                let log = std::fs::read_to_string(directory.join("serve.log")).unwrap();
                panic!("it does not serve: {said}{log}");
            }
        }
        let port =
            said.split("://127.0.0.1:").nth(1).unwrap_or_else(|| panic!("no address: {said}"));
        let port = port.split(|one: char| !one.is_ascii_digit()).next().unwrap().parse().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { process, is_group: false, address, said }
    }

    /// `hexreg serve` as above, started by a program that ends in it.
    pub fn within(directory: &Path, program: &[&str], arguments: &[&str]) -> Self {
        Self::start(directory, program, arguments)
    }

    /// Another program, which listens there once it has started.
    pub fn other(command: &mut Command, address: SocketAddr) -> Self {
        let process = command.stdin(Stdio::null()).spawn().unwrap();
        Self::that_begins(process, false, command, address)
    }

    /// A program that starts the server as another process, which ends with it.
    pub fn of_group(command: &mut Command, address: SocketAddr) -> Self {
        let process = command.process_group(0).stdin(Stdio::null()).spawn().unwrap();
        Self::that_begins(process, true, command, address)
    }

    fn that_begins(process: Child, is_group: bool, command: &Command, address: SocketAddr) -> Self {
        let mut this = Self { process, is_group, address, said: String::new() };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = this.process.try_wait().unwrap();
            assert_eq!(ended, None, "{command:?} ended");
            assert!(began.elapsed() < START, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        this
    }

    /// Another program that takes a free port itself and then says `127.0.0.1:PORT` at the end of a line on
    /// standard output, which goes to a file: one that is slow to start might find a port taken that was
    /// free when it was told.
    pub fn that_says_where(command: &mut Command, log: &Path) -> Self {
        let output = File::create(log).unwrap();
        let mut process = command.stdin(Stdio::null()).stdout(output).spawn().unwrap();
        let began = Instant::now();
        loop {
            let said = std::fs::read_to_string(log).unwrap();
            let mut lines = said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            // Some say before where they were told to.
            let port = lines.find_map(|line| {
                let (_, port) = line.rsplit_once("127.0.0.1:")?;
                Some(port).filter(|port| *port != "0")
            });
            if let Some(port) = port {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap()));
                return Self { process, is_group: false, address, said };
            }
            let ended = process.try_wait().unwrap();
            assert_eq!(ended, None, "{command:?} ended");
            if began.elapsed() > PATIENCE {
                let _ = process.kill();
                panic!("{command:?} does not listen: {said}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its numbers, where `--metrics-listen` asked for them.
    pub fn metrics(&self) -> String {
        let port = self.said.rsplit("http://127.0.0.1:").next().unwrap();
        let port = port.split('/').next().unwrap().parse().unwrap();
        String::from_utf8(Port::of(port).get("/metrics", &[]).body).unwrap()
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal, as `kill` does.
    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Kills it, and waits until it has ended.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// How it ended, which it must do soon.
    pub fn ended(mut self) -> i32 {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn connect(&self) -> TcpStream {
        Port(self.address).connect()
    }

    /// `GET` with these header lines.
    pub fn get(&self, path: &str, headers: &[&str]) -> Answer {
        self.ask("GET", path, headers)
    }

    /// `GET` from a host of that name, with these header lines.
    pub fn get_from(&self, host: &str, path: &str, headers: &[&str]) -> Answer {
        Port(self.address).ask(host, "GET", path, headers)
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[&str]) -> Answer {
        let port = Port(self.address);
        port.ask(&port.host(), method, path, headers)
    }

    /// A connection from another address of the loopback interface: 127.0.0.NUMBER.
    pub fn connect_from(&self, number: u8) -> TcpStream {
        connect_from(number, self.address, None)
    }

    /// A connection from such an address to another server.
    pub fn stream_from(number: u8, to: SocketAddr) -> TcpStream {
        connect_from(number, to, None)
    }

    /// As above, by a client whose system takes only so many bytes that the client does not.
    pub fn connect_narrowly_from(&self, number: u8, bytes: usize) -> TcpStream {
        connect_from(number, self.address, Some(bytes))
    }

    /// Bytes as they are, and the first answer, if there is one before the connection ends.
    pub fn send(&self, request: &[u8], head: bool) -> Option<Answer> {
        Port(self.address).send(request, head)
    }
}

fn connect_from(number: u8, to: SocketAddr, takes: Option<usize>) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    if let Some(bytes) = takes {
        sockopt::set_socket_recv_buffer_size(&socket, bytes).unwrap();
    }
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, number), 0)).unwrap();
    connect(&socket, &to).unwrap();
    with_patience(TcpStream::from(socket))
}

fn with_patience(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The head of a request, with the empty line that ends it.
pub fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// Where something listens.
#[derive(Clone, Copy)]
pub struct Port(SocketAddr);

impl Port {
    pub fn of(number: u16) -> Self {
        Self(SocketAddr::from((Ipv4Addr::LOCALHOST, number)))
    }

    pub fn at(address: SocketAddr) -> Self {
        Self(address)
    }

    fn connect(self) -> TcpStream {
        with_patience(TcpStream::connect(self.0).unwrap())
    }

    /// As clients name it who go by the address.
    fn host(self) -> String {
        self.0.to_string()
    }

    pub fn get(self, path: &str, headers: &[&str]) -> Answer {
        self.ask(&self.host(), "GET", path, headers)
    }

    /// `GET` from a host of that name.
    pub fn get_as(self, host: &str, path: &str) -> Answer {
        self.ask(host, "GET", path, &[])
    }

    /// As above, of a server that may be killed meanwhile.
    pub fn try_get(self, path: &str) -> Option<Answer> {
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.host());
        let mut stream = TcpStream::connect(self.0).ok().map(with_patience)?;
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Answer::parse_whole(&answer)
    }

    pub fn put(self, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let length = format!("Content-Length: {}", body.len());
        self.ask_with(&self.host(), "PUT", path, &[headers, &[&length]].concat(), body)
    }

    /// As [`put`](Self::put), for a server that may close the connection while it starts.
    pub fn put_if_answered(self, path: &str, body: &[u8]) -> Option<Answer> {
        let (host, length) = (self.host(), body.len());
        let head = format!(
            "PUT {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        self.send(&[head.as_bytes(), body].concat(), false)
    }

    pub fn post(self, path: &str, headers: &[&str], body: &[u8]) -> Option<Answer> {
        let length = format!("Content-Length: {}", body.len());
        let lines: String = headers.iter().flat_map(|line| [*line, "\r\n"]).collect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{lines}{length}\r\n\r\n",
            self.host()
        );
        self.send(&[head.as_bytes(), body].concat(), false)
    }

    pub fn delete(self, path: &str, headers: &[&str]) -> Answer {
        self.ask(&self.host(), "DELETE", path, headers)
    }

    fn ask(self, host: &str, method: &str, path: &str, headers: &[&str]) -> Answer {
        self.ask_with(host, method, path, headers, b"")
    }

    fn ask_with(
        self,
        host: &str,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Answer {
        let lines: String = headers.iter().flat_map(|line| [*line, "\r\n"]).collect();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n");
        self.send(&[head.as_bytes(), body].concat(), method == "HEAD")
            .unwrap_or_else(|| panic!("{method} {path} is not answered"))
    }

    fn send(self, request: &[u8], head: bool) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.0).ok().map(with_patience)?;
        // A server that refuses the beginning need not take the rest.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Answer::parse(&answer, head)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_group {
            let group = format!("-{}", self.process.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Answer {
    /// The first response of a connection, whose body has the length that is said.
    pub fn parse(bytes: &[u8], head: bool) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let text = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = text.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        let headers: Vec<_> = headers.collect();
        let mut answer = Self { status, headers, body: bytes[end + 4..].to_vec() };
        if !head && ![204, 304].contains(&status) {
            let length = answer.header("content-length").expect("a body has a length");
            assert_eq!(answer.body.len().to_string(), length, "{text}");
        } else {
            assert!(answer.body.is_empty(), "{text}");
            answer.body.clear();
        }
        Some(answer)
    }

    /// As above; `None` if it was cut off.
    fn parse_whole(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length?.parse().unwrap();
        (bytes.len() == end + 4 + length).then(|| Self::parse(bytes, false))?
    }

    /// What its body says to a person.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn expect(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }
}
