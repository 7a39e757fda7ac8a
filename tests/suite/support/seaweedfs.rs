//! `SeaweedFS`: storage that is in use, by its own S3 gateway.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::bucket::{Bucket, Owner};
use super::server::{Port, Server};
use super::tools;

/// The one user that it knows; requests without a signature may do everything too.
const OWNER: Owner = Owner { id: "owner", secret: "secret", asks: None };

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
    _directory: TempDir,
}

impl SeaweedFs {
    /// `None` where it is not installed.
    pub fn start(test: &str) -> Option<Self> {
        let program = tools::find_installed("seaweedfs/bin/weed", test)?;
        let directory = TempDir::new().unwrap();
        let identities = directory.path().join("identities.json");
        std::fs::write(&identities, IDENTITIES).unwrap();
        let mut command = Command::new(program);
        command.arg("server").args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]);
        // Beside them it would listen where another program may.
        command.args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-metricsPort=0"]);
        command.args([
            "-volume.max=20",
            "-master.volumeSizeLimitMB=64",
            "-volume.preStopSeconds=0",
        ]);
        command.arg(format!("-dir={}", directory.path().display()));
        command.arg(format!("-s3.config={}", identities.display()));
        // It takes no free ports by itself.
        let free = SERVICES.map(|_| [(); 2].map(|()| free_port()));
        for (service, ports) in SERVICES.iter().zip(&free) {
            for (option, port) in ["port", "port.grpc"].iter().zip(ports) {
                command.arg(format!("-{service}.{option}={}", port.local_addr().unwrap().port()));
            }
        }
        let address = free[3][0].local_addr().unwrap();
        drop(free);
        // It runs the programs of its own that it finds there, and writes beside itself.
        command.current_dir(directory.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server::other(&mut command, address);
        let this = Self { server, _directory: directory };
        this.wait();
        Some(this)
    }

    /// Until it has found out where to keep things.
    fn wait(&self) {
        let began = Instant::now();
        let port = Port::at(self.server.address);
        let keeps = || {
            port.put("/waiting", &[], b"").status == 200
                && port.put("/waiting/x", &[], b"x").status == 200
        };
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

/// A port that is free until it is dropped.
fn free_port() -> TcpListener {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap()
}
