//! The real client: rebar3 fetches packages out of what hexreg built.

pub mod nginx;
mod offline;
mod organisations;
mod pulled;
mod serve;
mod slow;
pub mod tls;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use hexreg::checksum::OuterChecksum;
use hexreg::key::PublicKey;
use hexreg::snippets::{self, ClientConfig};
use tempfile::TempDir;

use crate::support::repository::TestRepository;
use crate::support::server::free_address;

/// How soon a running server must have seen that a file has changed: a second, and much more on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A project that depends on `welcome`, with its own home directory.
pub struct Project {
    directory: TempDir,
    rebar3: PathBuf,
}

impl Project {
    /// A user who has configured the repository under this URL, and may have a token.
    pub fn of(
        rebar3: PathBuf,
        repository: &TestRepository,
        url: &str,
        token: Option<&str>,
    ) -> Self {
        Self::knowing(rebar3, &configuration(repository, url, token))
    }

    /// A user with this configuration.
    fn knowing(rebar3: PathBuf, configuration: &str) -> Self {
        let this = Self { directory: TempDir::new().unwrap(), rebar3 };
        fs::write(this.path("rebar.config"), "{deps, [{welcome, \"0.1.0\"}]}.\n").unwrap();
        this.configure(configuration);
        this
    }

    /// Writes the configuration of all projects of this home directory. rebar3 reads its TLS authorities only there.
    fn configure(&self, configuration: &str) {
        fs::create_dir_all(self.path("home/.config/rebar3")).unwrap();
        fs::write(self.path("home/.config/rebar3/rebar.config"), configuration).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn get_deps(&self) -> Output {
        // rebar3 must not fall back to another repository.
        self.get_deps_from(&format!("http://{}", free_address()))
    }

    /// With this URL for hexpm, and no route to another host.
    fn get_deps_from(&self, hexpm: &str) -> Output {
        Command::new(&self.rebar3)
            .arg("get-deps")
            .current_dir(self.directory.path())
            .env("HOME", self.path("home"))
            .env("REBAR_CACHE_DIR", self.path("home/cache"))
            .env_remove("REBAR_GLOBAL_CONFIG_DIR")
            .env("HEX_CDN", hexpm)
            .env("HTTPS_PROXY", format!("http://{}", free_address()))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// rebar3 fetches the dependencies of the project from the repository.
    #[track_caller]
    pub fn fetches(&self, repository: &TestRepository) {
        let output = self.get_deps();
        assert!(output.status.success(), "{}", text(&output));
        self.has(repository);
    }

    /// The fetched files are those of the repository.
    #[track_caller]
    fn has(&self, repository: &TestRepository) {
        // `welcome` needs `greeting ~> 1.0`, of which 1.1.0 is the newest.
        let greeting = self.dependency("greeting/src/greeting.erl");
        let greeting = fs::read_to_string(greeting).unwrap();
        assert!(greeting.contains("Good day"), "{greeting}");
        assert!(self.dependency("welcome/src/welcome.erl").is_file());
        let lock = fs::read_to_string(self.path("rebar.lock")).unwrap();
        for file in ["welcome-0.1.0.tar", "greeting-1.1.0.tar"] {
            let tarball = repository.read(&format!("public/tarballs/{file}"));
            let checksum = OuterChecksum::of(&tarball).to_string();
            assert!(lock.contains(&checksum), "{lock} has not the checksum of {file}");
        }
    }

    /// rebar3 fails; returns its output.
    #[track_caller]
    fn is_refused(&self) -> String {
        let output = self.get_deps();
        assert!(!output.status.success(), "{}", text(&output));
        assert!(!self.path("rebar.lock").exists(), "{}", text(&output));
        text(&output)
    }

    /// Removes the fetched files, except rebar3's cache.
    pub fn forget(&self) {
        fs::remove_dir_all(self.path("_build")).unwrap();
        fs::remove_file(self.path("rebar.lock")).unwrap();
    }

    fn dependency(&self, path: &str) -> PathBuf {
        self.path("_build/default/lib").join(path)
    }
}

pub fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// `welcome` and `greeting`, signed with the usual key.
fn samples() -> TestRepository {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    repository
}

/// The printed configuration for a repository.
fn configuration(repository: &TestRepository, url: &str, token: Option<&str>) -> String {
    let pem = String::from_utf8(repository.read("public/public_key")).unwrap();
    let (name, key) = ("acme".parse().unwrap(), PublicKey::from_pem(&pem).unwrap());
    let config = ClientConfig { repository: &name, url, key: &key, needs_token: token.is_some() };
    snippets::rebar3(&config).replace("TOKEN", token.unwrap_or("TOKEN"))
}

/// Waits until a condition holds, as long as a running server may take to see a change.
#[track_caller]
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The log of a server, once it has this text so many times: a line is written after the client has its response.
#[track_caller]
fn log(repository: &TestRepository, what: &str, times: usize) -> String {
    let read = || String::from_utf8(repository.read("serve.log")).unwrap();
    soon(&format!("{what}, {times} times, in {}", read()), || {
        read().matches(what).count() >= times
    });
    read()
}
