//! `hexreg serve --upstream` and `pull-through`: what is not there is fetched from an upstream when a client asks for it.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `verbatim` | what is fetched, when it is asked for again, and what is served while upstream is away |
//! | `faults` | upstreams that lie, fail, drip, or come back with an older registry |
//! | `races` | many clients at once, clients that go away, servers that are killed |
//! | `own_names` | packages of our own repositories |
//! | `limits` | full disks, and how much is kept |
//! | `memory` | an upstream that changes every second, under load |
//! | `buckets` | two servers with one bucket |

#[cfg(feature = "buckets")]
mod buckets;
mod faults;
mod limits;
mod memory;
mod own_names;
mod races;
mod verbatim;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Server};
use crate::support::tarball::Tarball;
use crate::support::unruly::{Fault, Unruly};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// Upstream is asked again at each request.
const NO_AGE: &str = "cache-control: public, max-age=0\r\n";

/// Waits until it is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never so: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// An upstream named `acme`, with a key of its own, that may fail; and a directory for the servers that pull from it:
/// `public/` is upstream's.
struct Upstream {
    repository: TestRepository,
    _server: Server,
    unruly: Unruly,
    fault: Arc<Mutex<(String, Fault)>>,
}

impl Upstream {
    fn of(repository: TestRepository) -> Self {
        repository.build(&[]).ok();
        let server = Server::of(&repository, &[]);
        let fault = Arc::new(Mutex::new((String::new(), Fault::None)));
        let shared = Arc::clone(&fault);
        let unruly = Unruly::before(server.address, move |path, _| {
            let (prefix, fault) = &*shared.lock().unwrap();
            if path.starts_with(prefix.as_str()) { fault.clone() } else { Fault::None }
        });
        Self { repository, _server: server, unruly, fault }
    }

    fn samples() -> Self {
        Self::of(TestRepository::new().samples())
    }

    /// From now on, answers for paths that begin so are like this.
    fn fail(&self, prefix: &str, fault: Fault) {
        *self.fault.lock().unwrap() = (prefix.to_owned(), fault);
    }

    /// No connection is answered any more.
    fn end(&self) {
        self.fail("/", Fault::Drop);
    }

    fn publish(&self, name: &str, version: &str) {
        let tarball = Tarball::new(name, version).build();
        self.repository.write_tarball(&format!("{name}-{version}.tar"), &tarball);
        self.repository.build(&[]).ok();
    }

    /// `hexreg serve --upstream` of a directory, which need not exist.
    fn serve(&self, directory: &str, more: &[&str]) -> Server {
        self.serve_from(&self.unruly.url(), directory, more)
    }

    fn serve_from(&self, url: &str, directory: &str, more: &[&str]) -> Server {
        let upstream = format!("--upstream={url}");
        let key = "--upstream-key=public/public_key";
        let arguments = [directory, &upstream, "--upstream-name=acme", key];
        let metrics = ["--metrics-listen=127.0.0.1:0"];
        Server::run(self.repository.root(), &[&arguments[..], &metrics, more].concat())
    }

    /// Upstream's file.
    fn file(&self, path: &str) -> Vec<u8> {
        self.repository.read(&format!("public{path}"))
    }

    /// Whether the server answers with upstream's file.
    #[track_caller]
    fn is_served(&self, server: &Server, path: &str) -> Answer {
        let answer = server.get(path, &[]);
        assert_eq!(answer.status, 200, "{path}: {}\n{}", answer.text(), self.log());
        assert!(answer.body == self.file(path), "{path} is another file");
        answer
    }

    fn log(&self) -> String {
        String::from_utf8(self.repository.read("serve.log")).unwrap()
    }

    /// The lines of the log with this text.
    fn told(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    /// Whether a file is in the directory of a server.
    fn is_kept(&self, path: &str) -> bool {
        self.repository.path(path).exists()
    }

    /// `hexreg verify --partial` of a directory of a server.
    #[track_caller]
    fn verify(&self, directory: &str) {
        let ran = self.repository.hexreg().run(["verify", directory, "--partial"]);
        assert_eq!(ran.code, 0, "{}", ran.transcript());
    }
}

/// A counter of the metrics.
fn counter(server: &Server, name: &str, result: &str) -> u64 {
    let metrics = server.metrics();
    let mut lines = metrics.lines();
    let line = lines
        .find(|line| line.contains(name) && line.contains(&format!("result=\"{result}\"")))
        .unwrap_or_else(|| panic!("no {name} of {result}: {metrics}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}
