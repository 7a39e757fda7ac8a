//! moto's S3 server, which holds to conditions, with a log of what it was asked.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use tempfile::TempDir;

use super::bucket::{Bucket, Owner, PROBE};
use super::server::Server;
use super::tools;

/// It looks who asks, and not whether it is true.
const OWNER: Owner = Owner {
    id: "owner",
    secret: "secret",
    asks: Some(
        "Authorization: AWS4-HMAC-SHA256 Credential=owner/20260101/us-east-1/s3/aws4_request, \
         SignedHeaders=host, Signature=0",
    ),
    is_ours: true,
};

/// A running server without a bucket, ended when dropped.
pub struct Moto {
    server: Server,
    directory: TempDir,
    /// How much of the log was read for [`Self::writes`], and how many there were.
    writes: Mutex<(u64, usize)>,
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    /// With its query.
    pub path: String,
    pub status: u16,
}

impl Asked {
    /// Whether it lists a bucket, or a page of it.
    pub fn is_listing(&self) -> bool {
        self.method == "GET" && self.path.contains("list-type=2")
    }
}

/// The Python that has moto, and `PyYAML`.
pub fn python(test: &str) -> Option<PathBuf> {
    tools::find_installed("moto/bin/python", test)
}

impl Moto {
    /// `None` where it is not installed.
    pub fn start(test: &str) -> Option<Self> {
        let python = python(test)?;
        let directory = TempDir::new().unwrap();
        let errors = File::create(directory.path().join("errors")).unwrap();
        let mut command = Command::new(python);
        // -B: the checkout stays as it is.
        command
            .args([
                "-B",
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/support/moto_server.py"),
            ])
            .current_dir(directory.path())
            .stderr(errors);
        let server = Server::that_says_where(&mut command, &directory.path().join("log"));
        Some(Self { server, directory, writes: Mutex::default() })
    }

    /// A new bucket.
    pub fn bucket(&self, name: &str) -> Bucket {
        Bucket::new(self.server.address, OWNER, name)
    }

    /// What it was asked so far, in the order in which it was answered.
    pub fn asked(&self) -> Vec<Asked> {
        let log = fs::read_to_string(self.directory.path().join("log")).unwrap();
        // The first line says where it listens, and the last may still be on its way.
        let lines = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let asked = lines.skip(1).map(|line| {
            let [method, path, status] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let status = status.parse().unwrap();
            Asked { method: method.to_owned(), path: path.to_owned(), status }
        });
        asked.collect()
    }

    /// How many objects it was told to write so far, without those by which conditions are tried. It is asked every
    /// millisecond, so only what is new is read.
    pub fn writes(&self) -> usize {
        let mut state = self.writes.lock().unwrap();
        let (from, writes) = &mut *state;
        let mut log = File::open(self.directory.path().join("log")).unwrap();
        log.seek(SeekFrom::Start(*from)).unwrap();
        let mut new = String::new();
        log.read_to_string(&mut new).unwrap();
        // The last line may still be on its way.
        let whole = new.rfind('\n').map_or("", |end| &new[..=end]);
        let is_write = |line: &&str| line.starts_with("PUT ") && !line.contains(PROBE);
        *writes += whole.lines().filter(is_write).count();
        *from += u64::try_from(whole.len()).unwrap();
        *writes
    }

    /// What it is asked meanwhile.
    pub fn asked_for(&self, what: impl FnOnce()) -> Vec<Asked> {
        let before = self.asked().len();
        what();
        self.asked().split_off(before)
    }
}
