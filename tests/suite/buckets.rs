//! Registries in buckets: what `add`, `push` and `verify` ask of an S3 server and what stands there then,
//! for clients and for whoever else writes at the same time.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `adding` | what `add` puts there, with which headers, and how little it asks for |
//! | `pushing` | what `push` carries over, and what it never does |
//! | `clients` | rebar3 installs from the bucket's own address |
//! | `conditions` | servers that keep their word on conditions, and some that do not |
//! | `slow` | kills, many writers at once, other servers |

mod adding;
mod clients;
mod conditions;
mod pushing;
mod slow;

use std::process::{Command, Stdio};

use crate::support::bucket::Bucket;
use crate::support::hexreg::Ran;
use crate::support::moto::Moto;
use crate::support::repository::TestRepository;
use crate::support::witness::Tree;

/// Where the registry stands in each bucket: not at its root, as there may be something beside it.
const PREFIX: &str = "hex";

/// A bucket, and somebody with a key, with tarballs and with a `public/` of their own.
pub struct Writer {
    pub bucket: Bucket,
    pub repository: TestRepository,
}

impl Writer {
    pub fn of(bucket: Bucket) -> Self {
        Self { bucket, repository: TestRepository::new() }
    }

    /// Of a new bucket of moto's.
    pub fn beside(moto: &Moto) -> Self {
        Self::of(moto.bucket("registry"))
    }

    pub fn destination(&self) -> String {
        self.bucket.url(PREFIX)
    }

    /// What `add` is told of files in `new/`.
    fn to_add(&self, files: &[String], more: &[&str]) -> Vec<String> {
        let files = files.iter().map(|file| format!("new/{file}"));
        let mut arguments = vec!["add".to_owned()];
        arguments.extend(files);
        arguments.extend(["--to".to_owned(), self.destination()]);
        arguments.extend(["--endpoint".to_owned(), self.bucket.endpoint()]);
        let rest = ["--name=acme", "--private-key=key.pem"];
        arguments.extend(rest.iter().chain(more).map(|&one| one.to_owned()));
        arguments
    }

    /// What `push` is told of `public/`.
    fn to_push(&self) -> Vec<String> {
        let arguments = ["push", "public", &self.destination(), "--endpoint"];
        let arguments = arguments.into_iter().map(str::to_owned);
        arguments.chain([self.bucket.endpoint()]).collect()
    }

    fn run(&self, arguments: &[String]) -> Ran {
        let hexreg = self.bucket.known_to(self.repository.hexreg());
        hexreg.run(arguments.iter().map(String::as_str))
    }

    /// The same, on its way.
    fn command(&self, arguments: &[String]) -> Command {
        let mut command = self.bucket.known_to(self.repository.hexreg()).command();
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Puts a tarball into `new/`, to be added.
    pub fn write(&self, file: &str, bytes: &[u8]) {
        self.repository.write(&format!("new/{file}"), bytes);
    }

    pub fn add(&self, files: &[String], more: &[&str]) -> Ran {
        self.run(&self.to_add(files, more))
    }

    pub fn push(&self) -> Ran {
        self.run(&self.to_push())
    }

    /// Builds the registry where it is served.
    pub fn build(&self, more: &[&str]) -> Ran {
        let (destination, endpoint) = (self.destination(), self.bucket.endpoint());
        let arguments = ["build", &destination, "--endpoint", &endpoint, "--name=acme"];
        let hexreg = self.bucket.known_to(self.repository.hexreg());
        hexreg.run(arguments.iter().chain(&["--private-key=key.pem"]).chain(more).copied())
    }

    pub fn verify(&self, more: &[&str]) -> Ran {
        let (destination, endpoint) = (self.destination(), self.bucket.endpoint());
        let arguments = ["verify", &destination, "--endpoint", &endpoint];
        let hexreg = self.bucket.known_to(self.repository.hexreg());
        hexreg.run(arguments.iter().chain(more).copied())
    }

    /// What `verify --json` finds wrong, by kind.
    pub fn problems(&self) -> Vec<String> {
        let found = self.verify(&["--json"]).stdout;
        let found: serde_json::Value =
            serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error}: {found}"));
        let problems = found["problems"].as_array().unwrap_or_else(|| panic!("{found}"));
        problems.iter().map(|problem| problem["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// What stands, as a client finds it.
    pub fn tree(&self) -> Tree {
        Tree::of(self.bucket.files(PREFIX))
    }

    /// The registry is whole, says the same everywhere, and has these tarballs.
    #[track_caller]
    pub fn stands(&self, mut tarballs: Vec<String>) {
        self.verify(&[]).ok();
        let tree = self.tree();
        tree.follow(&|_| false);
        tree.agrees();
        tarballs.sort();
        let mut named = tree.releases();
        named.sort();
        assert_eq!(named, tarballs);
        assert_eq!(tree.tarballs.into_keys().collect::<Vec<_>>(), tarballs);
    }
}

/// The samples, each with its file name.
fn samples() -> Vec<(String, Vec<u8>)> {
    let repository = TestRepository::new().samples();
    let tarballs = repository.files("public/tarballs", |_| true);
    tarballs.into_iter().collect()
}

/// With the samples in `new/`, and what they are called.
fn with_samples(moto: &Moto) -> (Writer, Vec<String>) {
    let writer = Writer::beside(moto);
    let samples = samples();
    for (file, bytes) in &samples {
        writer.write(file, bytes);
    }
    (writer, samples.into_iter().map(|(file, _)| file).collect())
}
