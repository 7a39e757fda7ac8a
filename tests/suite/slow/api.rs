//! What clients publish to `hexreg serve`, whatever happens to the server, and whichever other writers there are.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `crowds` | servers that are killed or shut down at random moments, under eight clients |
//! | `kills` | servers that are killed before each system call of a request |
//! | `races` | several servers, and commands, that change one directory at once |

mod crowds;
mod kills;
mod races;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hexreg::checksum::OuterChecksum;
use serde_json::Value;

use crate::support::gzip;
use crate::support::items::{Item, file_name, tarball};
use crate::support::raw_tar::{Entry, archive};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::strace;
use crate::support::witness::{Tree, is_temporary};

/// How long a client waits: mix gives up after 15 s.
const PATIENCE: Duration = Duration::from_secs(15);

/// What an interrupted change may leave, by `verify`'s kinds: files that no file names yet or any more, and packages
/// with releases that the indexes do not have yet, or mark otherwise.
const UNFINISHED: [&str; 7] = [
    "unnamed",
    "not_in_versions",
    "not_in_names",
    "version_missing",
    "retired_missing",
    "retired_too_many",
    "leftover",
];

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
enum Request<'a> {
    Publish(Item<'a>),
    Replace(Item<'a>),
    Revert(Item<'a>),
    Retire(Item<'a>),
    Unretire(Item<'a>),
    PublishDocs(Item<'a>),
    RevertDocs(Item<'a>),
}

impl Request<'_> {
    /// The release that it changes.
    fn item(&self) -> Item<'_> {
        let (Self::Publish(item)
        | Self::Replace(item)
        | Self::Revert(item)
        | Self::Retire(item)
        | Self::Unretire(item)
        | Self::PublishDocs(item)
        | Self::RevertDocs(item)) = *self;
        item
    }

    /// Method, path and body.
    fn parts(&self) -> (&'static str, String, Vec<u8>) {
        let (name, version, edition) = self.item();
        let releases = format!("/api/packages/{name}/releases");
        match self {
            Self::Publish(item) => ("POST", releases, tarball(*item)),
            Self::Replace(item) => ("POST", format!("{releases}?replace=true"), tarball(*item)),
            Self::Revert(_) => ("DELETE", format!("{releases}/{version}"), Vec::new()),
            Self::Retire(_) => {
                let why = br#"{"reason": "security"}"#.to_vec();
                ("POST", format!("{releases}/{version}/retire"), why)
            }
            Self::Unretire(_) => ("DELETE", format!("{releases}/{version}/retire"), Vec::new()),
            Self::PublishDocs(_) => {
                ("POST", format!("{releases}/{version}/docs"), documentation(edition))
            }
            Self::RevertDocs(_) => ("DELETE", format!("{releases}/{version}/docs"), Vec::new()),
        }
    }
}

/// An archive of documentation.
fn documentation(edition: u8) -> Vec<u8> {
    gzip(&archive(&[Entry::file("index.html", &[b'a' + edition])]))
}

fn docs_path((name, version, _): Item<'_>) -> String {
    format!("public/docs/{name}-{version}.tar.gz")
}

/// A repository that clients publish to, and their token.
struct Published {
    repository: TestRepository,
    token: String,
}

impl Published {
    /// `acme` with these releases, of which each has documentation.
    fn with(items: &[Item<'_>]) -> Self {
        let repository = TestRepository::new();
        for item in items {
            repository.write_tarball(&file_name(*item), &tarball(*item));
            repository.write(&docs_path(*item), &documentation(0));
        }
        repository.build(&[]).ok();
        fs::create_dir(repository.path("uploads")).unwrap();
        let added = repository.hexreg().run(["auth", "add", "users", "ci", "--can=admin"]).ok();
        Self { token: added.stdout.trim().to_owned(), repository }
    }

    /// A server of it, which keeps uploads in `uploads/`.
    fn serve(&self) -> Server {
        self.serve_within(&[])
    }

    /// A server that has one processor, and so calls that come one after the other.
    fn serve_on_one_processor(&self) -> Server {
        self.serve_within(&["taskset", "--cpu-list", &strace::a_processor()])
    }

    fn serve_within(&self, program: &[&str]) -> Server {
        let uploads = format!("TMPDIR={}", self.repository.path("uploads").display());
        let path = format!("PATH={}", std::env::var("PATH").unwrap());
        let program = [&["env", "-i", &path, &uploads], program].concat();
        let arguments =
            ["public", "--private-key=key.pem", "--auth-file=users", "--log-format=off"];
        Server::within(self.repository.root(), &program, &arguments)
    }

    /// The status that a client is told; `None` if the server is gone before that.
    fn ask(&self, server: SocketAddr, request: Request<'_>) -> Option<u16> {
        let (method, path, body) = request.parts();
        let head = self.head(server, method, &path, body.len(), "");
        let mut stream = connect(server)?;
        stream.write_all(&[head.as_bytes(), &body].concat()).ok()?;
        read_status(&mut stream)
    }

    fn head(
        &self,
        server: SocketAddr,
        method: &str,
        path: &str,
        length: usize,
        more: &str,
    ) -> String {
        let kind = if path.ends_with("/retire") { "json" } else { "octet-stream" };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {server}\r\nAuthorization: {}\r\nAccept: application/json\r\n\
             Content-Type: application/{kind}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n",
            self.token
        )
    }

    /// Whether a client gets the tarball of a release.
    fn is_served(&self, server: &Server, item: Item<'_>) -> bool {
        let path = format!("/tarballs/{}", file_name(item));
        let answer = server.get(&path, &[&format!("Authorization: {}", self.token)]);
        assert!([200, 404].contains(&answer.status), "{path}: {answer:?}");
        answer.status == 200
    }

    /// All that is served, without temporary files.
    fn tree(&self) -> Tree {
        let mut files = self.repository.files("public", |_| true);
        files.retain(|path, _| !is_temporary(path));
        Tree::of(files)
    }

    /// What `verify` finds, by kind and path.
    fn problems(&self) -> BTreeSet<(String, String)> {
        let found = self.repository.hexreg().run(["verify", "public", "--json"]).stdout;
        let found: Value = serde_json::from_str(&found).unwrap();
        let text = |problem: &Value, key: &str| problem[key].as_str().unwrap().to_owned();
        let problems = found["problems"].as_array().unwrap().iter();
        problems.map(|problem| (text(problem, "kind"), text(problem, "path"))).collect()
    }

    /// What must hold at every moment: what files name is there. Tarballs that are being `replaced` may be those before
    /// or after that.
    fn examine(&self, replaced: &BTreeSet<String>) -> Tree {
        let tree = self.tree();
        tree.follow(&|tarball| replaced.contains(tarball));
        let is_unfinished = |kind: &str, path: &str| {
            let file = path.strip_prefix("public/tarballs/").unwrap_or_default();
            UNFINISHED.contains(&kind)
                || (["outer_checksum", "inner_checksum"].contains(&kind) && replaced.contains(file))
        };
        let problems = self.problems();
        let broken: Vec<_> =
            problems.iter().filter(|(kind, path)| !is_unfinished(kind, path)).collect();
        assert!(broken.is_empty(), "{broken:?}");
        tree
    }

    /// What must hold once nothing is left to do: all files agree, and nothing else is there but temporary files.
    fn agrees(&self) -> Tree {
        let tree = self.tree();
        tree.follow(&|_| false);
        tree.agrees();
        let problems = self.problems();
        let problems: Vec<_> = problems.iter().filter(|(kind, _)| kind != "leftover").collect();
        assert!(problems.is_empty(), "{problems:?}");
        tree
    }

    /// Temporary files beside what is served.
    fn leftovers(&self) -> usize {
        self.repository.files("public", |path| is_temporary(&path.to_string_lossy())).len()
    }

    /// Uploads that a killed server has left.
    fn uploads(&self) -> usize {
        self.upload_files().len()
    }

    fn remove_uploads(&self) {
        for upload in self.upload_files() {
            fs::remove_file(upload).unwrap();
        }
    }

    /// What is kept for pages is in a folder beside them.
    fn upload_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.repository.path("uploads")).unwrap();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
    }

    /// Copies a directory over another one.
    fn copy(&self, from: &str, to: &str) {
        let _ = fs::remove_dir_all(self.repository.path(to));
        let root = self.repository.root();
        assert!(
            Command::new("cp").args(["-a", from, to]).current_dir(root).status().unwrap().success()
        );
    }
}

fn connect(server: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect(server).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    Some(stream)
}

/// The status of a response: a client that has read it knows the outcome, even if the rest never comes.
fn read_status(stream: &mut TcpStream) -> Option<u16> {
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        let is_timeout = error.kind() == std::io::ErrorKind::WouldBlock;
        assert!(!is_timeout, "no answer in {PATIENCE:?}");
    }
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let status = std::str::from_utf8(line).ok()?.split(' ').nth(1)?;
    status.parse().ok()
}

/// What clients know of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It was acknowledged that it has this tarball.
    Has(OuterChecksum),
    /// It was acknowledged that it is gone.
    Gone,
    /// A request for it was not answered.
    Unanswered,
}

/// What clients know of releases, by the file names of their tarballs.
type Ledger = BTreeMap<String, Known>;

/// Nothing that was acknowledged is lost.
#[track_caller]
fn compare(tree: &Tree, ledger: &Ledger) {
    let named: BTreeSet<_> = tree.releases().into_iter().collect();
    for (file, known) in ledger {
        let stored = tree.tarballs.get(file);
        match known {
            Known::Has(checksum) => {
                assert!(named.contains(file), "{file} was acknowledged, and is lost");
                assert_eq!(stored, Some(checksum), "{file} is another tarball");
            }
            Known::Gone => {
                assert!(!named.contains(file), "{file} is back");
                assert_eq!(stored, None, "{file} was left");
            }
            Known::Unanswered => {}
        }
    }
}
