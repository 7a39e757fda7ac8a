//! Reads of files that do not wait for a disk.

use std::fs::File;
use std::io;

/// Reads only what is in memory; `None` for the rest, or where the system cannot be asked.
#[cfg(target_os = "linux")]
pub(crate) fn read(file: &File, from: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
    use std::io::IoSliceMut;

    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    let mut buffers = [IoSliceMut::new(buffer)];
    match preadv2(file, &mut buffers, from, ReadWriteFlags::NOWAIT) {
        Ok(read) => Some(Ok(read)),
        // Some file systems do not support the flag.
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS) => None,
        Err(error) => Some(Err(error.into())),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn read(_: &File, _: u64, _: &mut [u8]) -> Option<io::Result<usize>> {
    None
}
