//! `hexreg serve` in front of a bucket.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `table` | what a directory answers, a bucket answers |
//! | `storage` | storage that is slow, hangs, fails, and comes back; how many requests it gets |
//! | `starting` | servers that start while storage is away, or refuses them |
//! | `options` | buckets as arguments; a configuration that changes |
//! | `memory` | many changes while 512 connections read |
//! | `several` | two servers in front of one bucket, behind nginx |

mod memory;
mod options;
mod several;
mod starting;
mod storage;
mod table;

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{PREFIX, Writer};
use crate::support::bucket::Bucket;
use crate::support::server::Server;

/// Servers of one test have different files.
static NUMBER: AtomicUsize = AtomicUsize::new(0);

impl Writer {
    /// Serves the bucket with these lines in the configuration of the server.
    pub fn serve(&self, bucket: &Bucket, lines: &[&str]) -> Server {
        self.serve_with(bucket, lines, "")
    }

    /// The same, with more lines of the repository.
    pub fn serve_with(&self, bucket: &Bucket, lines: &[&str], of_repository: &str) -> Server {
        let listens = lines.iter().any(|line| line.starts_with("listen"));
        let listen = if listens { "" } else { "listen = \"127.0.0.1:0\"" };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let config = format!(
            "{listen}\n{}\n\n[[repository]]\nroot = true\nat = \"{}\"\nendpoint = \"{}\"\n\
             private-key = \"key.pem\"\n{of_repository}\n",
            lines.join("\n"),
            bucket.url(PREFIX),
            bucket.endpoint(),
        );
        let file = format!("{number}.toml");
        self.repository.write(&file, config.as_bytes());
        let hexreg = bucket.known_to(self.repository.hexreg());
        Server::configured(hexreg, self.repository.root(), &file)
    }

    /// A token of the file `readers`, as the header of a request.
    pub fn token(&self, name: &str, grants: &[&str]) -> String {
        let arguments = [&["auth", "add", "readers", name], grants].concat();
        let token = self.repository.hexreg().run(arguments).ok().stdout;
        format!("Authorization: {}", token.trim())
    }

    /// What the log of the servers says so far.
    pub fn log(&self) -> String {
        String::from_utf8(self.repository.read("serve.log")).unwrap()
    }
}

/// The value of a metric, by the beginning of its line; 0 if it was never counted.
fn metric(server: &Server, name: &str) -> u64 {
    let metrics = server.metrics();
    let line = metrics.lines().find(|line| line.starts_with(name));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}
