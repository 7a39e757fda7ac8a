//! The calls of Linux that resolve paths.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

pub use rustix::fs::ResolveFlags as Resolve;
use rustix::fs::{Mode, OFlags, openat2};
use rustix::io::Errno;

/// The path stays beneath the directory and does not pass through the magic links of `/proc`.
pub const BENEATH: Resolve = Resolve::BENEATH.union(Resolve::NO_MAGICLINKS);

/// Opens a file if the kernel has its path in its caches; `None` if it has not, or does not support this.
pub fn cached(
    folder: impl AsFd,
    path: &Path,
    flags: OFlags,
    resolve: Resolve,
) -> Option<io::Result<OwnedFd>> {
    match openat2(folder, path, flags, Mode::empty(), resolve.union(Resolve::CACHED)) {
        Ok(file) => Some(Ok(file)),
        // Old kernels have neither the call nor the flag, and sandboxes may forbid it. A link may lead out or be
        // absolute.
        Err(Errno::AGAIN | Errno::NOSYS | Errno::INVAL | Errno::PERM | Errno::XDEV) => None,
        Err(error) => Some(Err(error.into())),
    }
}
