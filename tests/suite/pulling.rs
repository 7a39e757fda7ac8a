//! `hexreg serve --upstream` and `pull-through`: what is not there is fetched from an upstream when a client asks for it.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `verbatim` | what is fetched, when it is asked for again, and what is served while upstream is away |
//! | `faults` | upstreams that lie, fail, drip, or come back with an older registry |
//! | `ages` | how old files are, through several caches |
//! | `restarts` | what is known of files after a restart |
//! | `slow` | upstreams that hang, or whose files come slowly |
//! | `forbidden` | upstreams that answer 403 |
//! | `races` | many clients at once, clients that go away, servers that are killed |
//! | `own_names` | packages of our own repositories |
//! | `kept_files` | files that are there before they are asked for |
//! | `limits` | full disks, and how much is kept |
//! | `reloading` | the configuration changes |
//! | `nginx` | an upstream that is nginx |
//! | `policies` | policies |
//! | `credentials` | the key of an organisation |
//! | `memory` | an upstream that changes every second, under load |
//! | `buckets` | two servers with one bucket |

mod ages;
#[cfg(feature = "buckets")]
mod buckets;
mod credentials;
mod faults;
mod forbidden;
mod kept_files;
mod limits;
mod memory;
mod nginx;
mod own_names;
mod policies;
mod races;
mod reloading;
mod restarts;
mod slow;
mod verbatim;

use crate::support::server::{Answer, Server};
use crate::support::unruly::Fault;
use crate::support::upstream::{Upstream, until};

/// Upstream is asked again at each request.
const NO_AGE: &str = "cache-control: public, max-age=0\r\n";

impl Upstream {
    /// No connection is answered any more.
    fn end(&self) {
        self.fail("/", Fault::Drop);
    }

    /// `hexreg serve --upstream` of a directory, which need not exist.
    fn pulled_into(&self, directory: &str, more: &[&str]) -> Server {
        self.pulled_from(&self.unruly.url(), directory, more)
    }

    fn pulled_from(&self, url: &str, directory: &str, more: &[&str]) -> Server {
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

    /// Whether a file is in the directory of a server.
    fn is_kept(&self, path: &str) -> bool {
        self.repository.path(path).exists()
    }

    /// Waits until both indexes are in `copy/`, which are asked for in the background.
    #[track_caller]
    fn has_indexes_in_copy(&self) {
        until("the indexes", || self.is_kept("copy/versions") && self.is_kept("copy/names"));
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
