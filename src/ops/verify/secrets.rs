//! Private keys, in the forms that programs keep them in, within the first 64 MiB of a file.
//!
//! - Anywhere in it: PEM, and what looks like it, such as that of OpenSSH, `GnuPG` and SSH Communications;
//!   in ASCII and what has it in common, or in UTF-16.
//! - From its first byte on: DER of PKCS#1, PKCS#8, encrypted or not, SEC1 and PKCS#12, and `PuTTY`'s own.
//! - Each of them gzipped, within the first MiB that inflates.
//!
//! Not in whatever else compresses, encrypts or encodes, nor DER behind anything.

mod armour;
mod der;

use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use memchr::memmem;

use crate::key::is_private_key_in_der;
use crate::repository::RepositoryPath;
use crate::store::{Store, StoreError};

/// How much of a file is looked through, in bytes.
const ROOM: usize = 64 << 20;

/// How much of what a file inflates to, in bytes: keys lie in front, and nobody is to wait for a bomb.
const INFLATED: u64 = 1 << 20;

/// Whether a file holds one, gzipped too where that `is_inflated`; a file that is gone does not.
pub(super) fn holds_key(
    store: &dyn Store,
    path: &RepositoryPath,
    is_inflated: bool,
    bytes: &mut Vec<u8>,
) -> Result<bool, StoreError> {
    let read = store.read(path, ROOM, bytes)?;
    Ok(read.is_some() && hold_key(bytes, is_inflated))
}

/// The same of bytes in memory.
pub(in crate::ops) fn hold_key(bytes: &[u8], is_inflated: bool) -> bool {
    let inflated = || is_inflated && inflate(bytes).is_some_and(|bytes| is_in(&bytes));
    is_in(bytes) || inflated()
}

fn is_in(bytes: &[u8]) -> bool {
    is_key(bytes) || armour::is_in(bytes) || is_in_utf16(bytes)
}

/// In forms that are a key only where they are the whole file.
fn is_key(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PuTTY-User-Key-File-")
        || is_private_key_in_der(bytes)
        || der::is_sec1(bytes)
        || der::is_pkcs12(bytes)
}

/// Whichever half of a character comes first, and whether or not a byte order mark says so.
fn is_in_utf16(bytes: &[u8]) -> bool {
    let has_armour = memmem::find(bytes, b"B\0E\0G\0I\0N\0 ").is_some();
    let half = |from| bytes.iter().copied().skip(from).step_by(2).collect::<Vec<u8>>();
    has_armour && [0, 1].into_iter().any(|from| armour::is_in(&half(from)))
}

/// What a gzipped file begins with, up to where it is damaged.
fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    bytes.starts_with(&[0x1F, 0x8B]).then(|| {
        let mut inflated = Vec::new();
        // What came before a failure is there all the same.
        let _ = MultiGzDecoder::new(bytes).take(INFLATED).read_to_end(&mut inflated);
        inflated
    })
}
