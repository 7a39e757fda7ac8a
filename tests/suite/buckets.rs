//! Registries in buckets of S3 servers: the requests of `add`, `push` and `verify`, and their results for clients and for
//! other writers at the same time.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `adding` | the objects that `add` writes, their headers, and the number of requests |
//! | `pushing` | the objects that `push` writes, and files that it never writes |
//! | `clients` | rebar3 installs from the bucket's own address |
//! | `serving` | `hexreg serve` in front of a bucket: beside a directory, with storage that fails, and two servers at once |
//! | `conditions` | servers that honour conditions, and servers that do not |
//! | `slow` | kills, many writers at once, other servers |

mod adding;
#[cfg(all(feature = "mirror", feature = "serve"))]
mod clients;
mod conditions;
mod pushing;
#[cfg(all(feature = "mirror", feature = "serve"))]
mod serving;
mod slow;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::support::bucket::Bucket;
use crate::support::hexreg::Ran;
use crate::support::memory::MemoryStore;
use crate::support::moto::Moto;
use crate::support::repository::TestRepository;
use crate::support::verbs::Machine;
use crate::support::witness::Tree;

/// The prefix of the registry in each bucket. It is not the root, as there may be other objects beside it.
const PREFIX: &str = "hex";

/// A bucket, and a writer with a key, with tarballs and with a `public/` of its own.
pub struct Writer {
    pub bucket: Bucket,
    pub repository: Arc<TestRepository>,
}

impl Writer {
    pub fn of(bucket: Bucket) -> Self {
        Self { bucket, repository: Arc::new(TestRepository::new()) }
    }

    /// A writer to a new bucket of moto.
    pub fn beside(moto: &Moto) -> Self {
        Self::of(moto.bucket("registry"))
    }

    pub fn destination(&self) -> String {
        self.bucket.url(PREFIX)
    }

    /// The arguments of `add` for files in `new/`.
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

    /// The arguments of `push` for `public/`.
    fn to_push(&self) -> Vec<String> {
        let arguments = ["push", "public", &self.destination(), "--endpoint"];
        let arguments = arguments.into_iter().map(str::to_owned);
        arguments.chain([self.bucket.endpoint()]).collect()
    }

    fn run(&self, arguments: &[String]) -> Ran {
        let hexreg = self.bucket.known_to(self.repository.hexreg());
        hexreg.run(arguments.iter().map(String::as_str))
    }

    /// The command, not yet run.
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

    /// Builds the registry in `public/`.
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

    /// The registry as a client reads it.
    pub fn tree(&self) -> Tree {
        Tree::of(self.bucket.files(PREFIX))
    }

    /// Checks that the registry is complete and consistent, and has these tarballs.
    #[track_caller]
    pub fn stands(&self, tarballs: Vec<String>) {
        self.verify(&[]).ok();
        self.holds(tarballs);
    }

    /// The same of a copy of all objects, without a process and without a request for each object. Returns the registry.
    #[track_caller]
    pub fn holds(&self, mut tarballs: Vec<String>) -> Tree {
        let files = self.bucket.files(PREFIX);
        let problems = Machine::new(Duration::ZERO).problems(&MemoryStore::of(&files));
        assert!(problems.is_empty(), "{problems:?}");
        let tree = Tree::of(files);
        tree.follow(&|_| false);
        tree.agrees();
        tarballs.sort();
        let mut named = tree.releases();
        named.sort();
        assert_eq!(named, tarballs);
        assert_eq!(tree.tarballs.keys().cloned().collect::<Vec<_>>(), tarballs);
        tree
    }
}

/// The samples, each with its file name.
fn samples() -> Vec<(String, Vec<u8>)> {
    let repository = TestRepository::new().samples();
    let tarballs = repository.files("public/tarballs", |_| true);
    tarballs.into_iter().collect()
}

/// A writer with the samples in `new/`, and their names.
fn with_samples(moto: &Moto) -> (Writer, Vec<String>) {
    let writer = Writer::beside(moto);
    let samples = samples();
    for (file, bytes) in &samples {
        writer.write(file, bytes);
    }
    (writer, samples.into_iter().map(|(file, _)| file).collect())
}
