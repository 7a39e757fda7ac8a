//! Azurite: Microsoft's own emulator of Azure's storage.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::server::{Port, Server};
use super::tools;

/// The account that it has, and its key, both of which everybody knows.
pub const ACCOUNT: &str = "devstoreaccount1";
pub const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A shared access signature by that key, which lets its bearer do everything with blobs until 2199.
const SIGNATURE: &str = "sv=2021-08-06&ss=b&srt=sco&sp=rwdlac&se=2199-01-01T00%3A00%3A00Z\
                         &spr=https%2Chttp&sig=gHcKLCrN5IAnjt3CJ7p7CyyR6KgP%2F0fkn2k0N4lBZXc%3D";

/// A running server, ended when dropped.
pub struct Azurite {
    server: Server,
    _directory: TempDir,
}

impl Azurite {
    /// `None` where it is not installed.
    pub fn start(test: &str) -> Option<Self> {
        let node = tools::find("node", test)?;
        let main = "azurite/node_modules/azurite/dist/src/blob/main.js";
        let program = tools::find_installed(main, test)?;
        let directory = TempDir::new().unwrap();
        let mut command = Command::new(node);
        command
            .arg(program)
            .args(["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"])
            // The client may speak a younger version than it knows.
            .args(["--skipApiVersionCheck", "--disableTelemetry"])
            .current_dir(directory.path())
            .stderr(Stdio::null());
        let server = Server::that_says_where(&mut command, &directory.path().join("log"));
        Some(Self { server, _directory: directory })
    }

    /// Makes a container.
    pub fn container(&self, name: &str) {
        let path = format!("/{ACCOUNT}/{name}?restype=container&{SIGNATURE}");
        let answer = Port::at(self.server.address).put(&path, &[], b"");
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    /// As programs are told it: with the account.
    pub fn endpoint(&self) -> String {
        format!("http://{}/{ACCOUNT}", self.address())
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }
}
