//! Builders and runners that tests share.

pub mod answering;
pub mod azurite;
#[cfg(feature = "web")]
pub mod browser;
pub mod bucket;
pub mod commands;
pub mod detour;
pub mod disk;
#[cfg(feature = "web")]
pub mod documentation;
pub mod etf;
pub mod exchange;
pub mod faulty;
pub mod gateway;
pub mod hexreg;
#[cfg(feature = "web")]
pub mod html;
pub mod items;
pub mod memory;
pub mod moto;
#[cfg(feature = "buckets")]
pub mod objects;
pub mod peak;
pub mod pending_build;
pub mod ports;
pub mod protobuf;
pub mod random;
pub mod raw_tar;
pub mod relay;
pub mod repository;
pub mod s3rver;
#[cfg(feature = "buckets")]
pub mod scheduler;
pub mod seaweedfs;
pub mod server;
#[cfg(feature = "buckets")]
pub mod shuffled;
pub mod signed;
pub mod stopwatch;
pub mod strace;
pub mod system_calls;
pub mod tarball;
pub mod tools;
#[cfg(feature = "web")]
pub mod unprotected;
pub mod unruly;
pub mod upstream;
pub mod verbs;
pub mod witness;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use ::hexreg::ops::build::Options;
use ::hexreg::tarball::Limits;

/// A path in `fixtures/`.
pub fn fixture(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fixtures", path].iter().collect()
}

/// A file in `fixtures/`.
pub fn read_fixture(path: &str) -> Vec<u8> {
    std::fs::read(fixture(path)).unwrap_or_else(|error| panic!("fixtures/{path}: {error}"))
}

/// What a gzipped file holds.
pub fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut inflated = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut inflated).unwrap();
    inflated
}

/// Bytes gzipped.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut stream = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut stream, bytes).unwrap();
    stream.finish().unwrap()
}

/// What `hexreg build --name=acme` goes by, without a cache and without waiting for a lock.
pub fn options() -> Options {
    Options {
        allow_public: BTreeSet::default(),
        repository: "acme".parse().unwrap(),
        key: signed::key("acme-2048.pem"),
        limits: Limits::HEX,
        check_contents: true,
        latest: None,
        immutable: false,
        fresh: false,
        rotate_key: false,
        lock_timeout: Duration::ZERO,
        dry_run: false,
        cache: None,
    }
}
