//! Private keys, in the forms that programs keep them in, within the first 64 MiB of a file.
//!
//! - Anywhere in it: PEM, and what looks like it, such as that of OpenSSH, `GnuPG` and SSH Communications;
//!   in ASCII and what has it in common, or in UTF-16.
//! - From its first byte on: DER of PKCS#1, PKCS#8, encrypted or not, SEC1 and PKCS#12, and `PuTTY`'s own.
//! - Each of them gzipped, within the first MiB that inflates.
//!
//! Not in whatever else compresses, encrypts or encodes, nor DER behind anything.

mod der;
mod pem;

use std::io::{self, Read};

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
pub(crate) fn holds_key(
    store: &dyn Store,
    path: &RepositoryPath,
    is_inflated: bool,
    bytes: &mut Vec<u8>,
) -> Result<bool, StoreError> {
    let read = store.read(path, ROOM, bytes)?;
    Ok(read.is_some() && hold_key(bytes, is_inflated))
}

/// The same of a whole file, of which no more than [`WINDOW`] and what overlaps is held in memory.
pub(crate) fn stream_holds_key(mut file: impl Read, is_inflated: bool) -> io::Result<bool> {
    let mut window = Vec::new();
    let mut is_first = true;
    loop {
        let room = WINDOW.saturating_add(OVERLAP).saturating_sub(window.len());
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        file.by_ref().take(room).read_to_end(&mut window)?;
        let is_last = window.len() < WINDOW.saturating_add(OVERLAP);
        // What begins behind that is looked at with all that follows it, in the next window.
        let limit = if is_last { usize::MAX } else { WINDOW };
        let is_found = is_in_before(&window, limit)
            || (is_first && (is_key(&window) || (is_inflated && inflates_to_key(&window))));
        if is_found || is_last {
            return Ok(is_found);
        }
        window.drain(..WINDOW.saturating_sub(LEAD));
        is_first = false;
    }
}

/// Whether what a file begins with is or holds one, which is not gzipped.
pub(crate) fn begins_with_key(bytes: &[u8]) -> bool {
    is_in(bytes)
}

/// In bytes.
const WINDOW: usize = 4 << 20;

/// In bytes: more than the dashes before a key take, in UTF-16 too.
const LEAD: usize = 16;

/// In bytes: more than a key in UTF-16 takes, of as many lines as are looked at.
const OVERLAP: usize = 256 << 10;

/// The same of bytes in memory.
fn hold_key(bytes: &[u8], is_inflated: bool) -> bool {
    is_in(bytes) || (is_inflated && inflates_to_key(bytes))
}

fn inflates_to_key(bytes: &[u8]) -> bool {
    inflate(bytes).is_some_and(|bytes| is_in(&bytes))
}

fn is_in(bytes: &[u8]) -> bool {
    is_key(bytes) || is_in_before(bytes, usize::MAX)
}

/// In a form that may be anywhere, and that begins before `limit`.
fn is_in_before(bytes: &[u8], limit: usize) -> bool {
    pem::is_in_before(bytes, limit) || is_in_utf16_before(bytes, limit)
}

/// In forms that are a key only where they are the whole file.
fn is_key(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PuTTY-User-Key-File-")
        || is_private_key_in_der(bytes)
        || der::is_sec1(bytes)
        || der::is_pkcs12(bytes)
}

/// Whichever half of a character comes first, and whether or not a byte order mark says so.
fn is_in_utf16_before(bytes: &[u8], limit: usize) -> bool {
    let has_armour = memmem::find(bytes, b"B\0E\0G\0I\0N\0 ").is_some();
    let half = |from| bytes.iter().copied().skip(from).step_by(2).collect::<Vec<u8>>();
    let limit = limit.div_ceil(2);
    has_armour && [0, 1].into_iter().any(|from| pem::is_in_before(&half(from), limit))
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

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
                       MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n";

    /// A file of so many bytes, with a key somewhere.
    fn with_key(size: usize, at: usize, key: &[u8]) -> Vec<u8> {
        let mut file = vec![b'\n'; size];
        file[at..][..key.len()].copy_from_slice(key);
        file
    }

    #[test]
    fn a_key_is_found_wherever_in_a_large_file_it_begins() {
        let utf16: Vec<u8> = KEY.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for key in [KEY.as_bytes(), &utf16] {
            let size = 3 * WINDOW;
            let ends = [WINDOW, WINDOW + OVERLAP, 2 * WINDOW, 2 * WINDOW + OVERLAP, size];
            let around =
                ends.iter().flat_map(|end| [end - key.len(), end - key.len() / 2, end - 1]);
            let places = around.filter(|at| at + key.len() <= size).chain([0, 1, WINDOW]);
            for at in places {
                let file = with_key(size, at, key);
                assert!(stream_holds_key(&file[..], true).unwrap(), "{at}");
            }
        }
        assert!(!stream_holds_key(&vec![b'\n'; 3 * WINDOW][..], true).unwrap());
    }

    #[test]
    fn a_window_that_ends_within_a_line_makes_no_key_of_what_is_none() {
        // A symbol as long as a line of base64, were it not for what follows it.
        let line = KEY.trim_end();
        let other = format!("{line}.of.a.program\n");
        for end in [WINDOW, WINDOW + OVERLAP] {
            let at = end - line.len();
            let file = with_key(2 * WINDOW, at, other.as_bytes());
            assert!(!hold_key(&file, true));
            assert!(!stream_holds_key(&file[..], true).unwrap(), "{end}");
        }
    }

    #[test]
    fn what_is_a_key_as_a_whole_is_one_at_the_beginning_alone() {
        let putty = b"PuTTY-User-Key-File-3: ssh-rsa\n";
        assert!(stream_holds_key(&with_key(2 * WINDOW, 0, putty)[..], true).unwrap());
        assert!(!stream_holds_key(&with_key(2 * WINDOW, WINDOW, putty)[..], true).unwrap());
    }
}
