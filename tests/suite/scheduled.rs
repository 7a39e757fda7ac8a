//! Mirrors that keep themselves up to date: inside of `hexreg serve`, and by `hexreg mirror --every`.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `directory` | upstreams that change, fail, lie and recover; lock files and credentials that change |
//! | `bucket` | several servers with one bucket, the holder of the lease killed, a server that is new |
//! | `reloading` | configurations that change during a run or a request, and one that is refused |
//! | `metrics` | what alarms look at |
//! | `every` | `hexreg mirror --every` |
//! | `problems` | wrong configurations |

mod bucket;
mod directory;
mod every;
mod metrics;
mod problems;
mod reloading;

use crate::support::hexreg::Hexreg;
use crate::support::server::Server;
use crate::support::upstream::{Upstream, until};

impl Upstream {
    /// Writes the configuration of a server. `mirror` is what its table says, and `lines` what the repository says.
    fn configure(&self, file: &str, at: &str, mirror: &str, lines: &[&str]) {
        let config = format!(
            "listen = \"127.0.0.1:0\"\nmetrics-listen = \"127.0.0.1:0\"\n\
             [[repository]]\nname = \"acme\"\nroot = true\nat = \"{at}\"\nupstream = \"{}\"\n\
             upstream-key = \"public/public_key\"\n{}\nmirror = {{ {mirror} }}\n",
            self.unruly.url(),
            lines.join("\n"),
        );
        self.repository.write(file, config.as_bytes());
    }

    fn serve(&self, file: &str) -> Server {
        self.serve_as(self.repository.hexreg(), file)
    }

    fn serve_as(&self, hexreg: Hexreg, file: &str) -> Server {
        // Each server has a cache of its own. The variable comes before the file.
        let cache = self.repository.path(&format!("cache-{file}"));
        let hexreg = hexreg.env("HEXREG_CACHE_DIR", cache.to_str().unwrap());
        Server::configured(hexreg, self.repository.root(), file)
    }

    /// Whether the server has upstream's file.
    fn has(&self, server: &Server, path: &str) -> bool {
        let answer = server.get(&format!("/{path}"), &[]);
        answer.status == 200 && answer.body == self.repository.read(&format!("public/{path}"))
    }
}

/// The line of the health check.
fn health(server: &Server) -> String {
    let answer = server.get("/healthz?verbose", &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// How many runs ended so.
fn runs(server: &Server, result: &str) -> u64 {
    let metrics = server.metrics();
    let label = format!("mirror_runs_total{{repository=\"acme\",result=\"{result}\"}} ");
    let line = metrics.lines().find(|line| line.contains(&label));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}
