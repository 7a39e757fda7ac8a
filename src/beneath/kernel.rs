//! What Linux does by itself.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

pub use rustix::fs::ResolveFlags as Resolve;
use rustix::fs::{Mode, OFlags, openat2};
use rustix::io::Errno;

/// Never through what `/proc` has in the place of links, either.
pub const BENEATH: Resolve = Resolve::BENEATH.union(Resolve::NO_MAGICLINKS);

/// Opens what need not be waited for.
pub fn cached(
    folder: impl AsFd,
    path: &Path,
    flags: OFlags,
    resolve: Resolve,
) -> Option<io::Result<OwnedFd>> {
    match openat2(folder, path, flags, Mode::empty(), resolve.union(Resolve::CACHED)) {
        Ok(file) => Some(Ok(file)),
        // Old kernels know neither the call nor the flag, and sandboxes may forbid it. A link may lead out, or be
        // an absolute one.
        Err(Errno::AGAIN | Errno::NOSYS | Errno::INVAL | Errno::PERM | Errno::XDEV) => None,
        Err(error) => Some(Err(error.into())),
    }
}
