//! s3rver: an S3 server that takes `If-Match` and `If-None-Match` for nothing, as some that are in use do.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::bucket::{Bucket, Owner};
use super::server::Server;
use super::tools;

/// The one user that it knows; requests without a signature may do everything too.
const OWNER: Owner = Owner { id: "S3RVER", secret: "S3RVER", asks: None, is_ours: false };

/// A running server without a bucket, ended when dropped.
pub struct S3rver {
    server: Server,
    _directory: TempDir,
}

impl S3rver {
    /// `None` where it is not installed.
    pub fn start(test: &str) -> Option<Self> {
        let node = tools::find("node", test)?;
        let program = tools::find_installed("s3rver/node_modules/s3rver/bin/s3rver.js", test)?;
        let directory = TempDir::new().unwrap();
        let mut command = Command::new(node);
        command
            .arg(program)
            .arg("--directory")
            .arg(directory.path().join("buckets"))
            .args(["--address", "127.0.0.1", "--port", "0", "--silent", "--no-vhost-buckets"])
            .stderr(Stdio::null());
        let server = Server::that_says_where(&mut command, &directory.path().join("log"));
        Some(Self { server, _directory: directory })
    }

    /// A new bucket.
    pub fn bucket(&self, name: &str) -> Bucket {
        Bucket::new(self.server.address, OWNER, name)
    }
}
