//! `SeaweedFS`: storage that is in use, by its own S3 gateway.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::bucket::{Bucket, Owner};
use super::server::{Port, Server, free_listener};
use super::tools;

/// The one user that it knows; requests without a signature may do everything too.
const OWNER: Owner = Owner { id: "owner", secret: "secret", asks: None, is_ours: false };

/// Who may do what.
const IDENTITIES: &str = r#"{"identities": [
    {"name": "owner", "credentials": [{"accessKey": "owner", "secretKey": "secret"}],
     "actions": ["Admin", "Read", "Write", "List"]},
    {"name": "anonymous", "actions": ["Admin", "Read", "Write", "List"]}]}"#;

/// What it listens on, which are `NAME.port` and `NAME.port.grpc` each.
const SERVICES: [&str; 4] = ["master", "volume", "filer", "s3"];

/// How long it may take until it keeps what it is given.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server without a bucket, ended when dropped.
pub struct SeaweedFs {
    server: Server,
    program: PathBuf,
    /// Its first service, and the port by which its shell asks.
    master: String,
    directory: TempDir,
}

impl SeaweedFs {
    /// `None` where it is not installed.
    pub fn start(test: &str) -> Option<Self> {
        let more = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"];
        // Beside them it would listen where another program may.
        let none = ["-s3.port.iceberg=0", "-s3.port.lance=0"];
        let this = Self::run(test, &[&more[..], &none].concat(), Some(IDENTITIES), &[])?;
        this.wait();
        Some(this)
    }

    /// `weed server` with more arguments and variables, which listens there.
    pub fn run(
        test: &str,
        more: &[&str],
        identities: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Option<Self> {
        let program = tools::find_installed("seaweedfs/bin/weed", test)?;
        let directory = TempDir::new().unwrap();
        let mut command = Command::new(&program);
        command.arg("server").args(more).arg("-metricsPort=0").envs(variables.iter().copied());
        command.args([
            "-volume.max=20",
            "-master.volumeSizeLimitMB=64",
            "-volume.preStopSeconds=0",
        ]);
        command.arg(format!("-dir={}", directory.path().display()));
        if let Some(identities) = identities {
            let file = directory.path().join("identities.json");
            std::fs::write(&file, identities).unwrap();
            command.arg(format!("-s3.config={}", file.display()));
        }
        // It takes no free ports by itself.
        let free = SERVICES.map(|_| [(); 2].map(|()| free_listener()));
        for (service, ports) in SERVICES.iter().zip(&free) {
            for (option, port) in ["port", "port.grpc"].iter().zip(ports) {
                command.arg(format!("-{service}.{option}={}", port.local_addr().unwrap().port()));
            }
        }
        let address = free[3][0].local_addr().unwrap();
        let [master, asked] = &free[0];
        let master =
            format!("{}.{}", master.local_addr().unwrap(), asked.local_addr().unwrap().port());
        drop(free);
        // It runs the programs of its own that it finds there, and writes beside itself.
        command.current_dir(directory.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server::other(&mut command, address);
        Some(Self { server, program, master, directory })
    }

    /// Has its shell do this, once it can.
    pub fn shell(&self, line: &str) {
        let began = Instant::now();
        loop {
            let mut shell = Command::new(&self.program);
            shell.args(["shell", &format!("-master={}", self.master)]);
            shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut shell = shell.current_dir(self.directory.path()).spawn().unwrap();
            writeln!(shell.stdin.take().unwrap(), "{line}").unwrap();
            let output = shell.wait_with_output().unwrap();
            let printed =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            if output.status.success() && !printed.contains("error:") {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{line}: {printed}");
            thread::sleep(Duration::from_millis(200));
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Until it has found out where to keep things.
    fn wait(&self) {
        let began = Instant::now();
        let port = Port::at(self.server.address);
        let is_kept = |path, body| {
            port.put_if_answered(path, body).is_some_and(|answer| answer.status == 200)
        };
        let keeps = || is_kept("/waiting", b"".as_slice()) && is_kept("/waiting/x", b"x");
        while !keeps() {
            assert!(began.elapsed() < PATIENCE, "it keeps nothing");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// A new bucket.
    pub fn bucket(&self, name: &str) -> Bucket {
        Bucket::new(self.server.address, OWNER, name)
    }

    /// A new bucket that keeps what was written over.
    pub fn versioned_bucket(&self, name: &str) -> Bucket {
        let bucket = self.bucket(name);
        let body = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                    <Status>Enabled</Status></VersioningConfiguration>";
        let path = format!("/{name}?versioning");
        let answer = Port::at(self.server.address).put(&path, &[], body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        bucket
    }
}
