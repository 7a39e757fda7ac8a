//! An upstream that may fail.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::repository::TestRepository;
use super::server::Server;
use super::tarball::Tarball;
use super::unruly::{Fault, Unruly};

/// How long anything may take, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until it is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never so: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// An upstream named `acme`, with a key of its own, that may fail; and a directory for the servers that copy it: `public/`
/// is upstream's.
pub struct Upstream {
    pub repository: TestRepository,
    pub server: Server,
    pub unruly: Unruly,
    fault: Arc<Mutex<(String, Fault)>>,
}

impl Upstream {
    pub fn of(repository: TestRepository) -> Self {
        repository.build(&[]).ok();
        let server = Server::of(&repository, &[]);
        let fault = Arc::new(Mutex::new((String::new(), Fault::None)));
        let shared = Arc::clone(&fault);
        let unruly = Unruly::before(server.address, move |path, _| {
            let (prefix, fault) = &*shared.lock().unwrap();
            if path.starts_with(prefix.as_str()) { fault.clone() } else { Fault::None }
        });
        Self { repository, server, unruly, fault }
    }

    pub fn samples() -> Self {
        Self::of(TestRepository::new().samples())
    }

    /// From now on, answers for paths that begin so are like this. A test that publishes what is not to come calls this
    /// before: a mirror may ask for it at once.
    pub fn fail(&self, prefix: &str, fault: Fault) {
        *self.fault.lock().unwrap() = (prefix.to_owned(), fault);
    }

    pub fn publish(&self, name: &str, version: &str) {
        let tarball = Tarball::new(name, version).build();
        self.repository.write_tarball(&format!("{name}-{version}.tar"), &tarball);
        self.repository.build(&[]).ok();
    }

    /// Waits until nothing was asked for three seconds: a mirror that runs every second has ended.
    #[track_caller]
    pub fn rests(&self) {
        let began = Instant::now();
        let (mut asked, mut since) = (self.unruly.asked().len(), Instant::now());
        while since.elapsed() < Duration::from_secs(3) {
            thread::sleep(Duration::from_millis(50));
            let now = self.unruly.asked().len();
            if now != asked {
                assert!(began.elapsed() < PATIENCE, "it is asked again and again: {}", self.log());
                (asked, since) = (now, Instant::now());
            }
        }
    }

    pub fn log(&self) -> String {
        String::from_utf8(self.repository.read("serve.log")).unwrap()
    }

    /// The lines of the log with this text.
    pub fn told(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }
}
