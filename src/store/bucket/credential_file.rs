//! Files of credentials and certificates, which variables and profiles name.

use std::io;
use std::path::{Path, PathBuf};

use crate::regular_file;

/// The largest file, in bytes. A bundle of all authorities that systems trust has 220,000.
const MAX: u64 = 8 << 20;

/// Reads the text of a file.
pub(super) fn read(path: &Path) -> io::Result<String> {
    regular_file::read_given_text(path, MAX)
}

/// As [`read`], from asynchronous code. A file is read each time that new credentials are needed: other programs replace
/// it from time to time.
pub(super) async fn read_again(path: &Path) -> io::Result<String> {
    let path: PathBuf = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read(&path));
    read.await.map_err(io::Error::other)?
}
