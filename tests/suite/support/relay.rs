//! Between a command and the server that it asks: ends the command at its n-th request.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::server;

/// When a command is killed.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// Before its n-th request reaches the server.
    Before(usize),
    /// After the server did what the n-th asks for, and before it is told so.
    After(usize),
}

/// Passes on what a command asks, as long as that lives.
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    server: SocketAddr,
    moment: Moment,
    asked: AtomicUsize,
    command: Mutex<Option<Child>>,
}

impl Relay {
    pub fn before(server: SocketAddr, moment: Moment) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, command) = (AtomicUsize::new(0), Mutex::new(None));
        let state = Arc::new(State { server, moment, asked, command });
        let shared = Arc::clone(&state);
        // It ends with the process: no client connects to it once its test is over.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                // The client may be gone.
                thread::spawn(move || state.pass(stream));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs a command that asks this relay, to its end.
    pub fn run(&self, command: &mut Command) -> ExitStatus {
        *self.state.command.lock().unwrap() = Some(command.spawn().unwrap());
        loop {
            let mut command = self.state.command.lock().unwrap();
            if let Some(ended) = command.as_mut().unwrap().try_wait().unwrap() {
                return ended;
            }
            drop(command);
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl State {
    fn pass(&self, mut client: TcpStream) -> Option<()> {
        let head = server::read_head(&mut client)?;
        let lines = head.trim_end().lines();
        let length = lines.clone().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        client.read_exact(&mut body).ok()?;
        let number = 1 + self.asked.fetch_add(1, Ordering::SeqCst);
        if matches!(self.moment, Moment::Before(n) if number >= n) {
            return self.kill();
        }
        let kept = lines.filter(|line| !line.to_lowercase().starts_with("connection:"));
        let lines: Vec<_> = kept.chain(["connection: close", "\r\n"]).collect();
        let head = lines.join("\r\n");
        let mut server = TcpStream::connect(self.server).ok()?;
        server.write_all(&[head.as_bytes(), &body].concat()).ok()?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).ok()?;
        if matches!(self.moment, Moment::After(n) if number >= n) {
            return self.kill();
        }
        client.write_all(&answer).ok()
    }

    fn kill(&self) -> Option<()> {
        self.command.lock().unwrap().as_mut()?.kill().ok()
    }
}
